//! A program, or a person's own script, on the REST API.

use crate::{
    api_schemas,
    harness::{SENHA, Site, a_device},
    page_client::Answer,
};
use campo_domain::ids::DocumentId;
use serde_json::{Value, json};
use ureq::{Agent, http};

/// Somebody who calls the API.
#[derive(Clone, Debug)]
pub struct Rest {
    agent: Agent,
    base: String,
    bearer: Option<String>,
}

impl Rest {
    /// Nobody in particular.
    pub fn stranger(site: &Site) -> Self {
        Self::at(&site.url())
    }

    /// Nobody in particular, of the server at that address.
    pub fn at(base: &str) -> Self {
        // A connection of its own for each request: the server may close one whose body it did not
        // want to read.
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let agent = agent.max_idle_connections(0).build();
        Rest { agent: agent.into(), base: base.to_owned(), bearer: None }
    }

    /// With this secret.
    pub fn with(&self, secret: &str) -> Self {
        Rest { bearer: Some(secret.to_owned()), ..self.clone() }
    }

    /// A person, by a sign-in.
    pub fn enter(site: &Site, empresa: &str, login: &str) -> Self {
        let stranger = Self::stranger(site);
        let answer = stranger.sign_in(empresa, login, SENHA);
        assert_eq!(answer.status, 200, "{}", answer.body);
        stranger.with(answer.json()["acesso"].as_str().unwrap())
    }

    /// What goes into `Authorization`.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.bearer.as_deref().unwrap_or_default())
    }

    /// Tries to sign in on a new device.
    pub fn sign_in(&self, empresa: &str, login: &str, senha: &str) -> Answer {
        let body = json!({ "empresa": empresa, "login": login, "senha": senha,
                           "dispositivo": a_device(), "dispositivo_nome": "Script" });
        self.post("/v1/auth/login", &body)
    }

    /// A program with a key that this person makes for it.
    pub fn key(&self, escopos: &[&str], permissoes: &[&str]) -> Self {
        let body = json!({ "nome": "ERP", "escopos": escopos, "permissoes": permissoes });
        let answer = self.post("/v1/chaves", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        self.with(answer.json()["segredo"].as_str().unwrap())
    }

    /// Any request.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = http::Request::builder().method(method);
        request = request.uri(format!("{}{path}", self.base));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => {
                let json = request.header("content-type", "application/json");
                self.agent.run(json.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let response = response.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().read_to_vec().unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer { status, headers, body, bytes };
        api_schemas::confere(method, path, &answer);
        answer
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// `GET` of something that must be there.
    pub fn read(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// `POST`.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body))
    }

    /// `PUT`, `PATCH` or `POST` of the version that is there now.
    pub fn change(&self, method: &str, path: &str, of: &str, body: &Value) -> Answer {
        let now = self.get(of);
        let etag = now.header("etag");
        self.send(method, path, &[("if-match", etag)], Some(body))
    }
}

/// A client, made by somebody's phone.
pub fn cliente(site: &Site, nome: &str) -> DocumentId {
    let phone = site.phone("carla");
    let cliente = phone.cliente(nome);
    phone.sync();
    cliente
}
