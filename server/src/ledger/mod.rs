//! The SQL of the log: what a plan needs is loaded, what a plan says is written, what a device
//! lacks is read. Nothing is decided here; `campo_sync::exchange` plans, this obeys.

mod load;
mod pull;
mod scope;
mod write;

pub use load::{Caso, caso, chunks, heads, held_pushes, needs_of, pessoa, requester, tipos, world};
pub use pull::{Page, Pull, page};
pub use scope::rescope;
pub use write::{Conflict, Frame, Publication, commit, publish};
pub(crate) use write::{Share, lock_company};

use campo_domain::ids::TenantId;
use sqlx::PgTransaction;

/// How many changes a document's snapshot may lie behind before it is written anew.
pub const INCREMENTS_MAX: i32 = 16;

/// The channel on which a commit says that something moved; the payload is the tenant.
pub const CHANNEL: &str = "campo_moveu";

/// Tells every process that something of the company moved, once the transaction commits.
pub(crate) async fn notify(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(tenant.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
