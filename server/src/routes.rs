//! Every route of the server, and the layers around them. If it is not here, it is not served.

use crate::{
    api::{self, health, live, session, sync},
    app::App,
    arquivos, drain,
    error::{ApiError, ApiResult},
    http::BODY_BYTES_MAX,
    log, web,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{any::Any, time::Duration};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

/// Longest time for an answer, streams excepted.
const ANSWER_MAX: Duration = Duration::from_secs(30);

const CSP: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; \
                   base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The whole service.
pub fn router(app: App) -> Router {
    let timed = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/v1/auth/login", post(session::login))
        .route("/v1/auth/refresh", post(session::refresh))
        .route("/v1/auth/logout", post(session::logout))
        .route("/v1/sync", post(sync::sync).layer(DefaultBodyLimit::max(sync::BODY_BYTES_MAX)))
        .merge(api::router(&app))
        .merge(web::routes())
        .fallback(async || ApiError::nao_encontrado())
        .layer(from_fn(timeout));

    // Streams: they end when `App::shutdown` is requested, not after a time.
    let endless =
        Router::new().route("/v1/live", get(live::device)).route("/web/ao-vivo", get(live::office));

    timed
        .merge(endless)
        .merge(arquivos::envio::routes(&app))
        .method_not_allowed_fallback(async || {
            let mensagem = "Este endereço não aceita esse método.";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "metodo_nao_aceito", mensagem)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(header(header::CONTENT_SECURITY_POLICY, CSP))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(from_fn(log::request))
        .layer(from_fn(drain::request))
        .with_state(app)
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn timeout(request: Request, next: Next) -> ApiResult<Response> {
    tokio::time::timeout(ANSWER_MAX, next.run(request)).await.map_err(|_| {
        let mensagem = "O servidor demorou demais. Tente de novo em instantes.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(status, "tempo_esgotado", mensagem).after(5)
    })
}

fn panicked(what: Box<dyn Any + Send>) -> Response {
    let message = what
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| what.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::interno(anyhow::anyhow!("panic: {message}")).into_response()
}
