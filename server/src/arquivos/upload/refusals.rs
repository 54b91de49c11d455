//! Refusals where an upload is not in the state that the client assumes.

use super::{headers, table::Upload};
use crate::error::ApiError;
use axum::http::StatusCode;

/// 404 `envio_expirado`: the client must begin another upload.
pub fn expired() -> ApiError {
    let message = "Este envio não existe mais. Comece outro: o que já foi conferido não se repete.";
    ApiError::new(StatusCode::NOT_FOUND, "envio_expirado", message)
}

/// 409 `posicao_diferente`, with the current offset in bytes.
pub fn wrong_position(upload: &Upload) -> ApiError {
    let message = "O envio não está nessa posição. Continue de onde ele parou.";
    let error = ApiError::new(StatusCode::CONFLICT, "posicao_diferente", message);
    error.header(headers::UPLOAD_OFFSET, upload.received.into()).with("posicao", upload.received)
}
