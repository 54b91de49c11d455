//! Body, query and path of a request; what is wrong with them becomes a problem as well. None lets
//! a NUL through, which PostgreSQL does not store.

use super::strict::Strict;
use crate::error::{ApiError, ApiResult};
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        Ok(Self(parse(&whole(request, state).await?)?))
    }
}

/// A JSON body that may be absent: then it says nothing but what nobody says.
#[derive(Clone, Copy, Debug)]
pub struct ApiJsonOpcional<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for ApiJsonOpcional<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let json = is_json(request.headers());
        let body = whole(request, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        if json { Ok(Self(parse(&body)?)) } else { Err(not_json()) }
    }
}

fn not_json() -> ApiError {
    let mut error = ApiError::invalido("Envie o pedido como application/json.");
    error.status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    error
}

/// A body as it came.
async fn whole<S: Send + Sync>(request: Request, state: &S) -> ApiResult<Bytes> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::grande_demais(),
        _ => ApiError::invalido("O corpo do pedido não chegou inteiro."),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    if body.windows(NUL.len()).any(|text| text == NUL) {
        return Err(ApiError::invalido("O pedido contém um caractere nulo."));
    }
    let Json(read) = Json::from_bytes(body)?;
    strictly::<T>(serde_json::from_slice(body).map_err(unexpected)?)?;
    Ok(read)
}

/// Whether the value is a `T` by names, not by position.
///
/// # Errors
/// 422 `pedido_invalido`.
fn strictly<T: DeserializeOwned>(value: Value) -> ApiResult<()> {
    T::deserialize(Strict(value)).map(drop).map_err(unexpected)
}

fn unexpected(error: serde_json::Error) -> ApiError {
    let mut refused = ApiError::invalido("O corpo do pedido não é o JSON esperado.");
    refused.status = StatusCode::UNPROCESSABLE_ENTITY;
    refused.with("detalhe", error.to_string())
}

/// A NUL in a JSON text.
const NUL: &[u8] = b"\\u0000";

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// The query.
#[derive(Clone, Copy, Debug)]
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let error = || ApiError::invalido("Os parâmetros do endereço não são os esperados.");
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(error());
        }
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(error().with("detalhe", rejection.body_text())),
        }
    }
}

/// The variables of the path. What cannot be one, such as an id that is no UUID, is not found.
#[derive(Clone, Copy, Debug)]
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        if parts.uri.path().contains("%00") {
            return Err(ApiError::nao_encontrado());
        }
        match Path::from_request_parts(parts, state).await {
            Ok(Path(path)) => Ok(Self(path)),
            Err(rejection) if rejection.status().is_server_error() => {
                Err(ApiError::interno(rejection))
            }
            Err(_) => Err(ApiError::nao_encontrado()),
        }
    }
}

/// For a field of a PATCH that may be left out, or emptied with `null`:
/// `#[serde(default, deserialize_with = "nullable")]`.
///
/// # Errors
/// The value is of another type.
pub fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
