//! Puts messages into the queue of each endpoint, and takes them out (R100).
//!
//! What is for a paused endpoint waits for it; what no endpoint wants yet waits as `sem_destino`.

use super::delivery::SituacaoEntrega;
use crate::error::{ApiError, ApiResult};
use axum::http::StatusCode;
use campo_domain::ids::{AcaoId, DocumentId, TenantId};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Makes a delivery due at once, whether it was delivered, failed or waits. If its endpoint was
/// removed it waits for another one.
///
/// # Errors
/// 404 `nao_encontrado`; 409 `entrega_cancelada`.
pub async fn deliver_again(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    delivery: Uuid,
) -> ApiResult<()> {
    let situacao: String = sqlx::query_scalar(
        "SELECT situacao FROM webhook_entrega WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(delivery)
    .fetch_one(&mut **tx)
    .await?;
    if situacao == SituacaoEntrega::Cancelada.codigo() {
        let text = "Esta entrega foi cancelada: a ação já foi respondida, ou o destino foi \
                        removido e outro a recebe.";
        return Err(ApiError::new(StatusCode::CONFLICT, "entrega_cancelada", text));
    }
    sqlx::query(
        "UPDATE webhook_entrega e SET tentativas = 0, proxima_em = now(), arrendamento = NULL, \
             destino = d.id, entregue_em = NULL, \
             situacao = CASE WHEN d.id IS NULL THEN 'sem_destino' ELSE 'pendente' END \
         FROM webhook_entrega x LEFT JOIN webhook_destino d \
             ON d.tenant = x.tenant AND d.id = x.destino AND d.removido_em IS NULL \
         WHERE x.tenant = $1 AND x.id = $2 AND e.tenant = x.tenant AND e.id = x.id",
    )
    .bind(tenant.uuid())
    .bind(delivery)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An event for every endpoint that wants it.
#[derive(Clone, Debug)]
pub(super) struct Mensagem {
    pub(super) tipo: &'static str,
    pub(super) documento: DocumentId,
    pub(super) acao: AcaoId,
    pub(super) corpo: String,
}

/// The id of an endpoint, and which types of event it wants; all when empty.
type Wants = (Uuid, Vec<String>);

/// The endpoints of the company, paused ones too. They are locked, so that none can be removed
/// while a delivery for it is inserted.
async fn endpoints(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<Vec<Wants>> {
    sqlx::query_as(
        "SELECT id, eventos FROM webhook_destino WHERE tenant = $1 AND removido_em IS NULL \
         ORDER BY id FOR SHARE",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await
}

/// Queues messages, each for all endpoints that want it, else as `sem_destino`.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn enqueue(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    messages: &[Mensagem],
) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let endpoints = endpoints(tx, tenant).await?;
    for message in messages {
        let wants = |(_, eventos): &&Wants| {
            eventos.is_empty() || eventos.iter().any(|evento| evento == message.tipo)
        };
        let wanting = endpoints.iter().filter(wants);
        let mut recipients: Vec<Option<Uuid>> = wanting.map(|(id, _)| Some(*id)).collect();
        if recipients.is_empty() {
            recipients.push(None);
        }
        let ids: Vec<Uuid> = recipients.iter().map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "INSERT INTO webhook_entrega (tenant, id, mensagem, tipo, documento, acao, corpo, \
                 criado_em, destino, situacao) \
             SELECT $1, n.id, $2, $3, $4, $5, $6, $7, n.destino, \
                 CASE WHEN n.destino IS NULL THEN 'sem_destino' ELSE 'pendente' END \
             FROM unnest($8::uuid[], $9::uuid[]) n (id, destino)",
        )
        .bind(tenant.uuid())
        .bind(format!("msg_{}", Uuid::now_v7().simple()))
        .bind(message.tipo)
        .bind(message.documento.uuid())
        .bind(message.acao.uuid())
        .bind(&message.corpo)
        .bind(now)
        .bind(ids)
        .bind(recipients)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Cancels the deliveries of actions that were answered: those that wait, and those that failed, so
/// that they cannot be queued again. An attempt that is under way is not interrupted; its success
/// is recorded, its failure is not followed by another attempt.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn cancel(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    answered: &[(DocumentId, AcaoId)],
) -> sqlx::Result<()> {
    if answered.is_empty() {
        return Ok(());
    }
    let (documents, actions): (Vec<Uuid>, Vec<Uuid>) =
        answered.iter().map(|(documento, acao)| (documento.uuid(), acao.uuid())).unzip();
    sqlx::query(
        "UPDATE webhook_entrega e SET situacao = 'cancelada' \
         FROM unnest($2::uuid[], $3::uuid[]) n (documento, acao) \
         WHERE e.tenant = $1 AND e.acao = n.acao AND e.documento = n.documento \
             AND e.situacao IN ('pendente', 'sem_destino', 'falhou')",
    )
    .bind(tenant.uuid())
    .bind(documents)
    .bind(actions)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Assigns deliveries that wait as `sem_destino` to every endpoint that wants them, up to 500 a
/// call.
///
/// # Errors
/// PostgreSQL's.
pub(super) async fn adopt(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    if endpoints(tx, tenant).await?.is_empty() {
        return Ok(());
    }
    let waiting: Vec<(Uuid, Vec<Uuid>)> = sqlx::query_as(
        "SELECT x.id, n.destinos FROM webhook_entrega x \
         CROSS JOIN LATERAL (SELECT array_agg(d.id ORDER BY d.id) AS destinos \
             FROM webhook_destino d WHERE d.tenant = x.tenant AND d.removido_em IS NULL \
                 AND (d.eventos = '{}' OR x.tipo = ANY (d.eventos)) \
                 AND NOT EXISTS (SELECT FROM webhook_entrega o WHERE o.tenant = x.tenant \
                     AND o.mensagem = x.mensagem AND o.destino = d.id)) n \
         WHERE x.tenant = $1 AND x.situacao = 'sem_destino' AND n.destinos IS NOT NULL \
         ORDER BY x.id LIMIT 500 FOR UPDATE OF x SKIP LOCKED",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let (mut first_rows, mut first_endpoints) = (Vec::new(), Vec::new());
    let (mut source_rows, mut new_rows, mut more_endpoints) = (Vec::new(), Vec::new(), Vec::new());
    for (id, endpoints) in &waiting {
        let Some((first, more)) = endpoints.split_first() else { continue };
        first_rows.push(*id);
        first_endpoints.push(*first);
        for endpoint in more {
            source_rows.push(*id);
            new_rows.push(Uuid::now_v7());
            more_endpoints.push(*endpoint);
        }
    }
    sqlx::query(
        "UPDATE webhook_entrega e SET destino = n.destino, situacao = 'pendente', \
             proxima_em = now() \
         FROM unnest($2::uuid[], $3::uuid[]) n (id, destino) WHERE e.tenant = $1 AND e.id = n.id",
    )
    .bind(tenant.uuid())
    .bind(first_rows)
    .bind(first_endpoints)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO webhook_entrega (tenant, id, mensagem, tipo, documento, acao, corpo, \
             criado_em, destino, situacao) \
         SELECT e.tenant, n.id, e.mensagem, e.tipo, e.documento, e.acao, e.corpo, e.criado_em, \
             n.destino, 'pendente' \
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) n (de, id, destino) \
         JOIN webhook_entrega e ON e.tenant = $1 AND e.id = n.de",
    )
    .bind(tenant.uuid())
    .bind(source_rows)
    .bind(new_rows)
    .bind(more_endpoints)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
