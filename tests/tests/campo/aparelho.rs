//! A real device in somebody's hands: `campo-mobile-core` on its own SQLite file, over real HTTP.

use crate::{
    casa::EMPRESA,
    harness::{SENHA, textos},
    office_api::Api,
};
use campo_domain::{
    ids::{DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::Registro,
};
use campo_mobile_core::{Error, Phone, SyncReport};
use serde_json::{Map, Value, json};
use std::{ops::Deref, sync::atomic::AtomicBool};
use tempfile::TempDir;

/// A real device.
pub struct Aparelho {
    campo: Phone,
    /// Who is signed in.
    pub quem: UserId,
    _dir: TempDir,
}

impl Deref for Aparelho {
    type Target = Phone;
    fn deref(&self) -> &Phone {
        &self.campo
    }
}

impl Aparelho {
    /// With that person signed in.
    pub fn novo(servidor: &str, quem: &Api) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let campo = Phone::open(&dir.path().join("campo.db"), None).unwrap();
        let celular = format!("Celular de {}", quem.nome);
        campo.sign_in(servidor, EMPRESA, &quem.login, SENHA, &celular).unwrap();
        Aparelho { campo, quem: quem.id, _dir: dir }
    }

    /// Synchronises.
    #[track_caller]
    pub fn sync(&self) -> SyncReport {
        self.campo.sync_now(&|_| {}, &AtomicBool::new(false)).unwrap()
    }

    /// A new record of that tipo, of what a person types.
    pub fn registra(
        &self,
        tipo: &str,
        campos: &[(&str, &str)],
        itens: &[&[(&str, &str)]],
    ) -> Result<DocumentId, Error> {
        let offered = |kind: &Kind| {
            self.campo.tipos(*kind).unwrap().iter().any(|oferecido| oferecido.codigo == tipo)
        };
        let kind = Kind::TODOS.into_iter().find(offered).unwrap();
        let itens: Vec<_> = itens.iter().map(|item| textos(item)).collect();
        self.campo.novo(kind, Some(tipo), &textos(campos), &itens)
    }

    /// A new part of a record.
    pub fn inclui(
        &self,
        id: DocumentId,
        em: Colecao,
        campos: &[(&str, &str)],
    ) -> Result<ItemId, Error> {
        self.campo.incluir_parte(id, em, &textos(campos))
    }

    /// Asks for a transition.
    pub fn pede(&self, id: DocumentId, verbo: &str) -> Result<(), Error> {
        self.campo.transicionar(id, verbo, None)
    }

    /// Asks for one, and says why.
    pub fn pede_por(&self, id: DocumentId, verbo: &str, motivo: &str) -> Result<(), Error> {
        self.campo.transicionar(id, verbo, Some(motivo))
    }

    /// The record as the device has it.
    #[track_caller]
    pub fn registro(&self, id: DocumentId) -> Registro {
        self.campo.show(id).unwrap().registro
    }

    /// The name of the situação that the device shows, and of the one that it expects.
    #[track_caller]
    pub fn mostra(&self, id: DocumentId) -> (String, Option<String>) {
        let linha = self.campo.show(id).unwrap().linha;
        (linha.situacao_nome, linha.situacao_prevista)
    }

    /// How many commands wait, are held, were refused.
    pub fn contas(&self) -> (usize, usize, usize) {
        let todas = self.campo.pending().unwrap();
        (todas.pendentes.len(), todas.retidas.len(), todas.recusadas.len())
    }

    /// The codes of the verbs that the device offers.
    #[track_caller]
    pub fn verbos(&self, id: DocumentId) -> Vec<String> {
        self.campo.show(id).unwrap().verbos.into_iter().map(|verbo| verbo.verbo).collect()
    }

    /// It says of the record only that there is none.
    #[track_caller]
    pub fn nao_tem(&self, id: DocumentId) {
        let error = self.campo.show(id).unwrap_err();
        assert!(matches!(error.codigo(), "nao_encontrado" | "fora_de_alcance"), "{error}");
    }
}

/// What is known of a photo, for the API or for a device.
pub fn foto(nome: &str, categoria: &str) -> Vec<(&'static str, String)> {
    vec![
        ("nome", nome.to_owned()),
        ("categoria", categoria.to_owned()),
        ("mime", "image/jpeg".to_owned()),
        ("tamanho", "48213".to_owned()),
        ("sha256", "a1".repeat(32)),
    ]
}

/// As [`Aparelho::inclui`] takes it.
pub fn digitado<'a>(campos: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    campos.iter().map(|(nome, valor)| (*nome, valor.as_str())).collect()
}

/// As [`Api::inclui`] takes it.
pub fn em_json(campos: &[(&'static str, String)]) -> Value {
    let campos = campos.iter().map(|(nome, valor)| ((*nome).to_owned(), json!(valor)));
    Value::Object(campos.collect::<Map<_, _>>())
}
