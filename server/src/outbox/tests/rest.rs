//! The administration's routes to the outbox.

use super::*;
use crate::{auth::accounts::NewUser, routes};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request},
};
use campo_domain::pessoa::{Permissao, Permissoes};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Company {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = routes::router(self.app.clone()).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1_000_000).await.unwrap();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Somebody new signs in; what goes into `Authorization`.
    async fn enter(&self, login: &str, permissoes: Permissoes) -> String {
        let senha = "uma senha longa";
        let new = NewUser { login, nome: login, senha, permissoes };
        accounts::create_user(&self.app.db, self.tenant, new).await.unwrap();
        let body = json!({ "empresa": "aurora", "login": login, "senha": senha,
                           "dispositivo": Uuid::now_v7() });
        let answer = self.ask(Method::POST, "/v1/auth/login", &[], &body).await;
        format!("Bearer {}", answer.body["acesso"].as_str().unwrap())
    }
}

#[tokio::test]
async fn the_administration_adds_an_endpoint_and_sees_its_secret_once() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let adm = company.enter("adm", [Permissao::Administrar].into()).await;
    let auth = ("authorization", adm.as_str());
    let novo = json!({ "url": url, "descricao": "ERP" });
    let keyed = [auth, ("idempotency-key", "um")];
    let made = company.ask(Method::POST, "/v1/webhooks", &keyed, &novo).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert!(made.body["segredo"].as_str().unwrap().starts_with("whsec_"));
    let again = company.ask(Method::POST, "/v1/webhooks", &keyed, &novo).await;
    assert_eq!((&again.body["id"], &again.body["segredo"]), (&made.body["id"], &Value::Null));
    let place = made.headers[header::LOCATION].to_str().unwrap();
    let shown = company.ask(Method::GET, place, &[auth], &Value::Null).await;
    assert_eq!((shown.status, &shown.body["segredo"]), (StatusCode::OK, &Value::Null));
    let pause = json!({ "ativo": false });
    let blind = company.ask(Method::PATCH, place, &[auth], &pause).await;
    assert_eq!(blind.body["codigo"], "exige_if_match");
    let etag = ("if-match", shown.headers[header::ETAG].to_str().unwrap());
    let paused = company.ask(Method::PATCH, place, &[auth, etag], &pause).await;
    assert_eq!((paused.status, &paused.body["ativo"]), (StatusCode::OK, &json!(false)));
    let stale = company.ask(Method::PATCH, place, &[auth, etag], &json!({ "ativo": true })).await;
    assert_eq!(stale.body["codigo"], "versao_desatualizada");
    let turned = company.ask(Method::POST, &format!("{place}/segredo"), &[auth], &json!({})).await;
    assert_ne!(turned.body["segredo"], made.body["segredo"]);
    let gone = company.ask(Method::DELETE, place, &[auth], &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let list = company.ask(Method::GET, "/v1/webhooks", &[auth], &Value::Null).await;
    assert_eq!(list.body, json!([]));
    assert!(erp.received().is_empty());
}

#[tokio::test]
async fn the_administration_reads_deliveries_page_by_page_and_sends_again() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let adm = company.enter("adm", [Permissao::Administrar].into()).await;
    let auth = ("authorization", adm.as_str());
    webhook::endpoint(&company, &url).await;
    webhook::queue(&company, 3).await;
    company.send().await;
    let mut seen = Vec::new();
    let mut path = "/v1/entregas?situacao=entregue&limite=2".to_owned();
    loop {
        let page = company.ask(Method::GET, &path, &[auth], &Value::Null).await;
        seen.extend(page.body["itens"].as_array().unwrap().clone());
        let Some(cursor) = page.body["proximo"].as_str() else { break };
        path = format!("/v1/entregas?situacao=entregue&limite=2&cursor={cursor}");
    }
    let ids: Vec<&str> = seen.iter().map(|entrega| entrega["id"].as_str().unwrap()).collect();
    assert!(ids.len() == 3 && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    let again = format!("/v1/entregas/{}/reentregar", ids[0]);
    let again = company.ask(Method::POST, &again, &[auth], &json!({})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    company.send().await;
    assert_eq!(erp.received().len(), 4);
    let tries = format!("/v1/entregas/{}/tentativas", ids[0]);
    let tries = company.ask(Method::GET, &tries, &[auth], &Value::Null).await;
    assert_eq!(tries.body.as_array().unwrap().len(), 2);
    for path in ["", "/tentativas"] {
        let none = format!("/v1/entregas/{}{path}", Uuid::now_v7());
        let none = company.ask(Method::GET, &none, &[auth], &Value::Null).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
    }
    let one = format!("/v1/entregas/{}", ids[1]);
    let one = company.ask(Method::GET, &one, &[auth], &Value::Null).await.body;
    assert_eq!(one, seen[1]);
    let of = format!("/v1/entregas?acao={}", one["acao"].as_str().unwrap());
    let of = company.ask(Method::GET, &of, &[auth], &Value::Null).await.body;
    assert_eq!(of["itens"], json!([one]));
    let unknown =
        company.ask(Method::GET, "/v1/entregas?situacao=foo", &[auth], &Value::Null).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_template_is_written_by_the_version_that_was_read() {
    let company = Company::new(&[]).await;
    let adm = company.enter("adm", [Permissao::Administrar].into()).await;
    let auth = ("authorization", adm.as_str());
    let path = "/v1/modelos-email/abertura";
    let read = company.ask(Method::GET, path, &[auth], &Value::Null).await;
    assert_eq!(read.body["padrao"], true);
    let etag = ("if-match", read.headers[header::ETAG].to_str().unwrap());
    let novo = json!({ "assunto": "Olá", "corpo": "{{ numero }}" });
    let wrote = company.ask(Method::PUT, path, &[auth, etag], &novo).await;
    assert_eq!((wrote.status, &wrote.body["padrao"]), (StatusCode::OK, &json!(false)));
    let stale = company.ask(Method::PUT, path, &[auth, etag], &novo).await;
    assert_eq!(stale.body["codigo"], "versao_desatualizada");
    let bad = json!({ "assunto": "Olá", "corpo": "{{ numero" });
    let bad = company.ask(Method::PUT, path, &[auth], &bad).await;
    assert_eq!(bad.body["codigo"], "modelo_invalido");
    company.ask(Method::DELETE, path, &[auth], &Value::Null).await;
    let back = company.ask(Method::GET, path, &[auth], &Value::Null).await;
    assert_eq!(back.body, read.body);
}

#[tokio::test]
async fn nobody_else_comes_near_the_outbox() {
    let company = Company::new(&[]).await;
    let vera = company.enter("vera", [Permissao::Ver, Permissao::VerTodas].into()).await;
    for path in ["/v1/webhooks", "/v1/entregas", "/v1/emails", "/v1/modelos-email"] {
        let none = company.ask(Method::GET, path, &[], &Value::Null).await;
        assert_eq!(none.status, StatusCode::UNAUTHORIZED, "{path}");
        let answer =
            company.ask(Method::GET, path, &[("authorization", &vera)], &Value::Null).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}
