//! Uploads through the real routes, on a real database.

mod autorizacao;
mod envios;
mod loja;
mod varreduras;
mod verificacoes;

use super::{limpeza, verificacao};
use crate::{
    app::App,
    auth::accounts::{self, NewCompany, NewUser},
    commit::{Answer, Work},
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
use futures::{StreamExt, TryStreamExt, stream};
use loja::Loja;
use object_store::{ObjectStoreExt, path::Path};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use tower::ServiceExt;
use uuid::Uuid;

const SENHA: &str = "segredo de teste";

/// A company on a server, with a store that may fail.
struct Casa {
    test: TestDb,
    loja: Arc<Loja>,
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
struct Resposta {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Resposta {
    fn header(&self, nome: &str) -> &str {
        self.headers.get(nome).unwrap_or_else(|| panic!("{nome} in {self:?}")).to_str().unwrap()
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
struct Foto {
    documento: DocumentId,
    anexo: ItemId,
    bytes: Bytes,
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A JPEG of that size; of another seed, another picture.
fn jpeg(seed: u8, largura: u32, altura: u32) -> Bytes {
    let pixels = largura * altura * 3;
    let rgb: Vec<u8> = (0..pixels).map(|n| (n / 7 % 251) as u8 ^ seed).collect();
    campo_fotos::encode(&rgb, largura, altura, 90).into()
}

/// Bytes that are no picture.
fn dados(seed: u8, length: usize) -> Bytes {
    (0..length).map(|n| (n * 31 % 253) as u8 ^ seed).collect::<Vec<_>>().into()
}

impl Casa {
    async fn nova() -> Self {
        Self::em(testing::database().await.unwrap(), "aurora").await
    }

    async fn em(test: TestDb, slug: &str) -> Self {
        let loja = Arc::new(Loja::default());
        let db = Db::open(&test.url, 5).await.unwrap();
        let app = App::new(testing::config().unwrap(), db, Objects::of(loja.clone()));
        let fuso = "America/Sao_Paulo";
        let new = NewCompany { nome: slug, slug, fuso, preset: Some("P001") };
        let tenant = accounts::create_company(&app.db, new).await.unwrap();
        let router = routes::router(app.clone());
        let (slug, token, carla) = (slug.to_owned(), String::new(), UserId::SERVIDOR);
        let mut casa = Casa { test, loja, app, router, tenant, slug, carla, token };
        casa.carla = casa.pessoa("carla", &Permissao::TODAS[..]).await;
        casa.token = casa.entrar("carla").await;
        casa
    }

    /// Another server over the same database and store.
    async fn outro_servidor(&self) -> Router {
        let db = Db::open(&self.test.url, 3).await.unwrap();
        routes::router(App::new(self.app.config.clone(), db, self.app.objects.clone()))
    }

    async fn pessoa(&self, login: &str, permissoes: &[Permissao]) -> UserId {
        let permissoes = permissoes.iter().copied().filter(|p| *p != Permissao::Portal).collect();
        let new = NewUser { login, nome: login, senha: SENHA, permissoes };
        accounts::create_user(&self.app.db, self.tenant, new).await.unwrap()
    }

    async fn entrar(&self, login: &str) -> String {
        let body = json!({
            "empresa": self.slug, "login": login, "senha": SENHA,
            "dispositivo": Uuid::now_v7(), "dispositivo_nome": "celular",
        });
        let request =
            Request::post("/v1/auth/login").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = enviar(&self.router, request).await;
        answer.body["acesso"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    async fn comando(&self, user: UserId, document: DocumentId, command: Command) {
        let work = Work::Office { user, commands: vec![(document, command)], se: None };
        let answer = self.app.submit(self.tenant, work).await.unwrap();
        assert!(matches!(answer, Answer::Office(Ok(()))), "{answer:?}");
    }

    async fn criar(&self, kind: Kind, campos: &[(&str, Valor)]) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let mut tx = self.app.db.snapshot(self.tenant).await.unwrap();
        let tipos = ledger::tipos(&mut tx, self.tenant).await.unwrap();
        let tipo = tipos.do_kind(kind).next().unwrap().referencia();
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let command = Command::Criar { id, kind, tipo, campos, itens: vec![] };
        self.comando(self.carla, id, command).await;
        id
    }

    async fn assistencia(&self) -> DocumentId {
        let nome = [("nome", Valor::Texto("Padaria Sol".into()))];
        let cliente = self.criar(Kind::Cliente, &nome).await;
        let alegada = Valor::Texto("A porta não fecha.".into());
        let campos = [("cliente", Valor::Id(cliente.uuid())), ("situacao_alegada", alegada)];
        self.criar(Kind::Assistencia, &campos).await
    }

    /// A file of a record, declared by somebody.
    async fn declarada_por(&self, user: UserId, documento: DocumentId, bytes: Bytes) -> Foto {
        let anexo = ItemId::from(Uuid::now_v7());
        let campos = [
            ("nome", Valor::Texto("foto.jpg".into())),
            ("categoria", Valor::Texto("antes".into())),
            ("mime", Valor::Texto("image/jpeg".into())),
            ("tamanho", Valor::Inteiro(bytes.len() as i64)),
            ("sha256", Valor::Texto(sha256(&bytes))),
        ];
        let campos = campos.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let item = NovoItem { id: anexo, campos };
        let command = Command::IncluirItem { em: Colecao::Anexos, item };
        self.comando(user, documento, command).await;
        Foto { documento, anexo, bytes }
    }

    /// A file of a new record.
    async fn foto(&self, bytes: Bytes) -> Foto {
        let documento = self.assistencia().await;
        self.declarada_por(self.carla, documento, bytes).await
    }

    /// What the record says of the file, and why.
    async fn estado(&self, foto: &Foto) -> (SituacaoArquivo, Option<String>) {
        let mut tx = self.app.db.snapshot(self.tenant).await.unwrap();
        let carla = ledger::pessoa(&mut tx, self.tenant, self.carla).await.unwrap();
        tx.rollback().await.unwrap();
        let found = office::load(&self.app, self.tenant, &carla, foto.documento).await.unwrap();
        let registro = found.unwrap().0;
        let motivo = registro.arquivos.get(&foto.anexo).and_then(|a| a.motivo.clone());
        (registro.arquivo(&foto.anexo), motivo)
    }

    async fn situacao(&self, foto: &Foto) -> SituacaoArquivo {
        self.estado(foto).await.0
    }

    /// Verifies all that has arrived.
    async fn verificar(&self) {
        verificacao::once(&self.app).await.unwrap();
    }

    /// As if the time that all wait for had come.
    async fn esperar(&self) {
        self.sql("UPDATE envio SET proxima_em = now()").await;
    }

    async fn sql(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(self.app.db.owner()).await.unwrap().rows_affected()
    }

    async fn conta(&self, query: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {query}"));
        sqlx::query_scalar(query).fetch_one(self.app.db.owner()).await.unwrap()
    }

    /// Everything that the store has, without the company in front.
    async fn objetos(&self) -> Vec<String> {
        let found: Vec<_> = self.app.objects.store().list(None).try_collect().await.unwrap();
        let tenant = format!("{}/", self.tenant);
        let mut keys: Vec<String> =
            found.iter().map(|o| o.location.as_ref().replace(&tenant, "")).collect();
        keys.sort();
        keys
    }

    /// The bytes under their hash, if they are there.
    async fn guardado(&self, bytes: &Bytes) -> bool {
        let chave = crate::objects::original(self.tenant, &sha256(bytes));
        match self.app.objects.store().get(&chave).await {
            Ok(found) => found.bytes().await.unwrap() == *bytes,
            Err(_) => false,
        }
    }

    async fn pedir(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Resposta {
        pedir(&self.router, &self.token, method, path, headers, body).await
    }

    async fn comecar_como(&self, token: &str, foto: &Foto, mais: &str) -> Resposta {
        let length = foto.bytes.len().to_string();
        let metadata = metadados(foto, mais);
        let headers = [("upload-length", &*length), ("upload-metadata", &*metadata)];
        pedir(&self.router, token, Method::POST, "/v1/arquivos", &headers, Body::empty()).await
    }

    /// Begins an upload.
    async fn comecar(&self, foto: &Foto) -> Resposta {
        self.comecar_como(&self.token, foto, "").await
    }

    /// Sends bytes.
    async fn enviar(&self, url: &str, offset: usize, bytes: impl Into<Body>) -> Resposta {
        patch(&self.router, &self.token, url, offset, &[], bytes.into()).await
    }

    async fn ver(&self, url: &str) -> Resposta {
        self.pedir(Method::HEAD, url, &[], Body::empty()).await
    }

    /// Uploads all of a file, and has it verified.
    async fn enviada(&self, foto: &Foto) -> SituacaoArquivo {
        let begun = self.comecar(foto).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let url = begun.header("location").to_owned();
        if begun.offset() < foto.bytes.len() {
            let sent = self.enviar(&url, begun.offset(), foto.bytes.slice(begun.offset()..)).await;
            assert_eq!((sent.status, sent.offset()), (204, foto.bytes.len()), "{sent:?}");
        }
        self.verificar().await;
        self.situacao(foto).await
    }
}

fn metadados(foto: &Foto, mais: &str) -> String {
    let b64 = |texto: String| STANDARD.encode(texto);
    let (documento, anexo) = (b64(foto.documento.to_string()), b64(foto.anexo.to_string()));
    let mut all = format!("documento {documento},anexo {anexo}");
    for (nome, valor) in mais.split(',').filter_map(|par| par.split_once('=')) {
        all += &format!(",{nome} {}", b64(valor.to_owned()));
    }
    all
}

async fn patch(
    router: &Router,
    token: &str,
    url: &str,
    offset: usize,
    mais: &[(&str, &str)],
    body: Body,
) -> Resposta {
    let offset = offset.to_string();
    let tipo = "application/offset+octet-stream";
    let mut headers = vec![("content-type", tipo), ("upload-offset", &*offset)];
    headers.extend(mais);
    pedir(router, token, Method::PATCH, url, &headers, body).await
}

async fn pedir(
    router: &Router,
    token: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Resposta {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if !headers.iter().any(|(nome, _)| *nome == "tus-resumable") {
        request = request.header("tus-resumable", "1.0.0");
    }
    for (nome, valor) in headers {
        request = request.header(*nome, *valor);
    }
    enviar(router, request.body(body).unwrap()).await
}

async fn enviar(router: &Router, request: Request<Body>) -> Resposta {
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Resposta { status, headers, body }
}

/// A body that breaks off after these bytes.
fn cortado(bytes: Bytes) -> Body {
    let broken = stream::once(async { Err(std::io::Error::other("the link broke")) });
    Body::from_stream(stream::iter([Ok(bytes)]).chain(broken))
}
