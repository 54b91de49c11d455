//! `GET /v1/live` and `GET /web/ao-vivo`: a stream that says that something moved.

use crate::{
    app::App,
    auth::{device::DeviceAuth, office::OfficeAuth},
    error::{ApiError, ApiResult},
    http::problems::Problemas,
};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, KeepAliveStream, Sse},
};
use campo_domain::{ids::TenantId, pessoa::Pessoa};
use futures::{StreamExt, stream::BoxStream};
use std::convert::Infallible;

type Events = Sse<KeepAliveStream<BoxStream<'static, Result<Event, Infallible>>>>;

/// For the company's own people: when it works, and so each internal step of a case, is not a
/// client's to know (R52).
fn events(app: &App, tenant: TenantId, pessoa: &Pessoa) -> ApiResult<Events> {
    if pessoa.portal() {
        return Err(ApiError::sem_permissao());
    }
    let stream = app.live.stream(tenant, app.shutdown.clone()).boxed();
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// `GET /v1/live`, for devices.
///
/// # Errors
/// 403 `sem_permissao` for a login of the portal.
#[utoipa::path(
    get, path = "/v1/live", tag = "Sincronizacao", summary = "Avisa que algo mudou",
    responses((status = 200, content_type = "text/event-stream"), Problemas),
)]
pub async fn device(State(app): State<App>, auth: DeviceAuth) -> ApiResult<Events> {
    events(&app, auth.tenant, &auth.pessoa)
}

/// `GET /web/ao-vivo`, for the office's pages.
///
/// # Errors
/// 403 `sem_permissao` for a login of the portal.
pub async fn office(State(app): State<App>, auth: OfficeAuth) -> ApiResult<Events> {
    events(&app, auth.tenant, &auth.pessoa)
}
