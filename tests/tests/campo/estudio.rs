//! Where photos are taken and sent: a company on a server that can crash, over an object store that
//! can fail, behind a road that can break, and telephones that can be opened again. The tests of
//! photos begin with [`Estudio::novo`].

use crate::{
    casa::{Casa, EMPRESA},
    harness::{SENHA, a_device, textos},
    office_api::{Api, Caso},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    kind::Kind,
    registro::{Arquivo, SituacaoArquivo},
};
use campo_mobile_core::{
    Error, Network, NewPhoto, Phone, PhotoShown, PhotoSource, PhotoState, SyncReport, UploadReport,
};
use campo_server::{
    db::Db,
    objects::{self, Objects},
    serve::{self, Running},
};
use campo_tests::{faulty_store::FaultyStore, proxy::Proxy};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};
use uuid::Uuid;

/// How long what happens by itself may take.
const SOON: Duration = Duration::from_secs(30);

/// The hash of a file, as documents write it.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The company.
pub struct Estudio {
    /// Its database and people; its own server does not run.
    pub casa: Casa,
    /// What everybody goes through.
    pub proxy: Proxy,
    /// What the server keeps its objects in.
    pub store: FaultyStore,
    server: Option<(Runtime, Running)>,
}

impl Deref for Estudio {
    type Target = Casa;
    fn deref(&self) -> &Casa {
        &self.casa
    }
}

impl Estudio {
    /// With an object store in memory.
    pub fn novo() -> Self {
        Self::com(&[], 0)
    }

    /// With those settings of the server, and that seed of the store's faults.
    pub fn com(settings: &[(&str, &str)], seed: u64) -> Self {
        let mut casa = Casa::com("P001", settings);
        casa.stop();
        let store: Arc<dyn ObjectStore> = match casa.app.config.objects.is_some() {
            true => Objects::open(&casa.app.config).unwrap().store().clone(),
            false => Arc::new(InMemory::new()),
        };
        let store = FaultyStore::new(store, seed);
        casa.app.objects = Objects::of(Arc::new(store.clone()));
        let mut estudio = Estudio { casa, proxy: Proxy::start().unwrap(), store, server: None };
        estudio.start();
        estudio
    }

    /// Starts a server; everybody reaches it by the same address as before.
    pub fn start(&mut self) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let rt = builder.worker_threads(2).enable_all().build().unwrap();
        let running = rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let db = Db::open(&self.casa.database, 8).await.unwrap();
            let app = &self.casa.app;
            serve::start(app.config.clone(), db, app.objects.clone(), listener).unwrap()
        });
        self.casa.road.leads_to(Some(running.addr));
        self.proxy.leads_to(Some(running.addr));
        self.server = Some((rt, running));
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.away();
        if let Some((rt, running)) = self.server.take() {
            let db = running.app.db.clone();
            rt.block_on(async {
                running.stop().await;
                db.close().await;
            });
            rt.shutdown_background();
        }
    }

    /// Ends it where it is, as kill -9 would: nothing of it runs any more.
    pub fn crash(&mut self) {
        self.away();
        if let Some((rt, running)) = self.server.take() {
            drop(running);
            rt.shutdown_timeout(Duration::from_secs(5));
        }
    }

    fn away(&self) {
        self.casa.road.leads_to(None);
        self.proxy.leads_to(None);
    }

    /// A telephone of that person, signed in, synchronised, and on Wi-Fi.
    pub fn celular(&self, quem: &Api) -> Celular {
        let dir = tempfile::tempdir().unwrap();
        let campo = abre(&dir);
        let celular = format!("Celular de {}", quem.nome);
        campo.sign_in(&self.proxy.url, EMPRESA, &quem.login, SENHA, &celular).unwrap();
        let celular = Celular { campo: Some(campo), dir };
        celular.sync();
        celular
    }

    /// A token of that person.
    pub fn acesso(&self, quem: &Api) -> String {
        let body = json!({ "empresa": EMPRESA, "login": quem.login, "senha": SENHA,
                           "dispositivo": a_device(), "dispositivo_nome": "Programa" });
        let granted = self.ninguem().post("/v1/auth/login", &body).feito();
        granted["acesso"].as_str().unwrap().to_owned()
    }

    /// A new assistência of the office's.
    pub fn caso(&self, quem: &Api) -> Caso {
        let cliente = quem.cliente(json!({ "nome": "Móveis da Vila", "so_assistencia": true }));
        let campos = json!({ "cliente": cliente, "situacao_alegada": "Porta riscada." });
        quem.abre_com("assistencias", &json!({ "campos": campos })).caso()
    }

    /// What waits for its time on the server is due now.
    pub fn apressa(&self) {
        self.sql("UPDATE envio SET proxima_em = now() WHERE situacao = 'completo'");
        self.sql("UPDATE arquivo SET proxima_em = now() WHERE derivadas = 'pendentes'");
        if let Some((_, running)) = &self.server {
            running.app.uploads_complete.notify_one();
        }
    }

    /// What the record says of a file.
    pub fn estado(&self, documento: DocumentId, anexo: ItemId) -> SituacaoArquivo {
        self.registro(documento).arquivo(&anexo)
    }

    /// All that the record says of what has arrived of it.
    pub fn arquivo(&self, documento: DocumentId, anexo: ItemId) -> Option<Arquivo> {
        self.registro(documento).arquivos.get(&anexo).cloned()
    }

    /// The bytes that the store has under that hash, whatever the server says.
    pub fn guardado(&self, sha256: &str) -> Option<Vec<u8>> {
        let path = objects::original(self.tenant, sha256);
        self.rt.block_on(async {
            match self.store.inner().get(&path).await {
                Ok(found) => Some(found.bytes().await.unwrap().to_vec()),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        })
    }

    /// The keys of the company's objects, without the company.
    pub fn objetos(&self) -> Vec<String> {
        let all = objects::of_company(self.tenant);
        let all = self.store.inner().list(Some(&all)).try_collect::<Vec<_>>();
        let prefix = format!("{}/", self.tenant);
        let keys = self.rt.block_on(all).unwrap().into_iter();
        let mut keys: Vec<_> =
            keys.map(|found| found.location.to_string().replacen(&prefix, "", 1)).collect();
        keys.sort();
        keys
    }

    /// The keys that begin so.
    pub fn objetos_em(&self, inicio: &str) -> Vec<String> {
        self.objetos().into_iter().filter(|key| key.starts_with(inicio)).collect()
    }

    /// What the rows say of each file.
    pub fn estados(&self) -> Vec<(ItemId, String)> {
        let rows = sqlx::query_as("SELECT id, estado FROM anexos");
        let rows: Vec<(Uuid, String)> =
            self.rt.block_on(rows.fetch_all(self.casa.app.db.owner())).unwrap();
        rows.into_iter().map(|(id, estado)| (ItemId::from(id), estado)).collect()
    }

    /// A number out of the database, as its owner.
    pub fn conta(&self, query: &'static str) -> i64 {
        let run = sqlx::query_scalar(query).fetch_one(self.casa.app.db.owner());
        self.rt.block_on(run).unwrap()
    }

    /// Waits until this holds.
    #[track_caller]
    pub fn espera(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < SOON, "{what}: not in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a file has come to that state.
    #[track_caller]
    pub fn espera_estado(&self, documento: DocumentId, anexo: ItemId, estado: SituacaoArquivo) {
        let what = format!("{anexo} is to be {estado:?}");
        self.espera(&what, || self.estado(documento, anexo) == estado);
    }
}

impl Drop for Estudio {
    fn drop(&mut self) {
        self.crash();
    }
}

fn abre(dir: &TempDir) -> Arc<Phone> {
    let campo = Phone::open(&dir.path().join("campo.db"), None).unwrap();
    campo.set_network(Network::WiFi);
    Arc::new(campo)
}

/// Copies what is there; what goes away meanwhile was not needed.
fn copy_folder(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries.flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy_folder(&path, &copy),
            false => drop(std::fs::copy(&path, &copy)),
        }
    }
}

/// A telephone.
pub struct Celular {
    campo: Option<Arc<Phone>>,
    dir: TempDir,
}

impl Deref for Celular {
    type Target = Phone;
    fn deref(&self) -> &Phone {
        self.campo.as_ref().unwrap()
    }
}

impl Celular {
    /// The original with that hash, if it is anywhere on the device.
    pub fn original(&self, sha256: &str) -> Option<PathBuf> {
        let folders = std::fs::read_dir(self.dir.path().join("campo.db.fotos")).ok()?.flatten();
        let found = folders.map(|account| account.path().join("originais").join(sha256));
        found.into_iter().find(|path| path.is_file())
    }

    /// Copies what is durable of a device right now into a folder.
    pub fn copia(file: &Path, to: &Path) {
        let from = rusqlite::Connection::open(file).unwrap();
        let copy = to.join("campo.db");
        from.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        copy_folder(&file.with_file_name("campo.db.fotos"), &to.join("campo.db.fotos"));
    }

    /// The app ends; what is in that folder is opened in its place.
    pub fn acorda_em(&mut self, dir: TempDir) {
        self.campo = None;
        self.dir = dir;
        self.campo = Some(abre(&self.dir));
    }

    /// The app ends and is opened again.
    pub fn reabre(&mut self) {
        self.campo = None;
        self.campo = Some(abre(&self.dir));
    }

    /// The app ends.
    pub fn fecha(&mut self) {
        self.campo = None;
    }

    /// The app, for another thread.
    pub fn app(&self) -> Arc<Phone> {
        self.campo.clone().unwrap()
    }

    /// Its database.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("campo.db")
    }

    /// A new assistência of a new cliente.
    pub fn assistencia(&self, alegada: &str) -> DocumentId {
        let nome = format!("Cliente de {alegada}");
        let campos = textos(&[("nome", &nome), ("so_assistencia", "sim")]);
        let cliente = self.novo(Kind::Cliente, None, &campos, &[]).unwrap().to_string();
        let campos = textos(&[("cliente", &cliente), ("situacao_alegada", alegada)]);
        self.novo(Kind::Assistencia, None, &campos, &[]).unwrap()
    }

    /// Takes a photo.
    pub fn fotografa(&self, documento: DocumentId, bytes: &[u8]) -> Result<ItemId, Error> {
        self.anexa(documento, "foto.jpg", PhotoSource::Bytes(bytes))
    }

    /// Attaches a file.
    pub fn anexa(
        &self,
        documento: DocumentId,
        nome: &str,
        source: PhotoSource<'_>,
    ) -> Result<ItemId, Error> {
        let (caption, taken_at, position) = (None, None, None);
        let (name, category) = (nome, "avaria");
        let nova = NewPhoto { source, name, category, caption, taken_at, position };
        self.add_photo(documento, &nova)
    }

    /// Tries to synchronise.
    pub fn tenta_sync(&self) -> Result<SyncReport, Error> {
        self.sync_now(&|_| {}, &AtomicBool::new(false))
    }

    /// Synchronises.
    #[track_caller]
    pub fn sync(&self) -> SyncReport {
        self.tenta_sync().unwrap()
    }

    /// Tries to send photos.
    pub fn tenta_enviar(&self) -> Result<UploadReport, Error> {
        self.enviar_fotos(&AtomicBool::new(false), &|_| {})
    }

    /// Sends photos.
    #[track_caller]
    pub fn envia(&self) -> UploadReport {
        self.tenta_enviar().unwrap()
    }

    /// A photo as it is shown.
    #[track_caller]
    pub fn foto(&self, documento: DocumentId, anexo: ItemId) -> PhotoShown {
        let fotos = self.fotos(documento).unwrap();
        fotos.into_iter().find(|foto| foto.anexo == anexo).unwrap()
    }

    /// The state that is shown of it.
    #[track_caller]
    pub fn mostra(&self, documento: DocumentId, anexo: ItemId) -> PhotoState {
        self.foto(documento, anexo).estado
    }
}
