//! HTTP to the server: three posts, their limits, and what their failures mean. Knows no database.

use campo_domain::{
    ids::{DeviceId, TenantId, UserId},
    pessoa::Permissoes,
};
use campo_sync::wire::{self, RESPONSE_BYTES_MAX, SyncRequest, SyncResponse, WireError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{io::Read, time::Duration};
use ureq::{Agent, Body, http::Response};

/// Longest wait for a connection.
pub const CONNECT_MAX: Duration = Duration::from_secs(15);
/// Longest exchange: a full page over a bad mobile network.
const EXCHANGE_MAX: Duration = Duration::from_secs(180);
/// Longest answer in JSON, in bytes.
const JSON_BYTES_MAX: u64 = 256 * 1024;

/// Why an answer was not used.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It could not be read.
    #[error("the answer could not be read")]
    Wire(#[source] WireError),
    /// It was not the JSON that was expected.
    #[error("the answer could not be read")]
    Json(#[source] serde_json::Error),
    /// It was made for another person.
    #[error("the answer is another person's")]
    User,
}

/// A request that got no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The network failed.
    #[error("the server could not be reached")]
    Network(#[source] Box<ureq::Error>),
    /// The connection broke while the answer arrived.
    #[error("the answer broke off")]
    Broken(#[source] std::io::Error),
    /// The server answered with an error.
    #[error("the server answered {}", .0.status)]
    Status(Problem),
    /// The answer itself could not be read.
    #[error(transparent)]
    Answer(AnswerError),
}

/// An error as the server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code; empty where something else than Campo answered.
    pub codigo: String,
    /// The sentence for the person.
    pub mensagem: String,
    /// Seconds to wait before the next try.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// Whether the same request may well succeed later without anybody doing anything.
    pub(crate) fn passing(&self) -> bool {
        self.status >= 500 || self.status == 429 || self.status == 408 || self.codigo.is_empty()
    }
}

/// Body of the login.
#[derive(Serialize)]
pub struct Login<'a> {
    /// Short name of the company.
    pub empresa: &'a str,
    /// Login of the person.
    pub login: &'a str,
    /// Password.
    pub senha: &'a str,
    /// This installation.
    pub dispositivo: DeviceId,
    /// How people call it.
    pub dispositivo_nome: &'a str,
}

/// Answer of login and refresh, as far as the device uses it.
#[derive(Deserialize)]
pub struct Granted {
    /// Access token.
    pub acesso: String,
    /// Refresh token.
    pub renovacao: String,
    /// The person.
    pub usuario: Usuario,
    /// The company.
    pub tenant: Empresa,
}

/// The person of a session.
#[derive(Deserialize)]
pub struct Usuario {
    /// Id.
    pub id: UserId,
    /// Name.
    pub nome: String,
    /// Login.
    pub login: String,
    /// What the person may do.
    pub permissoes: Permissoes,
}

/// The company of a session.
#[derive(Deserialize)]
pub struct Empresa {
    /// Id.
    pub id: TenantId,
    /// Name.
    pub nome: String,
    /// Time zone (IANA).
    pub fuso: String,
    /// Short name.
    pub slug: String,
}

/// The connection to servers.
pub struct Http(Agent);

impl Http {
    /// A connection with Campo's limits.
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(EXCHANGE_MAX))
            .max_redirects(0)
            .user_agent(concat!("campo-mobile/", env!("CARGO_PKG_VERSION")))
            .build();
        Http(config.into())
    }

    /// `POST /v1/auth/login`.
    pub fn login(&self, server: &str, login: &Login<'_>) -> Result<Granted, HttpError> {
        self.json(server, "/v1/auth/login", &serde_json::json!(login))
    }

    /// `POST /v1/auth/refresh`.
    pub fn refresh(&self, server: &str, renovacao: &str) -> Result<Granted, HttpError> {
        self.json(server, "/v1/auth/refresh", &serde_json::json!({ "renovacao": renovacao }))
    }

    /// `POST /v1/auth/logout`.
    pub fn logout(&self, server: &str, acesso: &str) -> Result<(), HttpError> {
        let bearer = format!("Bearer {acesso}");
        self.post(server, "/v1/auth/logout", "application/json", Some(&bearer), b"", 1024)?;
        Ok(())
    }

    /// `POST /v1/sync`.
    pub fn sync(
        &self,
        server: &str,
        acesso: &str,
        request: &SyncRequest,
    ) -> Result<SyncResponse, HttpError> {
        let unreadable = |error| HttpError::Answer(AnswerError::Wire(error));
        let body = wire::pack(request).map_err(unreadable)?;
        let bearer = format!("Bearer {acesso}");
        let cap = RESPONSE_BYTES_MAX as u64;
        let answer =
            self.post(server, "/v1/sync", wire::CONTENT_TYPE, Some(&bearer), &body, cap)?;
        wire::unpack(&answer, RESPONSE_BYTES_MAX).map_err(unreadable)
    }

    fn json<T: DeserializeOwned>(
        &self,
        server: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, HttpError> {
        let body = body.to_string();
        let answer =
            self.post(server, path, "application/json", None, body.as_bytes(), JSON_BYTES_MAX)?;
        serde_json::from_slice(&answer).map_err(|e| HttpError::Answer(AnswerError::Json(e)))
    }

    fn post(
        &self,
        server: &str,
        path: &str,
        content_type: &str,
        bearer: Option<&str>,
        body: &[u8],
        answer_bytes_max: u64,
    ) -> Result<Vec<u8>, HttpError> {
        let mut request =
            self.0.post(format!("{server}{path}")).header("content-type", content_type);
        if let Some(bearer) = bearer {
            request = request.header("authorization", bearer);
        }
        let response = request.send(body).map_err(|e| HttpError::Network(Box::new(e)))?;
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        let mut answer = Vec::new();
        let reader = response.into_body().into_with_config().limit(answer_bytes_max + 1).reader();
        let read = reader.take(answer_bytes_max).read_to_end(&mut answer);
        read.map(|_| answer).map_err(HttpError::Broken)
    }
}

/// What an answer that is no success says, as far as it can be read.
pub fn refusal(response: Response<Body>) -> HttpError {
    #[derive(Deserialize)]
    struct Described {
        codigo: String,
        mensagem: String,
    }
    let mut problem = problem(&response);
    let mut answer = Vec::new();
    let reader = response.into_body().into_with_config().limit(JSON_BYTES_MAX + 1).reader();
    let _ = reader.take(JSON_BYTES_MAX).read_to_end(&mut answer);
    if let Ok(described) = serde_json::from_slice::<Described>(&answer) {
        (problem.codigo, problem.mensagem) = (described.codigo, described.mensagem);
    }
    HttpError::Status(problem)
}

fn problem<B>(response: &Response<B>) -> Problem {
    let retry_after = response.headers().get("retry-after");
    Problem {
        status: response.status().as_u16(),
        retry_after: retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok()),
        ..Problem::default()
    }
}

/// Checks and normalises a server's address.
pub fn address(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let uri: ureq::http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
    let plain = uri.path().len() <= 1 && uri.query().is_none();
    (scheme && plain && uri.host().is_some_and(|host| !host.is_empty())).then(|| text.to_owned())
}
