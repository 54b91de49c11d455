//! Held branches (ff28) as they are stored. `crate::office` shows what each would write.

use campo_domain::ids::{DocumentId, HeldId, TenantId};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Decided branches of a record that are read.
const DECIDED_MAX: i64 = 50;

/// A branch.
#[derive(Clone, Debug, FromRow)]
pub struct Branch {
    pub id: Uuid,
    pub document: Uuid,
    /// The case that the record is of.
    pub raiz: Uuid,
    pub kind: String,
    pub author: Uuid,
    pub device: Uuid,
    pub received_at: DateTime<Utc>,
    /// Why it is held, for programs.
    pub reason: String,
    /// Why it is held, for people.
    pub message: String,
    /// aguardando, aprovado, descartado.
    pub status: String,
    pub decision_note: Option<String>,
}

/// The waiting branches of a record and the last 50 decided ones, newest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn of_record(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    document: DocumentId,
) -> sqlx::Result<Vec<Branch>> {
    sqlx::query_as(
        "(SELECT * FROM held WHERE tenant = $1 AND document = $2 AND status = 'aguardando') \
         UNION ALL (SELECT * FROM held \
             WHERE tenant = $1 AND document = $2 AND status <> 'aguardando' \
             ORDER BY received_at DESC, id DESC LIMIT $3) \
         ORDER BY received_at DESC, id DESC",
    )
    .bind(tenant.uuid())
    .bind(document.uuid())
    .bind(DECIDED_MAX)
    .fetch_all(&mut **tx)
    .await
}

/// One branch, waiting or decided.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn one(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    held: HeldId,
) -> sqlx::Result<Option<Branch>> {
    sqlx::query_as("SELECT * FROM held WHERE tenant = $1 AND id = $2")
        .bind(tenant.uuid())
        .bind(held.uuid())
        .fetch_optional(&mut **tx)
        .await
}
