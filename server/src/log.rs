//! Log lines and the id of each request.
//!
//! A line says method, route, status and latency, never a query, a body, a login or an address.

use crate::{
    config::{Config, LogFormat},
    error::{REQUEST, request_id},
};
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use std::{io::IsTerminal, time::Instant};
use tokio::task::JoinHandle;
use tracing::Instrument;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
use uuid::Uuid;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Starts the log, on stderr. A second call, as tests make, changes nothing.
pub fn init(config: &Config) {
    let log = tracing_subscriber::registry().with(config.log.clone());
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Fails only when a log was started before.
    let _ = match config.log_format {
        LogFormat::Text => log.with(lines).try_init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Runs work of the current request as a task of its own, with the request's id in its log lines.
/// It goes on if the connection is closed.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let id = request_id().unwrap_or_default();
    tokio::spawn(REQUEST.scope(id, work.in_current_span()))
}

/// The layer that gives a request its id (or takes that of `X-Request-Id`), returns it, and writes
/// one log line for the request.
pub async fn request(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| sane(id))
        .map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", id, %method, route);
    let name = HeaderValue::from_str(&id).ok();
    let work = async move {
        let start = Instant::now();
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if matches!(route.as_str(), "/healthz" | "/readyz") && status < 400 {
            tracing::debug!(status, ms, "answered");
        } else {
            tracing::info!(status, ms, "answered");
        }
        response
    };
    let mut response = REQUEST.scope(id, work.instrument(span)).await;
    if let Some(name) = name {
        response.headers_mut().insert(REQUEST_ID.clone(), name);
    }
    response
}

/// Whether an id from outside may go into the log: 8 to 64 characters of `[A-Za-z0-9_-]`.
fn sane(id: &str) -> bool {
    (8..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::sane;

    #[test]
    fn only_a_short_plain_id_is_taken_over() {
        assert!(sane("0192f0c1-7a3b-7cc2-b3a1-4d5e6f708192"));
        for bad in ["", "short", "tem espaço aqui", "linha\nnova-linha", &"x".repeat(65)] {
            assert!(!sane(bad), "{bad}");
        }
    }
}
