//! Whether the process is up, and whether it can work. Called by balancers; both answer without a
//! login.

use crate::{app::App, error::ApiError};
use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// `GET /healthz`: the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "Servidor", summary = "O processo responde",
    responses((status = 200, body = Object)), security(()),
)]
pub async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok", "versao": env!("CARGO_PKG_VERSION") }))
}

/// `GET /readyz`: database and object store answer within two seconds each, and the server is not
/// stopping.
///
/// # Errors
/// 503 `nao_pronto`.
#[utoipa::path(
    get, path = "/readyz", tag = "Servidor", summary = "O servidor pode trabalhar",
    responses((status = 200, body = Object),
        (status = 503, description = "Ainda não, ou não mais.", headers(("Retry-After" = u32)))),
    security(()),
)]
pub async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let up = tokio::time::timeout(Duration::from_secs(2), app.db.ready()).await;
    let up = matches!(up, Ok(Ok(())));
    let ready = tokio::time::timeout(Duration::from_secs(2), app.objects.ready()).await;
    let objects = matches!(ready, Ok(Ok(())));
    if up && objects && !app.shutdown.is_requested() {
        return Ok(Json(json!({ "status": "pronto" })));
    }
    let message = "O servidor está iniciando, parando, ou sem banco de dados ou objetos.";
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "nao_pronto", message).after(2))
}
