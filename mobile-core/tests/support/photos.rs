//! Photos on the devices of tests, and what the server says of them.

use super::{Device, Server, textos};
use automerge::{ObjType, ReadDoc, ScalarValue, transaction::Transactable};
use campo_domain::{
    ids::{DocumentId, ItemId},
    kind::Kind,
    pessoa::Permissao::{Gerenciar, Ver},
};
use campo_mobile_core::{
    Error, Network, NewPhoto, PhotoShown, PhotoSource, PhotoState, UploadReport,
};
use campo_sync::wire::Entry;
use chrono::Utc;
use std::{path::PathBuf, sync::atomic::AtomicBool};

/// A device of Ana's on Wi-Fi.
pub fn ana(server: &Server) -> Device {
    server.person("ana@demo", &[Ver, Gerenciar]);
    let device = server.device("ana@demo");
    device.campo.set_network(Network::WiFi);
    device.sync().unwrap();
    device
}

/// A photo of that name.
pub fn nova<'a>(name: &'a str, source: PhotoSource<'a>) -> NewPhoto<'a> {
    NewPhoto { source, name, category: "avaria", caption: None, taken_at: None, position: None }
}

impl Device {
    /// A case.
    pub fn caso(&self) -> DocumentId {
        let eu = self.campo.conta().unwrap().unwrap().usuario;
        let cliente = self.cliente("Padaria São João").to_string();
        let campos = textos(&[
            ("cliente", &cliente),
            ("situacao_alegada", "Porta não fecha"),
            ("responsavel", &eu.to_string()),
        ]);
        self.campo.novo(Kind::Assistencia, None, &campos, &[]).unwrap()
    }

    /// Attaches a file.
    pub fn photo(&self, document: DocumentId, nome: &str, bytes: &[u8]) -> ItemId {
        self.try_photo(document, nome, bytes).unwrap()
    }

    pub fn try_photo(
        &self,
        document: DocumentId,
        nome: &str,
        bytes: &[u8],
    ) -> Result<ItemId, Error> {
        self.campo.add_photo(document, &nova(nome, PhotoSource::Bytes(bytes)))
    }

    /// How a file stands.
    pub fn foto(&self, document: DocumentId, anexo: ItemId) -> PhotoShown {
        let fotos = self.campo.fotos(document).unwrap();
        fotos.into_iter().find(|foto| foto.anexo == anexo).unwrap()
    }

    pub fn estado(&self, document: DocumentId, anexo: ItemId) -> PhotoState {
        self.foto(document, anexo).estado
    }

    /// Sends what is due.
    pub fn send(&self) -> UploadReport {
        self.campo.enviar_fotos(&AtomicBool::new(false), &|_| {}).unwrap()
    }

    /// Takes in what the server says of files.
    pub fn told(
        &self,
        server: &Server,
        document: DocumentId,
        files: &[(ItemId, &str, Option<&str>)],
    ) {
        let entry = self.by_server(document, |tx, servidor| {
            let (_, arquivos) = tx.get(servidor, "arquivos").unwrap().unwrap();
            for (anexo, situacao, motivo) in files {
                let key = anexo.uuid().simple().to_string();
                let obj = match tx.get(&arquivos, &key).unwrap() {
                    Some((_, obj)) => obj,
                    None => tx.put_object(&arquivos, &key, ObjType::Map).unwrap(),
                };
                let now = Utc::now().timestamp_millis();
                tx.put(&obj, "situacao", *situacao).unwrap();
                tx.put(&obj, "em", ScalarValue::Timestamp(now)).unwrap();
                let motivo = motivo.map_or(ScalarValue::Null, ScalarValue::from);
                tx.put(&obj, "motivo", motivo).unwrap();
            }
        });
        self.hear(server, vec![entry]);
    }

    /// The document goes out of the person's sight.
    pub fn revoked(&self, server: &Server, document: DocumentId) {
        self.hear(server, vec![Entry::Revoked { seq: 90, document }]);
    }

    /// Names of the files beside the database, with their folder.
    pub fn files(&self) -> Vec<String> {
        let root = self.dir.path().join("campo.db.fotos");
        let mut names = Vec::new();
        for account in dirs(&root) {
            for folder in dirs(&account) {
                for file in std::fs::read_dir(&folder).unwrap().flatten() {
                    let folder = folder.file_name().unwrap().to_str().unwrap().to_owned();
                    names.push(format!("{folder}/{}", file.file_name().to_str().unwrap()));
                }
            }
        }
        names.sort();
        names
    }

    /// Where the bytes of an original are kept.
    pub fn original(&self, sha256: &str) -> PathBuf {
        self.dir.path().join("campo.db.fotos/1/originais").join(sha256)
    }
}

fn dirs(root: &std::path::Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
