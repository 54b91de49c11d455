//! Sessions against a real PostgreSQL, through the router.

use super::{
    accounts::{self, NewCompany, NewUser},
    messages::Granted,
    office::{self, OfficeAuth},
    throttle::{Attempt, ClientIp},
};
use crate::{app::App, objects::Objects, routes, testing};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::FromRequestParts,
    http::{Method, Request, StatusCode, header, request::Parts},
};
use campo_domain::{
    ids::{DeviceId, TenantId, UserId},
    pessoa::Permissao,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row};
use tower::ServiceExt;
use uuid::Uuid;

const SENHA: &str = "segredo-da-ana";

/// A company with one person, and the service in front of it.
struct World {
    app: App,
    router: Router,
    tenant: TenantId,
    ana: UserId,
}

struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["codigo"].as_str().unwrap_or("")
    }

    fn granted(self) -> Granted {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        serde_json::from_value(self.body).unwrap()
    }
}

async fn world() -> World {
    let test = testing::database().await.unwrap();
    let app = App::new(testing::config().unwrap(), test.db, Objects::memory());
    let tenant = company(&app, "aurora").await;
    let ana = person(&app, tenant, "ana@aurora").await;
    World { router: routes::router(app.clone()), app, tenant, ana }
}

async fn company(app: &App, slug: &str) -> TenantId {
    let new = NewCompany { nome: slug, slug, fuso: "America/Manaus", preset: None };
    accounts::create_company(&app.db, new).await.unwrap()
}

async fn person(app: &App, tenant: TenantId, login: &str) -> UserId {
    let permissoes = [Permissao::Ver].into();
    let new = NewUser { login, nome: "Ana", senha: SENHA, permissoes };
    accounts::create_user(&app.db, tenant, new).await.unwrap()
}

impl World {
    async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, retry_after, body }
    }

    async fn login(&self, device: DeviceId, senha: &str) -> Answer {
        self.login_as("aurora", "ana@aurora", device, senha).await
    }

    async fn login_as(&self, empresa: &str, login: &str, device: DeviceId, senha: &str) -> Answer {
        let body = json!({
            "empresa": empresa, "login": login, "senha": senha,
            "dispositivo": device, "dispositivo_nome": "celular",
        });
        self.post("/v1/auth/login", None, body).await
    }

    async fn refresh(&self, renovacao: &str) -> Answer {
        self.post("/v1/auth/refresh", None, json!({ "renovacao": renovacao })).await
    }

    /// What an access token is good for: the code of the refusal, or nothing.
    async fn access(&self, acesso: &str) -> Option<&'static str> {
        let mut parts = parts(Method::GET, "/", header::AUTHORIZATION, &format!("Bearer {acesso}"));
        match super::device::DeviceAuth::from_request_parts(&mut parts, &self.app).await {
            Ok(auth) => {
                assert_eq!((auth.tenant, auth.pessoa.id), (self.tenant, self.ana));
                None
            }
            Err(error) => Some(error.codigo),
        }
    }
}

fn parts(method: Method, uri: &str, name: header::HeaderName, value: &str) -> Parts {
    let request = Request::builder().method(method).uri(uri).header(name, value);
    request.body(()).unwrap().into_parts().0
}

fn a_device() -> DeviceId {
    Uuid::now_v7().into()
}

#[tokio::test]
async fn a_person_signs_in_works_and_signs_out() {
    let world = world().await;
    let granted = world.login_as(" Aurora ", "ANA@aurora", a_device(), SENHA).await.granted();
    assert_eq!(granted.usuario.id, world.ana);
    assert_eq!(granted.usuario.permissoes, [Permissao::Ver].into());
    assert_eq!(granted.tenant.fuso, "America/Manaus");
    assert_eq!(world.access(&granted.acesso).await, None);
    let left = world.post("/v1/auth/logout", Some(&granted.acesso), Value::Null).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert_eq!(world.access(&granted.acesso).await, Some("sessao_revogada"));
    assert_eq!(world.refresh(&granted.renovacao).await.code(), "sessao_revogada");
    assert_eq!(world.access("nunca-existiu").await, Some("nao_autenticado"));
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let world = world().await;
    for (empresa, login, senha) in [
        ("aurora", "ana@aurora", "errada-errada"),
        ("aurora", "ninguem", SENHA),
        ("outra", "ana@aurora", SENHA),
    ] {
        let answer = world.login_as(empresa, login, a_device(), senha).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.code(), "credenciais_invalidas");
    }
    let broken = world.post("/v1/auth/login", None, json!({ "empresa": 1 })).await;
    assert_eq!(broken.code(), "pedido_invalido");
}

#[tokio::test]
async fn an_expired_access_is_told_apart_from_an_unknown_one() {
    let world = world().await;
    let granted = world.login(a_device(), SENHA).await.granted();
    sqlx::query("UPDATE device_session SET access_expira_em = now()")
        .execute(world.app.db.owner())
        .await
        .unwrap();
    assert_eq!(world.access(&granted.acesso).await, Some("sessao_expirada"));
    let renewed = world.refresh(&granted.renovacao).await.granted();
    assert_eq!(world.access(&renewed.acesso).await, None);
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_until_the_pair_is_used() {
    let world = world().await;
    let first = world.login(a_device(), SENHA).await.granted();
    let lost = world.refresh(&first.renovacao).await.granted();
    let second = world.refresh(&first.renovacao).await.granted();
    assert_ne!(lost.renovacao, second.renovacao);
    assert_eq!(world.access(&lost.acesso).await, Some("nao_autenticado"));
    assert_eq!(world.access(&second.acesso).await, None);
    // The pair arrived: whoever shows the one before it is somebody else.
    assert_eq!(world.refresh(&first.renovacao).await.code(), "sessao_revogada");
    assert_eq!(world.access(&second.acesso).await, Some("sessao_revogada"));
    assert_eq!(world.refresh(&second.renovacao).await.code(), "sessao_revogada");
}

#[tokio::test]
async fn replaying_an_older_refresh_token_ends_the_session() {
    let world = world().await;
    let first = world.login(a_device(), SENHA).await.granted();
    let second = world.refresh(&first.renovacao).await.granted();
    let third = world.refresh(&second.renovacao).await.granted();
    assert_eq!(world.access(&third.acesso).await, None);
    let replay = world.refresh(&first.renovacao).await;
    assert_eq!((replay.status, replay.code()), (StatusCode::UNAUTHORIZED, "sessao_revogada"));
    assert_eq!(world.access(&third.acesso).await, Some("sessao_revogada"));
    // A new sign-in starts afresh.
    assert!(world.login(a_device(), SENHA).await.status.is_success());
}

#[tokio::test]
async fn five_failures_make_a_login_wait_and_no_other() {
    let world = world().await;
    let bia = person(&world.app, world.tenant, "bia@aurora").await;
    assert_ne!(bia, world.ana);
    for _ in 0..5 {
        let answer = world.login(a_device(), "errada-errada").await;
        assert_eq!(answer.code(), "credenciais_invalidas");
    }
    let waiting = world.login(a_device(), SENHA).await;
    assert_eq!(waiting.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(waiting.code(), "muitas_tentativas");
    let seconds: u32 = waiting.retry_after.unwrap().parse().unwrap();
    assert!((890..=900).contains(&seconds), "{seconds}");
    let other = world.login_as("aurora", "bia@aurora", a_device(), SENHA).await;
    assert_eq!(other.status, StatusCode::OK);
    // Fifteen minutes later the same login works again.
    sqlx::query("UPDATE login_tentativa SET em = em - interval '15 minutes'")
        .execute(world.app.db.owner())
        .await
        .unwrap();
    assert_eq!(world.login(a_device(), SENHA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let world = world().await;
    for _ in 0..2 {
        for _ in 0..4 {
            world.login(a_device(), "errada-errada").await;
        }
        assert_eq!(world.login(a_device(), SENHA).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_address_that_tries_many_logins_waits_too() {
    let world = world().await;
    let ip = ClientIp(Some([203, 0, 113, 7].into()));
    let begin = |n: i32, ip: ClientIp| {
        let pool: PgPool = world.app.db.pool().clone();
        async move { Attempt::begin(&pool, "aurora", &format!("pessoa{n}"), ip).await }
    };
    for n in 0..20 {
        begin(n, ip).await.unwrap();
    }
    assert_eq!(begin(20, ip).await.unwrap_err().codigo, "muitas_tentativas");
    begin(21, ClientIp(Some([203, 0, 113, 8].into()))).await.unwrap();
    begin(22, ClientIp(None)).await.unwrap();
}

#[tokio::test]
async fn parallel_guesses_do_not_slip_by() {
    let world = world().await;
    let tries = (0..12).map(|_| world.login(a_device(), "errada-errada"));
    let answers = futures::future::join_all(tries).await;
    let checked = answers.iter().filter(|a| a.code() == "credenciais_invalidas").count();
    assert_eq!(checked, 5);
}

#[tokio::test]
async fn a_blocked_device_can_do_nothing_and_another_one_can() {
    let world = world().await;
    let device = a_device();
    let granted = world.login(device, SENHA).await.granted();
    accounts::revoke_device(&world.app.db, world.tenant, device).await.unwrap();
    assert_eq!(world.access(&granted.acesso).await, Some("dispositivo_revogado"));
    assert_eq!(world.refresh(&granted.renovacao).await.code(), "dispositivo_revogado");
    let again = world.login(device, SENHA).await;
    assert_eq!((again.status, again.code()), (StatusCode::FORBIDDEN, "dispositivo_revogado"));
    assert_eq!(world.login(a_device(), SENHA).await.status, StatusCode::OK);
    // The same installation in another company is another row.
    let other = company(&world.app, "boreal").await;
    person(&world.app, other, "ana@aurora").await;
    let there = world.login_as("boreal", "ana@aurora", device, SENHA).await;
    assert_eq!(there.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_and_leaving_end_every_session() {
    let world = world().await;
    let db = &world.app.db;
    let granted = world.login(a_device(), SENHA).await.granted();
    accounts::reset_password(db, world.tenant, world.ana, "outra-senha").await.unwrap();
    assert_eq!(world.access(&granted.acesso).await, Some("sessao_revogada"));
    let granted = world.login(a_device(), "outra-senha").await.granted();
    let mut tx = db.tenant(world.tenant).await.unwrap();
    let ana = accounts::read_user(&mut tx, world.ana, true).await.unwrap().person;
    let gone = accounts::Person { ativo: false, ..ana };
    accounts::write_user(&mut tx, world.tenant, world.ana, &gone, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.access(&granted.acesso).await, Some("usuario_inativo"));
    assert_eq!(world.login(a_device(), "outra-senha").await.code(), "usuario_inativo");
    let short = accounts::reset_password(db, world.tenant, world.ana, "curta").await;
    assert_eq!(short.unwrap_err().codigo, "senha_fraca");
    let twice = NewCompany { nome: "A", slug: "aurora", fuso: "America/Belem", preset: None };
    let twice = accounts::create_company(db, twice).await.unwrap_err();
    assert_eq!((twice.status, twice.codigo), (StatusCode::CONFLICT, "empresa_existe"));
}

#[tokio::test]
async fn the_office_signs_in_by_cookie_and_comes_back_to_its_page() {
    let world = world().await;
    let app = &world.app;
    let cookie = office::sign_in(app, ClientIp(None), "aurora", "ana@aurora", SENHA).await.unwrap();
    assert!(cookie.http_only().unwrap() && cookie.path() == Some("/"));
    let sent = format!("{}={}", office::COOKIE, cookie.value());
    let mut with = parts(Method::GET, "/assistencias", header::COOKIE, &sent);
    let auth = OfficeAuth::from_request_parts(&mut with, app).await.unwrap();
    assert_eq!((auth.tenant, auth.pessoa.id), (world.tenant, world.ana));
    assert_eq!(auth.fuso, chrono_tz::America::Manaus);
    auth.check_csrf(&auth.csrf).unwrap();
    assert_eq!(auth.check_csrf("").unwrap_err().codigo, "formulario_expirado");
    assert!(office::sign_out(app, &auth).await.unwrap().value().is_empty());

    let mut with = parts(Method::GET, "/assistencias?pagina=2", header::COOKIE, &sent);
    let away = OfficeAuth::from_request_parts(&mut with, app).await.unwrap_err();
    assert_eq!(away.status(), StatusCode::SEE_OTHER);
    assert_eq!(away.headers()[header::LOCATION], "/entrar?voltar=/assistencias%3Fpagina%3D2");
    let mut with = parts(Method::GET, "/v1/live", header::ACCEPT, "text/event-stream");
    let away = OfficeAuth::from_request_parts(&mut with, app).await.unwrap_err();
    assert_eq!(away.status(), StatusCode::UNAUTHORIZED);
}

const TABLES: [&str; 6] =
    ["tenant", "usuario", "dispositivo", "device_session", "refresh_antigo", "office_session"];

#[tokio::test]
async fn the_application_sees_no_company_but_the_one_it_set() {
    let world = world().await;
    let app = &world.app;
    let first = world.login(a_device(), SENHA).await.granted();
    world.refresh(&first.renovacao).await;
    let second = world.refresh(&first.renovacao).await.granted();
    assert_eq!(world.access(&second.acesso).await, None);
    office::sign_in(app, ClientIp(None), "aurora", "ana@aurora", SENHA).await.unwrap();
    let other = company(app, "boreal").await;

    for table in TABLES {
        let count = format!("SELECT count(*) FROM {table}");
        let without: i64 = sqlx::query_scalar(AssertSqlSafe(count.clone()))
            .fetch_one(app.db.pool())
            .await
            .unwrap();
        assert_eq!(without, 0, "{table} without a company");
        let mut tx = app.db.tenant(other).await.unwrap();
        let there: i64 =
            sqlx::query_scalar(AssertSqlSafe(count.clone())).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(there, i64::from(table == "tenant"), "{table} from another company");
        drop(tx);
        let mut tx = app.db.tenant(world.tenant).await.unwrap();
        let own: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut *tx).await.unwrap();
        assert!(own > 0, "{table} from the company itself");
    }
    let tries = sqlx::query("SELECT count(*) FROM login_tentativa").fetch_one(app.db.pool()).await;
    assert!(tries.is_err(), "the throttle is reached through its functions only");
}

#[tokio::test]
async fn the_application_cannot_write_for_another_company_nor_step_out_of_its_role() {
    let world = world().await;
    let other = company(&world.app, "boreal").await;
    let mut tx = world.app.db.tenant(other).await.unwrap();
    let foreign =
        sqlx::query("INSERT INTO dispositivo (tenant, id, nome) VALUES ($1, $2, 'intruso')")
            .bind(world.tenant.uuid())
            .bind(Uuid::now_v7())
            .execute(&mut *tx)
            .await;
    assert!(foreign.unwrap_err().to_string().contains("row-level security"));
    drop(tx);

    let mut connection = world.app.db.pool().acquire().await.unwrap();
    for attempt in [
        "ALTER TABLE usuario DISABLE ROW LEVEL SECURITY",
        "DROP TABLE usuario",
        "CREATE TABLE minha (x int)",
        "DELETE FROM usuario",
        "UPDATE chave_api SET escopos = '{}'",
        "UPDATE tenant SET slug = 'x'",
    ] {
        assert!(sqlx::query(attempt).execute(&mut *connection).await.is_err(), "{attempt}");
    }
    for attempt in ["RESET ROLE", "RESET ALL", "RESET SESSION AUTHORIZATION"] {
        sqlx::query(attempt).execute(&mut *connection).await.unwrap();
        let row = sqlx::query("SELECT current_user::text AS who").fetch_one(&mut *connection).await;
        assert_eq!(row.unwrap().get::<String, _>("who"), "campo_app", "{attempt}");
    }
    // Asking PostgreSQL not to filter is refused rather than obeyed.
    sqlx::query("SET row_security = off").execute(&mut *connection).await.unwrap();
    assert!(sqlx::query("SELECT * FROM usuario").execute(&mut *connection).await.is_err());
    sqlx::query("RESET row_security").execute(&mut *connection).await.unwrap();
}

#[tokio::test]
async fn every_table_of_the_schema_filters_by_company() {
    let test = testing::database().await.unwrap();
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity \
         AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(test.db.owner())
    .await
    .unwrap();
    assert!(open.is_empty(), "no row-level security on {open:?}");
}
