//! What a caller is told when a request fails: a problem (RFC 9457) with a stable code, a sentence
//! in pt-BR, a status.
//!
//! An internal error is logged with its causes under the request's id and never leaves the server.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::refusal::{Codigo, Refusal};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, fmt};

tokio::task_local! {
    /// The id of the request being answered: `crate::log` sets it.
    pub(crate) static REQUEST: String;
}

/// The id of the request being answered, where there is one.
pub fn request_id() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok()
}

/// Result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

/// A refusal or a failure, as the caller sees it.
#[derive(Debug)]
pub struct ApiError {
    /// Status of the answer.
    pub status: StatusCode,
    /// Stable code for programs.
    pub codigo: &'static str,
    /// Sentence for people, pt-BR.
    pub mensagem: Cow<'static, str>,
    /// Further headers of the answer: `Retry-After`, `ETag`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Further fields of the answer.
    pub extras: Map<String, Value>,
    cause: Option<anyhow::Error>,
}

impl ApiError {
    /// An error with a code and a sentence.
    pub fn new(
        status: StatusCode,
        codigo: &'static str,
        mensagem: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mensagem = mensagem.into();
        let (headers, extras) = (Vec::new(), Map::new());
        Self { status, codigo, mensagem, headers, extras, cause: None }
    }

    /// 400 `pedido_invalido`: the request itself is wrong; the sentence says where.
    pub fn invalido(mensagem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "pedido_invalido", mensagem)
    }

    /// 401 `nao_autenticado`.
    pub fn nao_autenticado() -> Self {
        let mensagem = "Entre com seu login e senha para continuar.";
        Self::new(StatusCode::UNAUTHORIZED, "nao_autenticado", mensagem)
    }

    /// 403 `sem_permissao`.
    pub fn sem_permissao() -> Self {
        let mensagem = "Você não tem permissão para isto. Fale com quem administra o Campo.";
        Self::new(StatusCode::FORBIDDEN, "sem_permissao", mensagem)
    }

    /// 404 `nao_encontrado`; also for what the caller may not know of.
    pub fn nao_encontrado() -> Self {
        let mensagem = "Não encontrado. Confira o endereço ou atualize a lista.";
        Self::new(StatusCode::NOT_FOUND, "nao_encontrado", mensagem)
    }

    /// 413 `pedido_grande_demais`: more than a route takes.
    pub fn grande_demais() -> Self {
        let mensagem = "O corpo do pedido passa do limite. Mande menos de cada vez.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "pedido_grande_demais", mensagem)
    }

    /// 422: it can be read, and the rules do not allow it.
    pub fn recusado(codigo: &'static str, mensagem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, codigo, mensagem)
    }

    /// 500 `erro_interno`, with its cause for the log.
    pub fn interno(cause: impl Into<anyhow::Error>) -> Self {
        let mensagem =
            "Algo falhou no servidor. Tente de novo: o que já foi gravado não se repete.";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "erro_interno", mensagem);
        error.cause = Some(cause.into());
        error
    }

    /// Says when to try again.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a field to the answer.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mensagem)
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as _)
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::nao_encontrado(),
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => {
                let mensagem = "O servidor está ocupado e nada foi alterado. Tente em instantes.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let mut busy = Self::new(status, "servidor_ocupado", mensagem).after(5);
                busy.cause = Some(error.into());
                busy
            }
            error => Self::interno(error),
        }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        error.downcast::<ApiError>().unwrap_or_else(Self::interno)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.codigo {
            Codigo::SemPermissao | Codigo::NaoCabeAVoce => StatusCode::FORBIDDEN,
            Codigo::NaoEncontrado | Codigo::ForaDeAlcance => StatusCode::NOT_FOUND,
            Codigo::TransicaoNaoPermitida
            | Codigo::IdEmUso
            | Codigo::JaConcluido
            | Codigo::AcaoEmAndamento
            | Codigo::AcaoRespondida
            | Codigo::RetidaDecidida
            | Codigo::TextoMudou
            | Codigo::ValorMudou => StatusCode::CONFLICT,
            Codigo::Apagado => StatusCode::GONE,
            Codigo::VersaoMudou => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, refusal.codigo.codigo(), refusal.mensagem())
            .with("detalhes", refusal.detalhes)
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let mut error = Self::invalido("O corpo do pedido não é o JSON esperado.");
        error.status = rejection.status();
        error.with("detalhe", rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(codigo = self.codigo, causa = format!("{cause:#}"), "request failed");
        }
        let mut body = self.extras;
        body.insert("type".into(), format!("urn:campo:problema:{}", self.codigo).into());
        body.insert("title".into(), title(self.status).into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.mensagem.as_ref().into());
        body.insert("codigo".into(), self.codigo.into());
        // What devices read since before there was a `detail`.
        body.insert("mensagem".into(), self.mensagem.into());
        if let Some(id) = request_id() {
            body.insert("instance".into(), format!("urn:campo:requisicao:{id}").into());
            body.insert("requisicao".into(), json!(id));
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        headers.extend(self.headers);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The same for every occurrence of a status, as RFC 9457 wants it.
fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 415 => "Pedido inválido",
        401 => "Não autenticado",
        403 => "Não permitido",
        404 => "Não encontrado",
        405 => "Método não aceito",
        409 => "Conflito",
        410 => "Apagado",
        412 => "Versão desatualizada",
        413 => "Grande demais",
        422 => "Recusado",
        428 => "Falta If-Match",
        429 => "Tentativas demais",
        503 => "Indisponível",
        400..500 => "Pedido recusado",
        _ => "Falha no servidor",
    }
}

/// Turns the violation of a named constraint into what it means to a person.
pub trait OnConstraint<T> {
    /// Calls `meaning` when the constraint `name` was violated; any other error stays internal.
    ///
    /// # Errors
    /// `meaning()`, or the error as [`ApiError`] maps it.
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> ApiError) -> ApiResult<T>;
}

impl<T> OnConstraint<T> for Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> ApiError) -> ApiResult<T> {
        self.map_err(|error| match error.as_database_error() {
            Some(database) if database.constraint() == Some(name) => meaning(),
            _ => error.into(),
        })
    }
}
