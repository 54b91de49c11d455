//! The SQL of the log: what a plan needs is loaded, what a plan says is written, what a device
//! lacks is read. Nothing is decided here; `campo_sync::exchange` plans, this obeys.

/// `campo_domain::policy::visivel` of a case, in SQL, for a row with `tenant` and `raiz` and a
/// person with `Ver`: its alias, the person, and whether that person sees everybody's cases. What
/// else decides is read from the person's own row.
macro_rules! sees {
    ($row:literal, $user:literal, $all:literal) => {
        concat!(
            "((",
            $all,
            " OR EXISTS (SELECT 1 FROM envolvido vis_e WHERE vis_e.tenant = ",
            $row,
            ".tenant AND vis_e.raiz = ",
            $row,
            ".raiz AND vis_e.usuario = ",
            $user,
            ")) AND NOT EXISTS (SELECT 1 FROM restricao vis_r WHERE vis_r.tenant = ",
            $row,
            ".tenant AND vis_r.raiz = ",
            $row,
            ".raiz AND NOT EXISTS (SELECT 1 FROM usuario vis_u \
                 WHERE vis_u.tenant = vis_r.tenant AND vis_u.id = ",
            $user,
            " AND (vis_u.id = ANY (vis_r.usuarios) OR vis_u.grupos && vis_r.grupos \
                   OR 'administrar' = ANY (vis_u.permissoes)))))"
        )
    };
}
pub(crate) use sees;

mod load;
mod pull;
mod scope;
mod write;

pub use load::{Caso, caso, chunks, heads, held_pushes, needs_of, pessoa, requester, tipos, world};
pub use pull::{Page, Pull, page};
pub use scope::rescope;
pub use write::{Conflict, Frame, Publication, commit, publish};
pub(crate) use write::{Share, lock_company, table};

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
