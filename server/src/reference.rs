//! Reference data of a company: what a preset loads, and who its people are.

use campo_domain::ids::{TenantId, UserId};
use sqlx::PgTransaction;

/// Loads the reference data of `preset` into a company that was just created.
///
/// # Errors
/// The preset is not known, or PostgreSQL refuses.
pub async fn load_preset(
    _tx: &mut PgTransaction<'_>,
    _tenant: TenantId,
    _preset: &str,
) -> anyhow::Result<()> {
    Ok(())
}

/// Called in the transaction that created or changed a person.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn user_changed(
    _tx: &mut PgTransaction<'_>,
    _tenant: TenantId,
    _user: UserId,
) -> anyhow::Result<()> {
    Ok(())
}
