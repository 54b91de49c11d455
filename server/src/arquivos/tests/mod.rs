//! Uploads through the real routes, on a real database.

mod authorization;
mod flaky_store;
mod sweeps;
mod uploads;
mod verifications;

use super::{cleanup, verify};
use crate::{
    app::App,
    auth::accounts::{self, NewCompany, NewUser},
    commit::{self, Work},
    db::Db,
    ledger,
    objects::Objects,
    office, routes,
    testing::{self, TestDb},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId, TenantId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::Permissao,
    registro::SituacaoArquivo,
    valor::Valor,
};
use chrono::Utc;
use flaky_store::FlakyStore;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStoreExt, path::Path};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use tower::ServiceExt;
use uuid::Uuid;

const SENHA: &str = "segredo de teste";

/// A company on a server, with a store that may fail.
struct Company {
    test: TestDb,
    flaky_store: Arc<FlakyStore>,
    app: App,
    router: Router,
    tenant: TenantId,
    slug: String,
    carla: UserId,
    /// Carla's, who sees everything.
    token: String,
}

/// What the server answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} in {self:?}")).to_str().unwrap()
    }

    fn offset(&self) -> usize {
        self.header("upload-offset").parse().unwrap()
    }

    fn codigo(&self) -> (u16, &str) {
        (self.status, self.body["codigo"].as_str().unwrap_or_default())
    }
}

/// A file that a record declares.
#[derive(Clone, Debug)]
struct Photo {
    document: DocumentId,
    attachment: ItemId,
    bytes: Bytes,
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A JPEG of that size; of another seed, another picture.
fn jpeg(seed: u8, width: u32, height: u32) -> Bytes {
    let pixels = width * height * 3;
    let rgb: Vec<u8> = (0..pixels).map(|n| (n / 7 % 251) as u8 ^ seed).collect();
    campo_fotos::encode(&rgb, width, height, 90).into()
}

/// Bytes that are no picture.
fn noise(seed: u8, length: usize) -> Bytes {
    (0..length).map(|n| (n * 31 % 253) as u8 ^ seed).collect::<Vec<_>>().into()
}

impl Company {
    async fn new() -> Self {
        Self::on(testing::database().await.unwrap(), "aurora").await
    }

    async fn on(test: TestDb, slug: &str) -> Self {
        let flaky_store = Arc::new(FlakyStore::default());
        let db = Db::open(&test.url, 5).await.unwrap();
        let app = App::new(testing::config().unwrap(), db, Objects::of(flaky_store.clone()));
        let fuso = "America/Sao_Paulo";
        let new = NewCompany { nome: slug, slug, fuso, preset: Some("P001") };
        let tenant = accounts::create_company(&app.db, new).await.unwrap();
        let router = routes::router(app.clone());
        let (slug, token, carla) = (slug.to_owned(), String::new(), UserId::SERVIDOR);
        let mut company = Company { test, flaky_store, app, router, tenant, slug, carla, token };
        company.carla = company.person("carla", &Permissao::TODAS[..]).await;
        company.token = company.sign_in("carla").await;
        company
    }

    /// Another server over the same database and store.
    async fn other_server(&self) -> Router {
        let db = Db::open(&self.test.url, 3).await.unwrap();
        routes::router(App::new(self.app.config.clone(), db, self.app.objects.clone()))
    }

    async fn person(&self, login: &str, permissoes: &[Permissao]) -> UserId {
        let permissoes = permissoes.iter().copied().filter(|p| *p != Permissao::Portal).collect();
        let new = NewUser { login, nome: login, senha: SENHA, permissoes };
        accounts::create_user(&self.app.db, self.tenant, new).await.unwrap()
    }

    async fn sign_in(&self, login: &str) -> String {
        let body = json!({
            "empresa": self.slug, "login": login, "senha": SENHA,
            "dispositivo": Uuid::now_v7(), "dispositivo_nome": "celular",
        });
        let request =
            Request::post("/v1/auth/login").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = send(&self.router, request).await;
        answer.body["acesso"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    async fn run(&self, user: UserId, document: DocumentId, command: Command) {
        let work = Work::Office { user, commands: vec![(document, command)], only_if: None };
        let answer = self.app.submit(self.tenant, work).await.unwrap();
        assert!(matches!(answer, commit::Answer::Office(Ok(()))), "{answer:?}");
    }

    async fn create(&self, kind: Kind, campos: &[(&str, Valor)]) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let mut tx = self.app.db.snapshot(self.tenant).await.unwrap();
        let tipos = ledger::tipos(&mut tx, self.tenant).await.unwrap();
        let tipo = tipos.do_kind(kind).next().unwrap().referencia();
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let command = Command::Criar { id, kind, tipo, campos, itens: vec![] };
        self.run(self.carla, id, command).await;
        id
    }

    async fn assistencia(&self) -> DocumentId {
        let name = [("nome", Valor::Texto("Padaria Sol".into()))];
        let cliente = self.create(Kind::Cliente, &name).await;
        let complaint = Valor::Texto("A porta não fecha.".into());
        let campos = [("cliente", Valor::Id(cliente.uuid())), ("situacao_alegada", complaint)];
        self.create(Kind::Assistencia, &campos).await
    }

    /// A file of a record, declared by somebody.
    async fn declared_by(&self, user: UserId, document: DocumentId, bytes: Bytes) -> Photo {
        let attachment = ItemId::from(Uuid::now_v7());
        let campos = [
            ("nome", Valor::Texto("foto.jpg".into())),
            ("categoria", Valor::Texto("antes".into())),
            ("mime", Valor::Texto("image/jpeg".into())),
            ("tamanho", Valor::Inteiro(bytes.len() as i64)),
            ("sha256", Valor::Texto(sha256(&bytes))),
        ];
        let campos = campos.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let item = NovoItem { id: attachment, campos };
        let command = Command::IncluirItem { em: Colecao::Anexos, item };
        self.run(user, document, command).await;
        Photo { document, attachment, bytes }
    }

    /// A file of a new record.
    async fn photo(&self, bytes: Bytes) -> Photo {
        let document = self.assistencia().await;
        self.declared_by(self.carla, document, bytes).await
    }

    /// What the record says of the file, and why.
    async fn state(&self, photo: &Photo) -> (SituacaoArquivo, Option<String>) {
        let mut tx = self.app.db.snapshot(self.tenant).await.unwrap();
        let carla = ledger::pessoa(&mut tx, self.tenant, self.carla).await.unwrap();
        tx.rollback().await.unwrap();
        let found = office::load(&self.app, self.tenant, &carla, photo.document).await.unwrap();
        let registro = found.unwrap().0;
        let reason = registro.arquivos.get(&photo.attachment).and_then(|a| a.motivo.clone());
        (registro.arquivo(&photo.attachment), reason)
    }

    async fn file_state(&self, photo: &Photo) -> SituacaoArquivo {
        self.state(photo).await.0
    }

    /// Verifies all that has arrived.
    async fn verify(&self) {
        verify::once(&self.app).await.unwrap();
    }

    /// As if the time that all wait for had come.
    async fn make_due(&self) {
        self.sql("UPDATE envio SET proxima_em = now()").await;
    }

    async fn sql(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(self.app.db.owner()).await.unwrap().rows_affected()
    }

    async fn count(&self, query: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {query}"));
        sqlx::query_scalar(query).fetch_one(self.app.db.owner()).await.unwrap()
    }

    /// Everything that the store has, without the company in front.
    async fn objects(&self) -> Vec<String> {
        let found: Vec<_> = self.app.objects.store().list(None).try_collect().await.unwrap();
        let tenant = format!("{}/", self.tenant);
        let mut keys: Vec<String> =
            found.iter().map(|o| o.location.as_ref().replace(&tenant, "")).collect();
        keys.sort();
        keys
    }

    /// The bytes under their hash, if they are there.
    async fn is_stored(&self, bytes: &Bytes) -> bool {
        let key = crate::objects::original(self.tenant, &sha256(bytes));
        match self.app.objects.store().get(&key).await {
            Ok(found) => found.bytes().await.unwrap() == *bytes,
            Err(_) => false,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        ask(&self.router, &self.token, method, path, headers, body).await
    }

    async fn begin_as(&self, token: &str, photo: &Photo, more: &str) -> Answer {
        let length = photo.bytes.len().to_string();
        let metadata = metadata(photo, more);
        let headers = [("upload-length", &*length), ("upload-metadata", &*metadata)];
        ask(&self.router, token, Method::POST, "/v1/arquivos", &headers, Body::empty()).await
    }

    /// Begins an upload.
    async fn begin(&self, photo: &Photo) -> Answer {
        self.begin_as(&self.token, photo, "").await
    }

    /// Sends bytes.
    async fn send(&self, url: &str, offset: usize, bytes: impl Into<Body>) -> Answer {
        patch(&self.router, &self.token, url, offset, &[], bytes.into()).await
    }

    async fn look(&self, url: &str) -> Answer {
        self.ask(Method::HEAD, url, &[], Body::empty()).await
    }

    /// Uploads all of a file, and has it verified.
    async fn uploaded(&self, photo: &Photo) -> SituacaoArquivo {
        let begun = self.begin(photo).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let url = begun.header("location").to_owned();
        if begun.offset() < photo.bytes.len() {
            let sent = self.send(&url, begun.offset(), photo.bytes.slice(begun.offset()..)).await;
            assert_eq!((sent.status, sent.offset()), (204, photo.bytes.len()), "{sent:?}");
        }
        self.verify().await;
        self.file_state(photo).await
    }
}

fn metadata(photo: &Photo, more: &str) -> String {
    let b64 = |text: String| STANDARD.encode(text);
    let (document, attachment) =
        (b64(photo.document.to_string()), b64(photo.attachment.to_string()));
    let mut all = format!("documento {document},anexo {attachment}");
    for (name, value) in more.split(',').filter_map(|pair| pair.split_once('=')) {
        all += &format!(",{name} {}", b64(value.to_owned()));
    }
    all
}

async fn patch(
    router: &Router,
    token: &str,
    url: &str,
    offset: usize,
    more: &[(&str, &str)],
    body: Body,
) -> Answer {
    let offset = offset.to_string();
    let kind = "application/offset+octet-stream";
    let mut headers = vec![("content-type", kind), ("upload-offset", &*offset)];
    headers.extend(more);
    ask(router, token, Method::PATCH, url, &headers, body).await
}

async fn ask(
    router: &Router,
    token: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if !headers.iter().any(|(name, _)| *name == "tus-resumable") {
        request = request.header("tus-resumable", "1.0.0");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(body).unwrap()).await
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, body }
}

/// A body that breaks off after these bytes.
fn cut_off(bytes: Bytes) -> Body {
    let broken = stream::once(async { Err(std::io::Error::other("the link broke")) });
    Body::from_stream(stream::iter([Ok(bytes)]).chain(broken))
}
