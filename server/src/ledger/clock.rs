//! The company's clock, whose row gives out the positions of the log, and the notification that
//! something moved.

use campo_domain::ids::TenantId;
use sqlx::PgTransaction;

/// The channel on which a commit says that something moved; the payload is the tenant.
pub(crate) const CHANNEL: &str = "campo_moveu";

/// Tells every process that something of the company moved, once the transaction commits.
pub(crate) async fn notify(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(tenant.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes `n` positions of the log; returns the one before the first. Holds the lock of the clock's
/// row until the transaction ends, so only INSERTs and UPDATEs may follow.
pub(super) async fn advance(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    n: usize,
) -> sqlx::Result<u64> {
    let last: i64 = sqlx::query_scalar(
        "UPDATE tenant_clock SET seq = seq + $2 WHERE tenant = $1 RETURNING seq",
    )
    .bind(tenant.uuid())
    .bind(n as i64)
    .fetch_one(&mut **tx)
    .await?;
    Ok(last as u64 - n as u64)
}
