//! Downloads through the real router, on a real PostgreSQL.

use super::*;
use crate::{
    arquivos::derivatives,
    auth::accounts::{self, NewCompany, Person},
    auth::password,
    commit::{self, Work},
    config::Config,
    ledger,
    objects::Objects,
    routes, testing,
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use campo_domain::{
    command::{Command, Listados, NovoItem},
    ids::UserId,
    kind::Kind,
    registro::{Campos, SituacaoArquivo},
    tipo::TipoRef,
    valor::Valor,
};
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use tower::ServiceExt;
use uuid::Uuid;

const SENHA: &str = "segredo de teste";
const KEY: &str = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";

/// A company of P004, with its people by login, and a case of a client.
struct Company {
    app: App,
    tenant: TenantId,
    people: BTreeMap<&'static str, UserId>,
    caso: DocumentId,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    fn codigo(&self) -> String {
        self.json()["codigo"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is these bytes; a test does not print them.
    fn is(&self, bytes: &[u8]) -> bool {
        self.status == StatusCode::OK && self.bytes == bytes
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn text(text: &str) -> Valor {
    Valor::Texto(text.to_owned())
}

impl Company {
    async fn new() -> Self {
        let test = testing::database().await.unwrap();
        let config = Config::parse(|name| (name == "CAMPO_CHAVE").then(|| KEY.to_owned()));
        let app = App::new(Arc::new(config.unwrap()), test.db, Objects::memory());
        let new = |slug| NewCompany {
            nome: "Conta",
            slug,
            fuso: "America/Sao_Paulo",
            preset: Some("P004"),
        };
        let tenant = accounts::create_company(&app.db, new("conta")).await.unwrap();
        let other = accounts::create_company(&app.db, new("outra")).await.unwrap();
        let mut company = Company { app, tenant, people: BTreeMap::new(), caso: DocumentId::NIL };
        company.person(tenant, "carla", "ver ver_todas gerenciar administrar", None).await;
        company.person(tenant, "ana", "ver", None).await;
        company.person(tenant, "rui", "ver ver_todas", None).await;
        company.person(other, "dora", "ver ver_todas gerenciar administrar", None).await;
        let padaria = company.create("p004.cliente", &[("nome", text("Padaria"))]).await;
        let mercado = company.create("p004.cliente", &[("nome", text("Mercado"))]).await;
        company.person(tenant, "pat", "portal", Some(padaria)).await;
        company.person(tenant, "tito", "portal", Some(padaria)).await;
        company.person(tenant, "max", "portal", Some(mercado)).await;
        let campos = [("assunto", text("Forno")), ("cliente", Valor::Id(padaria.uuid()))];
        company.caso = company.create("p004.ocorrencia", &campos).await;
        company
    }

    async fn person(
        &mut self,
        tenant: TenantId,
        login: &'static str,
        may: &str,
        cliente: Option<DocumentId>,
    ) {
        let id = UserId::from(Uuid::now_v7());
        let person = Person {
            login: login.into(),
            nome: login.into(),
            permissoes: may.split(' ').map(|p| p.parse().unwrap()).collect(),
            cliente,
            ativo: true,
            ..Person::default()
        };
        let hash = password::hash(SENHA).await.unwrap();
        let mut tx = self.app.db.tenant(tenant).await.unwrap();
        accounts::write_user(&mut tx, tenant, id, &person, Some(&hash)).await.unwrap();
        tx.commit().await.unwrap();
        self.people.insert(login, id);
    }

    async fn run(&self, login: &str, document: DocumentId, command: Command) {
        let mut tx = self.app.db.tenant(self.tenant).await.unwrap();
        let pessoa = ledger::pessoa(&mut tx, self.tenant, self.people[login]).await.unwrap();
        drop(tx);
        office::run(&self.app, self.tenant, &pessoa, document, command).await.unwrap();
    }

    async fn create(&self, tipo: &str, campos: &[(&str, Valor)]) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let kind = if tipo == "p004.cliente" { Kind::Cliente } else { Kind::Ocorrencia };
        let tipo = TipoRef { codigo: tipo.to_owned(), versao: 1 };
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        self.run("carla", id, Command::Criar { id, kind, tipo, campos, itens: vec![] }).await;
        id
    }

    /// Somebody declares a file.
    async fn declare(&self, login: &str, name: &str, mime: &str, bytes: &[u8]) -> ItemId {
        let id = ItemId::from(Uuid::now_v7());
        let campos = [
            ("nome", text(name)),
            ("categoria", text("avaria")),
            ("mime", text(mime)),
            ("tamanho", Valor::Inteiro(i64::try_from(bytes.len()).unwrap())),
            ("sha256", Valor::Texto(hash(bytes))),
        ];
        let campos: Campos = campos.map(|(name, value)| (name.to_owned(), value)).into();
        let item = NovoItem { id, campos };
        self.run(login, self.caso, Command::IncluirItem { em: Colecao::Anexos, item }).await;
        id
    }

    /// Its bytes arrive and are verified.
    async fn arrive(&self, attachment: ItemId, bytes: &[u8], derivatives: &str) {
        let sha256 = hash(bytes);
        let payload = PutPayload::from(bytes.to_vec());
        let key = objects::original(self.tenant, &sha256);
        self.app.objects.store().put(&key, payload).await.unwrap();
        let mut tx = self.app.db.tenant(self.tenant).await.unwrap();
        sqlx::query(
            "INSERT INTO arquivo (tenant, sha256, tamanho, mime, derivadas) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(self.tenant.uuid())
        .bind(&sha256)
        .bind(i64::try_from(bytes.len()).unwrap())
        .bind(campo_fotos::sniff(bytes).mime)
        .bind(derivatives)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        for state in [SituacaoArquivo::Recebida, SituacaoArquivo::Verificada] {
            let document = self.caso;
            let work = Work::File { document, attachment, state, reason: None };
            let answer = self.app.submit(self.tenant, work).await.unwrap();
            assert!(matches!(answer, commit::Answer::File(true)), "{answer:?}");
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = routes::router(self.app.clone()).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        Answer { status, headers, bytes }
    }

    /// What goes into `Authorization`.
    async fn enter(&self, empresa: &str, login: &str) -> String {
        let body = json!({ "empresa": empresa, "login": login, "senha": SENHA,
                           "dispositivo": Uuid::now_v7() });
        let request = Request::post("/v1/auth/login").header("content-type", "application/json");
        let answer = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        format!("Bearer {}", answer.json()["acesso"].as_str().unwrap())
    }

    fn path(&self, attachment: ItemId, variant: &str) -> String {
        format!("/v1/anexos/{}/{attachment}/{variant}", self.caso)
    }

    async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", who)]).await
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A photo.
fn picture(tint: u8) -> Vec<u8> {
    let (width, height) = (800_u32, 600_u32);
    let pixel = |at: u32| [(at % width / 4) as u8, (at / width / 3) as u8, tint];
    let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    campo_fotos::encode(&rgb, width, height, 80)
}

#[tokio::test]
async fn a_file_goes_to_those_who_see_its_record_and_to_nobody_else() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    let path = company.path(attachment, "original");
    let carla = company.enter("conta", "carla").await;
    let waits = company.get(&carla, &path).await;
    assert_eq!((waits.status, &*waits.codigo()), (StatusCode::NOT_FOUND, "arquivo_nao_chegou"));
    company.arrive(attachment, &bytes, "nao_ha").await;
    let got = company.get(&carla, &path).await;
    assert!(got.is(&bytes), "{}", got.status);

    let none = async |empresa: &str, login: &str, path: &str| {
        let who = company.enter(empresa, login).await;
        let answer = company.get(&who, path).await;
        assert_eq!((answer.status, &*answer.codigo()), (StatusCode::NOT_FOUND, "nao_encontrado"));
        let link = format!("{path}/link");
        let answer = company.ask(Method::POST, &link, &[("authorization", &who)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    };
    none("outra", "dora", &path).await;
    none("conta", "ana", &path).await;
    none("conta", "max", &path).await;
    // What the company attached is not the client's, and what the client attached is everybody's.
    none("conta", "pat", &path).await;
    let theirs = picture(2);
    let own = company.declare("pat", "nota.jpg", "image/jpeg", &theirs).await;
    company.arrive(own, &theirs, "nao_ha").await;
    for login in ["pat", "tito", "carla"] {
        let who = company.enter("conta", login).await;
        assert!(company.get(&who, &company.path(own, "original")).await.is(&theirs), "{login}");
    }
    none("conta", "max", &company.path(own, "original")).await;
    for path in [company.path(ItemId::from_u128(9), "original"), company.path(attachment, "grande")]
    {
        none("conta", "carla", &path).await;
    }
    let anyone = company.ask(Method::GET, &path, &[]).await;
    assert_eq!(anyone.status, StatusCode::UNAUTHORIZED);

    // Removed, it stays the company's evidence.
    let remove = |item| Command::RemoverItem { em: Colecao::Anexos, item };
    company.run("pat", company.caso, remove(own)).await;
    none("conta", "pat", &company.path(own, "original")).await;
    assert_eq!(company.get(&carla, &company.path(own, "original")).await.status, StatusCode::OK);

    let rui = company.enter("conta", "rui").await;
    assert_eq!(company.get(&rui, &path).await.status, StatusCode::OK);
    let usuarios = [company.people["carla"]].into();
    let listados = Listados { usuarios, grupos: Default::default() };
    company.run("carla", company.caso, Command::Restringir { para: Some(listados) }).await;
    none("conta", "rui", &path).await;
    assert_eq!(company.get(&carla, &path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_only_declares_the_hash_of_a_file_does_not_get_it() {
    let company = Company::new().await;
    let bytes = picture(1);
    let theirs = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    company.arrive(theirs, &bytes, "nao_ha").await;
    let guess = company.declare("pat", "porta.jpg", "image/jpeg", &bytes).await;
    let pat = company.enter("conta", "pat").await;
    for variant in ["original", "previa", "miniatura"] {
        let answer = company.get(&pat, &company.path(guess, variant)).await;
        assert_eq!(answer.codigo(), "arquivo_nao_chegou", "{variant}");
    }
}

#[tokio::test]
async fn a_file_is_sent_in_parts_and_not_twice() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta — 1.jpg", "image/jpeg", &bytes).await;
    company.arrive(attachment, &bytes, "nao_ha").await;
    let (carla, path) =
        (company.enter("conta", "carla").await, company.path(attachment, "original"));
    let ask = async |method: Method, headers: &[(&str, &str)]| {
        let mut all = vec![("authorization", carla.as_str())];
        all.extend(headers);
        company.ask(method, &path, &all).await
    };
    let whole = ask(Method::GET, &[]).await;
    let etag = format!("\"{}\"", hash(&bytes));
    for (name, value) in [
        (header::ETAG, etag.as_str()),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (
            header::CONTENT_DISPOSITION,
            "inline; filename=\"porta _ 1.jpg\"; filename*=UTF-8''porta%20%E2%80%94%201.jpg",
        ),
    ] {
        assert_eq!(whole.header(name), value);
    }
    let head = ask(Method::HEAD, &[("range", "bytes=0-9")]).await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
    assert_eq!(head.header(header::CONTENT_LENGTH), bytes.len().to_string());

    let len = bytes.len();
    let parts = [
        ("bytes=0-9", 0..10),
        ("bytes=-10", len - 10..len),
        ("bytes=100-", 100..len),
        ("bytes=5-999999999", 5..len),
    ];
    for (range, part) in parts {
        let answer = ask(Method::GET, &[("range", range), ("if-range", &etag)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert!(answer.bytes == bytes[part.clone()], "{range}");
        let said = format!("bytes {}-{}/{len}", part.start, part.end - 1);
        assert_eq!(answer.header(header::CONTENT_RANGE), said);
        assert_eq!(answer.header(header::CONTENT_LENGTH), part.len().to_string());
    }
    let outside = ask(Method::GET, &[("range", &format!("bytes={len}-"))]).await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header(header::CONTENT_RANGE), format!("bytes */{len}"));
    // What the caller has is of other bytes: it gets all of these.
    let other = ask(Method::GET, &[("range", "bytes=0-9"), ("if-range", "\"outro\"")]).await;
    assert_eq!((other.status, other.bytes.len()), (StatusCode::OK, len));
    for known in [etag.clone(), format!("\"a\", W/{etag}"), "*".to_owned()] {
        let answer = ask(Method::GET, &[("if-none-match", &known)]).await;
        assert_eq!((answer.status, answer.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(answer.header(header::ETAG), etag);
    }
}

#[tokio::test]
async fn a_page_that_says_it_is_an_image_is_never_shown() {
    let company = Company::new().await;
    let bytes = b"<!doctype html><script>alert(1)</script>".to_vec();
    let attachment = company.declare("carla", "foto.png", "image/png", &bytes).await;
    company.arrive(attachment, &bytes, "nao_ha").await;
    let carla = company.enter("conta", "carla").await;
    let page = company.get(&carla, &company.path(attachment, "original")).await;
    assert!(page.header(header::CONTENT_DISPOSITION).starts_with("attachment;"));
    assert_eq!(page.header(header::CONTENT_TYPE), "application/octet-stream");
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("sandbox"));
    // Here, and nothing to see of it: a picture that says so, and that nobody keeps.
    let none = company.get(&carla, &company.path(attachment, "miniatura")).await;
    assert!(none.is(&campo_fotos::placeholder()), "{}", none.status);
    assert_eq!(none.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn a_link_opens_one_file_without_a_session_until_it_expires() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    let carla = company.enter("conta", "carla").await;
    let ask = format!("{}/link", company.path(attachment, "original"));
    let early = company.ask(Method::POST, &ask, &[("authorization", &carla)]).await;
    assert_eq!(early.codigo(), "arquivo_nao_chegou");
    company.arrive(attachment, &bytes, "nao_ha").await;
    let made = company.ask(Method::POST, &ask, &[("authorization", &carla)]).await;
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let got = company.ask(Method::GET, &url, &[("range", "bytes=0-3")]).await;
    assert_eq!((got.status, &got.bytes[..]), (StatusCode::PARTIAL_CONTENT, &bytes[..4]));
    assert_eq!(got.header(header::CONTENT_SECURITY_POLICY), "default-src 'none'; sandbox");

    let tampered = url.replace("/original?", "/previa?");
    for wrong in [tampered.as_str(), url.split('?').next().unwrap(), &url[..url.len() - 1]] {
        let answer = company.ask(Method::GET, wrong, &[]).await;
        assert_eq!((answer.status, &*answer.codigo()), (StatusCode::FORBIDDEN, "link_invalido"));
    }
    let page = company.ask(Method::GET, &tampered, &[("accept", "text/html")]).await;
    let page = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(page.contains("<html lang=\"pt-BR\">") && page.contains("não é válido"), "{page}");
    let file_ref = FileRef { document: company.caso, attachment, variant: Variante::Original };
    let then = Utc::now() - chrono::TimeDelta::minutes(6);
    let old = signature::link(&company.app.config, company.tenant, &file_ref, then).unwrap();
    let answer = company.ask(Method::GET, &old.url, &[]).await;
    assert_eq!((answer.status, &*answer.codigo()), (StatusCode::GONE, "link_expirado"));
}

#[tokio::test]
async fn the_server_makes_the_pictures_that_no_device_sent() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    company.arrive(attachment, &bytes, "pendentes").await;
    let carla = company.enter("conta", "carla").await;
    let early = company.get(&carla, &company.path(attachment, "miniatura")).await;
    assert_eq!(early.codigo(), "arquivo_nao_chegou");
    let broken = b"\xff\xd8\xff\xe0 cortada".to_vec();
    let cut = company.declare("carla", "cortada.jpg", "image/jpeg", &broken).await;
    company.arrive(cut, &broken, "pendentes").await;

    derivatives::once(&company.app).await.unwrap();
    for (variant, px) in [("miniatura", 320), ("previa", 800)] {
        let made = company.get(&carla, &company.path(attachment, variant)).await;
        assert_eq!(made.status, StatusCode::OK, "{variant}");
        assert_eq!(campo_fotos::verify(&made.bytes).unwrap().0, px);
        let name = format!("inline; filename=\"porta-{variant}.jpg\"");
        assert!(made.header(header::CONTENT_DISPOSITION).starts_with(&name));
        let etag = made.header(header::ETAG).to_owned();
        let auth = ("authorization", carla.as_str());
        let path = company.path(attachment, variant);
        let again = company.ask(Method::GET, &path, &[auth, ("if-none-match", &etag)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        let part = company.ask(Method::GET, &path, &[auth, ("range", "bytes=-2")]).await;
        assert_eq!(&part.bytes[..], b"\xff\xd9");
    }
    let none = company.get(&carla, &company.path(cut, "miniatura")).await;
    assert!(none.is(&campo_fotos::placeholder()), "{}", none.status);
    let states: Vec<String> = sqlx::query_scalar("SELECT derivadas FROM arquivo ORDER BY tamanho")
        .fetch_all(company.app.db.owner())
        .await
        .unwrap();
    assert_eq!(states, ["falharam", "prontas"]);

    // What the device itself made comes first.
    let (key, own) = (
        objects::sent_derivative(company.tenant, company.caso, &attachment, Variante::Miniatura),
        b"x",
    );
    company.app.objects.store().put(&key, PutPayload::from_static(own)).await.unwrap();
    sqlx::query("INSERT INTO derivada VALUES ($1, $2, $3, 'miniatura', 'h', 1)")
        .bind(company.tenant.uuid())
        .bind(company.caso.uuid())
        .bind(attachment.uuid())
        .execute(company.app.db.owner())
        .await
        .unwrap();
    assert_eq!(&company.get(&carla, &company.path(attachment, "miniatura")).await.bytes[..], own);
}

#[tokio::test]
async fn a_store_that_does_not_answer_says_nothing_of_a_picture() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    company.arrive(attachment, &bytes, "pendentes").await;
    let key = objects::original(company.tenant, &hash(&bytes));
    company.app.objects.store().delete(&key).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        derivatives::once(&company.app).await.unwrap();
        let sql = "UPDATE arquivo SET proxima_em = now() RETURNING tentativas, derivadas";
        let state: (i32, String) =
            sqlx::query_as(sql).fetch_one(company.app.db.owner()).await.unwrap();
        seen.push(state);
    }
    let state = |tries, derivatives: &str| (tries, derivatives.to_owned());
    assert_eq!(seen[0], state(1, "pendentes"));
    assert_eq!(seen[3..], [state(4, "pendentes"), state(4, "pendentes"), state(4, "pendentes")]);
    company.app.objects.store().put(&key, PutPayload::from(bytes)).await.unwrap();
    derivatives::once(&company.app).await.unwrap();
    let made: String = sqlx::query_scalar("SELECT derivadas FROM arquivo")
        .fetch_one(company.app.db.owner())
        .await
        .unwrap();
    assert_eq!(made, "prontas");
}

#[tokio::test]
async fn the_pages_of_the_office_show_it_by_their_cookie() {
    let company = Company::new().await;
    let bytes = picture(1);
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    company.arrive(attachment, &bytes, "nao_ha").await;
    let path = format!("/web/anexos/{}/{attachment}/original", company.caso);
    let enter = async |empresa: &str, login: &str| {
        let form = format!("empresa={empresa}&login={login}&senha={}", SENHA.replace(' ', "+"));
        let request = Request::post("/entrar")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        let answer = company.send(request.unwrap()).await;
        let set = answer.headers.get_all(header::SET_COOKIE).iter();
        let pairs = set.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
        pairs.collect::<Vec<_>>().join("; ")
    };
    let carla = enter("conta", "carla").await;
    let got = company.ask(Method::GET, &path, &[("cookie", &carla)]).await;
    assert!(got.is(&bytes), "{}", got.status);
    for (empresa, login) in [("outra", "dora"), ("conta", "ana")] {
        let cookie = enter(empresa, login).await;
        let answer = company.ask(Method::GET, &path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{login}");
    }
    let nobody = company.ask(Method::GET, &path, &[("accept", "image/*")]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    // A cookie opens nothing of the API.
    let api = company.path(attachment, "original");
    let answer = company.ask(Method::GET, &api, &[("cookie", &carla)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_attaches_a_file_in_the_portal_and_sees_how_far_it_came() {
    let company = Company::new().await;
    let bytes = picture(1);
    let (pat, id) = (company.enter("conta", "pat").await, Uuid::now_v7());
    let case = format!("/v1/portal/ocorrencias/{}", company.caso);
    let attach = async |who: &str, body: &Value| {
        let request = Request::post(format!("{case}/anexos"))
            .header("content-type", "application/json")
            .header("authorization", who);
        company.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let new_file = json!({ "id": id, "nome": "nota.jpg", "mime": "image/jpeg", "legenda": "A nota",
                       "tamanho": bytes.len(), "sha256": hash(&bytes) });
    let made = attach(&pat, &new_file).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    let original = company.path(id.into(), "original");
    assert_eq!(made.header(header::LOCATION), original);
    let attachment = &made.json()["anexos"][0];
    assert_eq!((&attachment["id"], &attachment["estado"]), (&json!(id), &json!("esperada")));
    assert_eq!(attachment["campos"]["categoria"], "documento");
    assert_eq!(company.get(&pat, &original).await.codigo(), "arquivo_nao_chegou");
    assert_eq!(attach(&pat, &new_file).await.status, StatusCode::CONFLICT);
    let mut wrong = new_file.clone();
    wrong["tamanho"] = json!(0);
    assert_eq!(attach(&pat, &wrong).await.codigo(), "valor_invalido");
    let max = company.enter("conta", "max").await;
    assert_eq!(attach(&max, &new_file).await.status, StatusCode::NOT_FOUND);

    company.arrive(id.into(), &bytes, "nao_ha").await;
    let seen = company.get(&pat, &case).await.json()["anexos"][0].clone();
    assert_eq!((&seen["estado"], &seen["motivo"]), (&json!("verificada"), &Value::Null));
    assert!(company.get(&pat, seen["links"]["original"].as_str().unwrap()).await.is(&bytes));
}

#[tokio::test]
async fn where_a_photo_was_taken_stays_only_if_every_tipo_that_has_it_asks_for_it() {
    let mut company = Company::new().await;
    let bytes = located(&picture(1), -23.55, -46.63);
    assert!(campo_fotos::position(&bytes).is_some());
    let attachment = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    company.arrive(attachment, &bytes, "pendentes").await;
    let key = objects::derivative(company.tenant, &hash(&bytes), Variante::Previa);
    let made = async |company: &Company| {
        sqlx::query("UPDATE arquivo SET derivadas = 'pendentes', proxima_em = now()")
            .execute(company.app.db.owner())
            .await
            .unwrap();
        derivatives::once(&company.app).await.unwrap();
        let made = company.app.objects.store().get(&key).await.unwrap().bytes().await.unwrap();
        campo_fotos::position(&made)
    };
    assert_eq!(made(&company).await, None, "nobody asks for it");
    let changed = sqlx::query(
        "UPDATE referencia SET seq = seq + 9, data = data || '{\"pede_posicao\": true}' \
         WHERE tenant = $1 AND collection = 'tipo' AND key LIKE 'p004.ocorrencia%'",
    )
    .bind(company.tenant.uuid())
    .execute(company.app.db.owner())
    .await
    .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    assert!(made(&company).await.is_some());
    // The same photo where nobody asks for it.
    company.caso = company.create("p004.bug", &[("assunto", text("Tela"))]).await;
    let other = company.declare("carla", "porta.jpg", "image/jpeg", &bytes).await;
    assert!(made(&company).await.is_some(), "whoever only declares a hash has no say");
    company.arrive(other, &bytes, "pendentes").await;
    assert_eq!(made(&company).await, None);
}

/// The JPEG with EXIF that says where it was taken.
fn located(jpeg: &[u8], latitude: f64, longitude: f64) -> Vec<u8> {
    let degrees = |value: f64| {
        let hundredths = (value.abs() * 100.0).round() as u32;
        [hundredths, 100, 0, 1, 0, 1].map(u32::to_be_bytes).concat()
    };
    let side = |value: f64, plus: u8, minus: u8| [if value < 0.0 { minus } else { plus }, 0, 0, 0];
    // A TIFF whose first directory leads to that of GPS, at 26; its rationals follow, at 80.
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        let head = [tag.to_be_bytes(), kind.to_be_bytes()].concat();
        [&head[..], &count.to_be_bytes(), &value].concat()
    };
    let tiff = [
        b"MM\0\x2a\0\0\0\x08\0\x01".to_vec(),
        entry(0x8825, 4, 1, 26_u32.to_be_bytes()),
        vec![0; 4],
        4_u16.to_be_bytes().to_vec(),
        entry(1, 2, 2, side(latitude, b'N', b'S')),
        entry(2, 5, 3, 80_u32.to_be_bytes()),
        entry(3, 2, 2, side(longitude, b'E', b'W')),
        entry(4, 5, 3, 104_u32.to_be_bytes()),
        vec![0; 4],
        degrees(latitude),
        degrees(longitude),
    ]
    .concat();
    let length = u16::try_from(tiff.len() + 8).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}
