//! Sends from the queue: a server claims a delivery for a minute, and records what came of it.

use super::{backoff::BACKOFF, delivery::SituacaoEntrega};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use std::time::Duration;
use uuid::Uuid;

/// How long a claimed delivery is left to the server that claimed it; a PostgreSQL interval.
const LEASE: &str = "1 minute";
/// The status by which an endpoint says that it wants no more events (Standard Webhooks).
const GONE: u16 = 410;

/// The endpoints with due deliveries, each with whether its last attempt failed. Those that failed
/// come last; otherwise the order is random, so that none is always served after the others.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn due(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
) -> sqlx::Result<Vec<(Uuid, bool)>> {
    sqlx::query_as(
        "SELECT d.id, d.falhando FROM webhook_destino d WHERE d.tenant = $1 AND d.ativo \
             AND EXISTS (SELECT FROM webhook_entrega e WHERE e.tenant = d.tenant \
                 AND e.destino = d.id AND e.situacao = 'pendente' AND e.proxima_em <= now()) \
         ORDER BY d.falhando, random()",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await
}

/// A claimed delivery: no other server sends it while the lease lasts.
#[derive(Debug, FromRow)]
pub(super) struct Claimed {
    pub(super) id: Uuid,
    /// The `webhook-id`.
    #[sqlx(rename = "mensagem")]
    pub(super) message_id: String,
    #[sqlx(rename = "corpo")]
    pub(super) body: String,
    /// Including this one.
    #[sqlx(rename = "tentativas")]
    pub(super) attempts: i32,
    /// Names this claim; a later claim replaces it.
    #[sqlx(rename = "arrendamento")]
    pub(super) lease: Uuid,
    #[sqlx(rename = "destino")]
    pub(super) endpoint: Uuid,
    pub(super) url: String,
    /// Encrypted by `CAMPO_CHAVE`.
    #[sqlx(rename = "segredo")]
    pub(super) secret: Vec<u8>,
    /// Encrypted; the secret before this one, while it signs as well.
    #[sqlx(rename = "segredo_anterior")]
    pub(super) previous_secret: Option<Vec<u8>>,
}

/// Claims a due delivery of an endpoint, if there is one. The attempt is counted here, so that one
/// during which the server crashes counts too.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn claim(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    endpoint: Uuid,
) -> sqlx::Result<Option<Claimed>> {
    sqlx::query_as(
        "UPDATE webhook_entrega e SET tentativas = e.tentativas + 1, arrendamento = $3, \
             proxima_em = now() + $4::interval \
         FROM webhook_destino d \
         WHERE e.tenant = $1 AND d.tenant = $1 AND d.id = $2 AND d.ativo AND e.id = ( \
             SELECT x.id FROM webhook_entrega x \
             WHERE x.tenant = $1 AND x.destino = $2 AND x.situacao = 'pendente' \
                 AND x.proxima_em <= now() \
             ORDER BY x.proxima_em, x.id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING e.id, e.mensagem, e.corpo, e.tentativas, e.arrendamento, e.destino, d.url, \
             d.segredo, CASE WHEN d.segredo_anterior_ate > now() THEN d.segredo_anterior END \
                 AS segredo_anterior",
    )
    .bind(tenant.uuid())
    .bind(endpoint)
    .bind(Uuid::now_v7())
    .bind(LEASE)
    .fetch_optional(&mut **tx)
    .await
}

/// The result of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) at: DateTime<Utc>,
    pub(super) status: Option<u16>,
    pub(super) took: Duration,
    /// Why it failed, pt-BR; `None` if the endpoint accepted it.
    pub(super) error: Option<String>,
    /// How long the endpoint asks for no deliveries (`Retry-After`).
    pub(super) wait: Option<Duration>,
}

/// Records an attempt and schedules the next one. If the lease has run out and another server has
/// claimed the delivery, only the attempt and the endpoint's state are recorded.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn record(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    claimed: &Claimed,
    outcome: &Outcome,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO webhook_tentativa (tenant, id, entrega, destino, em, status, ms, erro) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(claimed.id)
    .bind(claimed.endpoint)
    .bind(outcome.at)
    .bind(outcome.status.map(i32::from))
    .bind(i32::try_from(outcome.took.as_millis()).unwrap_or(i32::MAX))
    .bind(&outcome.error)
    .execute(&mut **tx)
    .await?;
    let gone = outcome.status == Some(GONE);
    // Lock order: endpoint, then delivery, as in `webhook::remove`.
    sqlx::query(
        "UPDATE webhook_destino SET falhando = $3, ativo = ativo AND NOT $4, \
             motivo = CASE WHEN $4 AND ativo THEN $5 ELSE motivo END \
         WHERE tenant = $1 AND id = $2 AND url = $6 AND (falhando <> $3 OR $4)",
    )
    .bind(tenant.uuid())
    .bind(claimed.endpoint)
    .bind(outcome.error.is_some())
    .bind(gone)
    .bind("O destino respondeu HTTP 410: não quer mais eventos.")
    .bind(&claimed.url)
    .execute(&mut **tx)
    .await?;
    let wait = match BACKOFF.after(claimed.attempts) {
        // The endpoint is paused now; the delivery waits until it is resumed.
        _ if gone => Some(Duration::ZERO),
        wait => wait.map(|wait| wait.max(outcome.wait.unwrap_or_default())),
    };
    let situacao = match (&outcome.error, wait) {
        (None, _) => SituacaoEntrega::Entregue,
        (Some(_), Some(_)) => SituacaoEntrega::Pendente,
        (Some(_), None) => SituacaoEntrega::Falhou,
    };
    sqlx::query(
        "UPDATE webhook_entrega SET erro = $5, arrendamento = NULL, \
             situacao = CASE WHEN situacao = 'cancelada' AND $4 <> 'entregue' \
                 THEN situacao ELSE $4 END, \
             proxima_em = now() + make_interval(secs => $6), \
             entregue_em = CASE WHEN $4 = 'entregue' THEN now() END \
         WHERE tenant = $1 AND id = $2 AND arrendamento = $3",
    )
    .bind(tenant.uuid())
    .bind(claimed.id)
    .bind(claimed.lease)
    .bind(situacao.codigo())
    .bind(&outcome.error)
    .bind(wait.unwrap_or_default().as_secs_f64())
    .execute(&mut **tx)
    .await?;
    if let Some(wait) = outcome.wait {
        pause(tx, tenant, claimed, wait).await?;
    }
    Ok(())
}

/// Postpones the waiting deliveries of an endpoint by as long as it asks. Those under way or locked
/// by another transaction are skipped.
async fn pause(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    claimed: &Claimed,
    wait: Duration,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE webhook_entrega e SET proxima_em = now() + make_interval(secs => $3) \
         FROM (SELECT x.id FROM webhook_entrega x \
             JOIN webhook_destino d ON d.tenant = x.tenant AND d.id = x.destino AND d.url = $4 \
             WHERE x.tenant = $1 AND x.destino = $2 AND x.situacao = 'pendente' \
                 AND x.arrendamento IS NULL AND x.proxima_em < now() + make_interval(secs => $3) \
             FOR UPDATE OF x SKIP LOCKED) n \
         WHERE e.tenant = $1 AND e.id = n.id",
    )
    .bind(tenant.uuid())
    .bind(claimed.endpoint)
    .bind(wait.as_secs_f64())
    .bind(&claimed.url)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
