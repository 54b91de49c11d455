//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, is not done again.
//!
//! The answer to a POST that did something is kept for a day and given again, marked with
//! `Idempotency-Replayed: true`. An error wrote nothing, so it is not kept: the same key may try
//! again. The work goes on when the caller hangs up. Only a server that is killed between a commit
//! and the note of it can do something twice; records have ids of the caller's own against that.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{BODY_BYTES_MAX, principal::Principal},
    log,
};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use campo_domain::ids::TenantId;
use sha2::{Digest, Sha256};
use sqlx::Row;
use uuid::Uuid;

/// The header that a caller sends.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const KEY_BYTES_MAX: usize = 200;
/// Largest answer that is kept.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Headers of an answer that are kept.
const KEPT: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::CACHE_CONTROL];
/// How long a request that is under way keeps others of its key out, as PostgreSQL reads it. Longer
/// than any request may take.
const LEASE: &str = "2 minutes";
/// How long an answer is kept.
const RETENTION: &str = "24 hours";

/// The body to keep in place of one that holds a secret: an extension of a response.
#[derive(Clone, Debug)]
pub struct Stored(pub Bytes);

/// The layer, inside [`super::principal::authenticate`].
///
/// # Errors
/// 400 for a key that does not serve, 409 `em_andamento`, 422 `chave_reutilizada`; else those of
/// the handler.
pub async fn keep(State(app): State<App>, request: Request, next: Next) -> ApiResult<Response> {
    let Some(key) = request.headers().get(KEY).filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key.as_bytes().to_vec();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let mensagem = format!("A Idempotency-Key tem de 1 a {KEY_BYTES_MAX} caracteres.");
        return Err(ApiError::invalido(mensagem));
    }
    let principal = request.extensions().get::<Principal>();
    let (tenant, who) = principal
        .map(|principal| (principal.tenant, principal.id()))
        .ok_or_else(ApiError::nao_autenticado)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX);
    let body = body.await.map_err(|_| ApiError::grande_demais())?;
    let slot = Slot { app, tenant, who, key: digest(&[&key]), owner: Uuid::now_v7() };
    if let Some(kept) = slot.claim(&fingerprint(&key, &parts, &body)).await? {
        return Ok(kept);
    }
    let request = Request::from_parts(parts, Body::from(body));
    let work = log::spawn(async move {
        let response = next.run(request).await;
        slot.settle(response).await
    });
    work.await.map_err(ApiError::interno)?
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

/// What makes a request the same. The key, which is not stored, salts it: a password in a body
/// cannot be guessed from the table.
fn fingerprint(key: &[u8], parts: &Parts, body: &[u8]) -> Vec<u8> {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    digest(&[key, path.as_bytes(), body])
}

/// The place of one key of one caller.
struct Slot {
    app: App,
    tenant: TenantId,
    who: Uuid,
    key: Vec<u8>,
    /// Tells this request from one that took the place over when the lease ended.
    owner: Uuid,
}

impl Slot {
    /// Takes the place, or answers with what is kept there.
    async fn claim(&self, fingerprint: &[u8]) -> ApiResult<Option<Response>> {
        let mut tx = self.app.db.tenant(self.tenant).await?;
        sqlx::query(
            "DELETE FROM idempotencia WHERE ctid IN (SELECT ctid FROM idempotencia \
                 WHERE criado_em < now() - $1::interval LIMIT 50 FOR UPDATE SKIP LOCKED)",
        )
        .bind(RETENTION)
        .execute(&mut *tx)
        .await?;
        let taken = sqlx::query(
            "INSERT INTO idempotencia AS i (tenant, principal, chave, pedido, dono, reservada_ate) \
             VALUES ($1, $2, $3, $4, $5, now() + $6::interval) \
             ON CONFLICT (tenant, principal, chave) DO UPDATE SET dono = excluded.dono, \
                 reservada_ate = excluded.reservada_ate, criado_em = now() \
             WHERE i.status IS NULL AND i.reservada_ate < now() AND i.pedido = excluded.pedido",
        )
        .bind(self.tenant.uuid())
        .bind(self.who)
        .bind(&self.key)
        .bind(fingerprint)
        .bind(self.owner)
        .bind(LEASE)
        .execute(&mut *tx)
        .await?;
        if taken.rows_affected() == 1 {
            tx.commit().await?;
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT pedido, status, cabecalhos, corpo FROM idempotencia \
             WHERE principal = $1 AND chave = $2",
        )
        .bind(self.who)
        .bind(&self.key)
        .fetch_optional(&mut *tx)
        .await?;
        // Gone: the one that was under way failed just now.
        let Some(row) = row else { return Err(under_way()) };
        if row.try_get::<Vec<u8>, _>("pedido")? != fingerprint {
            let mensagem = "Esta Idempotency-Key já foi usada em outro pedido. Use uma nova.";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(ApiError::new(status, "chave_reutilizada", mensagem));
        }
        let status: Option<i16> = row.try_get("status")?;
        let status = status.and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok());
        let Some(status) = status else { return Err(under_way()) };
        let mut response = (status, row.try_get::<Vec<u8>, _>("corpo")?).into_response();
        let names: Vec<String> = row.try_get("cabecalhos")?;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        for pair in names.chunks_exact(2) {
            if let (Ok(name), Ok(value)) = (pair[0].parse::<HeaderName>(), pair[1].parse()) {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Some(response))
    }

    /// Keeps an answer that did something; frees the place after one that did not.
    async fn settle(self, response: Response) -> ApiResult<Response> {
        let mut tx = self.app.db.tenant(self.tenant).await?;
        if response.status().is_client_error() || response.status().is_server_error() {
            sqlx::query(
                "DELETE FROM idempotencia WHERE principal = $1 AND chave = $2 AND dono = $3",
            )
            .bind(self.who)
            .bind(&self.key)
            .bind(self.owner)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(ApiError::interno)?;
        let kept = parts.extensions.get::<Stored>().map_or(&body, |stored| &stored.0);
        let headers: Vec<&str> = KEPT
            .iter()
            .filter_map(|name| Some((name.as_str(), parts.headers.get(name)?.to_str().ok()?)))
            .flat_map(|(name, value)| [name, value])
            .collect();
        sqlx::query(
            "UPDATE idempotencia SET status = $4, cabecalhos = $5, corpo = $6 \
             WHERE principal = $1 AND chave = $2 AND dono = $3",
        )
        .bind(self.who)
        .bind(&self.key)
        .bind(self.owner)
        .bind(i16::try_from(parts.status.as_u16()).map_err(ApiError::interno)?)
        .bind(headers)
        .bind(&kept[..])
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

fn under_way() -> ApiError {
    let mensagem = "Um pedido com esta Idempotency-Key ainda está em andamento. Espere e repita.";
    ApiError::new(StatusCode::CONFLICT, "em_andamento", mensagem).after(1)
}
