//! What a phone is told where its upload is not as it thinks.

use super::{cabecalhos, tabela::Envio};
use crate::error::ApiError;
use axum::http::StatusCode;

/// 404 `envio_expirado`.
pub fn expirado() -> ApiError {
    let mensagem =
        "Este envio não existe mais. Comece outro: o que já foi conferido não se repete.";
    ApiError::new(StatusCode::NOT_FOUND, "envio_expirado", mensagem)
}

/// 409 `posicao_diferente`, with where the upload stands.
pub fn posicao_diferente(envio: &Envio) -> ApiError {
    let mensagem = "O envio não está nessa posição. Continue de onde ele parou.";
    let error = ApiError::new(StatusCode::CONFLICT, "posicao_diferente", mensagem);
    error.header(cabecalhos::UPLOAD_OFFSET, envio.recebido.into()).with("posicao", envio.recebido)
}
