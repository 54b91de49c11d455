//! `POST /v1/auth/…`: the session of the app on a device.

use crate::{
    app::App,
    auth::{
        device::{self, DeviceAuth},
        messages::{Granted, Login, Refresh},
        throttle::ClientIp,
    },
    error::ApiResult,
    http::{extract::ApiJson, problems::Problemas},
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// `POST /v1/auth/login`.
///
/// # Errors
/// `credenciais_invalidas`, `usuario_inativo`, `dispositivo_revogado`, `muitas_tentativas`.
#[utoipa::path(
    post, path = "/v1/auth/login", tag = "Sessao", summary = "Entra, num aparelho",
    request_body = Login,
    responses((status = 200, body = Granted), Problemas), security(()),
)]
pub async fn login(
    State(app): State<App>,
    ip: ClientIp,
    ApiJson(body): ApiJson<Login>,
) -> ApiResult<Response> {
    Ok(secret(device::sign_in(&app, ip, &body).await?))
}

/// `POST /v1/auth/refresh`.
///
/// # Errors
/// `nao_autenticado` for a token that never was; `sessao_expirada`, `sessao_revogada`,
/// `dispositivo_revogado`, `usuario_inativo`.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "Sessao", summary = "Renova a sessão",
    request_body = Refresh,
    responses((status = 200, body = Granted), Problemas), security(()),
)]
pub async fn refresh(
    State(app): State<App>,
    ApiJson(body): ApiJson<Refresh>,
) -> ApiResult<Response> {
    Ok(secret(device::renew(&app, &body).await?))
}

/// `POST /v1/auth/logout`: ends the session; what the device still holds stays with it.
///
/// # Errors
/// Those of [`DeviceAuth`].
#[utoipa::path(
    post, path = "/v1/auth/logout", tag = "Sessao", summary = "Encerra a sessão",
    responses((status = 204), Problemas),
)]
pub async fn logout(State(app): State<App>, auth: DeviceAuth) -> ApiResult<StatusCode> {
    device::sign_out(&app, &auth).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An answer that no cache keeps: it holds tokens.
fn secret(granted: Granted) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(granted)).into_response()
}
