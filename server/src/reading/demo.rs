//! What the demonstration company has already: `crate::demo` adds what is missing.

use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Whether the company has a record.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn has_records(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM document WHERE tenant = $1)")
        .bind(tenant.uuid())
        .fetch_one(&mut **tx)
        .await
}

/// The oldest record whose complaint begins so: its id, its responsável, and when it was made.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn by_complaint(
    tx: &mut PgTransaction<'_>,
    complaint: &str,
) -> sqlx::Result<Option<(Uuid, Option<Uuid>, DateTime<Utc>)>> {
    sqlx::query_as(
        "SELECT id, responsavel, criado_em FROM ( \
             SELECT id, responsavel, criado_em, situacao_alegada AS texto FROM assistencias \
             UNION ALL SELECT id, responsavel, criado_em, relato FROM ocorrencias) r \
         WHERE starts_with(r.texto, $1) ORDER BY criado_em LIMIT 1",
    )
    .bind(complaint)
    .fetch_optional(&mut **tx)
    .await
}

/// How far a file of a record is, if the record has it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn state_of_file(
    tx: &mut PgTransaction<'_>,
    document: Uuid,
    attachment: Uuid,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT estado FROM anexos WHERE document = $1 AND id = $2")
        .bind(document)
        .bind(attachment)
        .fetch_optional(&mut **tx)
        .await
}
