//! `POST /v1/sync`: commits what a device pushed, then reads what it lacks. See `docs/protocol.md`.

use crate::{
    app::App,
    auth::device::DeviceAuth,
    commit::{Answer, Work},
    db::Db,
    error::{ApiError, ApiResult},
    http::problems::Problemas,
    ledger::{self, Pull},
};
use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::ids::{DeviceId, TenantId, UserId};
use campo_sync::wire::{
    self, Limits, Outcome, PROTOCOL, SyncRequest, SyncResponse, Verdict, WireError,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// Largest compressed body in bytes: incompressible data grow by less than 1 KiB.
pub(crate) const BODY_BYTES_MAX: usize = Limits::DEFAULT.request_bytes_max() + 1024;

const UNREADABLE: &str = "O pedido de sincronização não pôde ser lido. Atualize o aplicativo.";

/// The handler.
///
/// # Errors
/// 400 for a body that is no request, 413 for one that is too large, 403 for a request in another
/// device's name.
#[utoipa::path(
    post, path = "/v1/sync", tag = "Sincronizacao", summary = "Envia e recebe (protocol.md)",
    request_body(content = Vec<u8>, content_type = "application/vnd.campo.sync+cbor+zstd"),
    responses((status = 200, content_type = "application/vnd.campo.sync+cbor+zstd"), Problemas),
)]
pub async fn sync(
    State(app): State<App>,
    auth: DeviceAuth,
    body: Result<Bytes, BytesRejection>,
) -> ApiResult<Response> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => ApiError::invalido(UNREADABLE),
    })?;
    let request = tokio::task::spawn_blocking(move || {
        wire::unpack::<SyncRequest>(&body, Limits::DEFAULT.request_bytes_max())
    })
    .await
    .map_err(ApiError::interno)?
    .map_err(unreadable)?;
    if request.device != auth.device {
        let message = "O pedido foi feito em nome de outro aparelho. Entre de novo neste.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "aparelho_alheio", message));
    }
    if auth.pessoa.portal() {
        return Err(ApiError::sem_permissao());
    }
    if request.push.len() > Limits::DEFAULT.push_items_max as usize {
        return Err(too_large());
    }
    let response = exchange(&app, auth.tenant, auth.pessoa.id, auth.device, request).await?;
    let body = tokio::task::spawn_blocking(move || wire::pack(&response))
        .await
        .map_err(ApiError::interno)?
        .map_err(ApiError::interno)?;
    Ok(([(header::CONTENT_TYPE, wire::CONTENT_TYPE)], body).into_response())
}

/// One exchange of a person on a device.
///
/// # Errors
/// PostgreSQL's. What was pushed may be committed even then; the device sends it again and gets the
/// outcome `Known`.
pub async fn exchange(
    app: &App,
    tenant: TenantId,
    user: UserId,
    device: DeviceId,
    mut request: SyncRequest,
) -> anyhow::Result<SyncResponse> {
    let pushes = std::mem::take(&mut request.push);
    let mut verdicts = Vec::new();
    if !pushes.is_empty() {
        let work = Work::Push { user, device, pushes };
        if let Answer::Verdicts(answered) = app.submit(tenant, work).await? {
            verdicts = answered;
        }
    }
    answer(&app.db, tenant, user, &request, verdicts, Utc::now()).await
}

/// The response to a request whose changes have these verdicts, with what the device lacks.
///
/// # Errors
/// PostgreSQL's.
pub async fn answer(
    db: &Db,
    tenant: TenantId,
    user: UserId,
    request: &SyncRequest,
    verdicts: Vec<Verdict>,
    now: DateTime<Utc>,
) -> anyhow::Result<SyncResponse> {
    let pushed: BTreeSet<_> = verdicts.iter().map(|verdict| verdict.hash).collect();
    let held: Vec<_> = verdicts
        .iter()
        .filter_map(|verdict| match verdict.outcome {
            Outcome::Held { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    // Only documents of merged changes: for others the person may not learn that they exist.
    let merged =
        |outcome: &Outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Known { .. });
    let documents = verdicts
        .iter()
        .filter(|verdict| merged(&verdict.outcome))
        .map(|verdict| verdict.document)
        .collect();
    let pull = Pull {
        tenant,
        user,
        cursor: &request.cursor,
        epoch: request.epoch,
        limits: &request.limits,
        pushed: &pushed,
        documents: &documents,
        held: &held,
        now,
    };
    let mut tx = db.snapshot(tenant).await?;
    let page = ledger::page(&mut tx, pull).await?;
    tx.rollback().await?;
    Ok(SyncResponse {
        protocol: PROTOCOL,
        verdicts,
        entries: page.entries,
        cursor: page.cursor,
        more: page.more,
        epoch: page.epoch,
        limits: Limits::DEFAULT,
        server_time: now.timestamp_millis(),
        user,
    })
}

fn unreadable(error: WireError) -> ApiError {
    match error {
        WireError::TooLarge { .. } => too_large(),
        WireError::Compression(_) | WireError::Encoding(_) => ApiError::invalido(UNREADABLE),
    }
}

fn too_large() -> ApiError {
    let message = "O lote passa do limite; envie menos alterações por vez.";
    let limits = Limits::DEFAULT;
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "lote_grande_demais", message)
        .with("push_bytes_max", limits.push_bytes_max)
        .with("push_items_max", limits.push_items_max)
}
