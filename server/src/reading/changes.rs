//! What changed, in the order in which it happened, for whoever keeps a copy. Who may know of what
//! is as for a device (`ledger::pull`).

use crate::visibility::{Viewer, visible};
use campo_domain::kind::Kind;
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// The rows of a branch that a page may show.
macro_rules! of_page {
    () => {
        " AND (l.seq, d.id) > ($3, $5) AND ($6::text IS NULL OR d.kind = $6) \
          ORDER BY l.seq, d.id LIMIT $7"
    };
}

/// A record that changed.
#[derive(Clone, Debug, FromRow)]
pub struct Change {
    /// The position of its last change in the log.
    pub seq: i64,
    pub kind: String,
    pub registro: Uuid,
    /// Whether it is gone, or no longer seen.
    pub removido: bool,
}

/// Positions of the log.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From this position, and this record at it, on: that one is not included.
    pub after: (i64, Uuid),
    /// Up to this position, included.
    pub until: i64,
}

/// The last position of the log.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn end(tx: &mut PgTransaction<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM tenant_clock").fetch_one(&mut **tx).await
}

/// At most `rows` records, of that kind if one is given, each at its last change. One that came
/// into sight or left it is there for that, whenever it changed.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    window: Window,
    kind: Option<Kind>,
    rows: i64,
) -> sqlx::Result<Vec<Change>> {
    let Window { after: (from, id), until } = window;
    sqlx::query_as(concat!(
        // In each, the first rows of the page: a window may hold very many.
        "SELECT m.seq, m.kind, m.id AS registro, m.removido FROM ( \
             (SELECT l.seq, d.kind, d.id, false AS removido \
             FROM change_log l JOIN document d ON d.tenant = l.tenant AND d.id = l.document \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.kind = 'change' AND NOT d.erased AND NOT EXISTS ( \
                     SELECT 1 FROM change_log y WHERE y.tenant = l.tenant \
                     AND y.document = l.document AND y.kind = 'change' AND y.seq > l.seq) \
                 AND ",
        visible!("d", with kind),
        of_page!(),
        ") UNION ALL \
             (SELECT l.seq, d.kind, d.id, d.erased OR NOT ",
        visible!("d", with kind),
        "    FROM change_log l JOIN document d ON d.tenant = l.tenant \
                 AND (d.raiz = l.document OR d.id = l.document) \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.addressee = $1 AND l.kind IN ('granted', 'revoked', 'erased')",
        of_page!(),
        ") UNION ALL \
             (SELECT l.seq, d.kind, d.id, false \
             FROM change_log l JOIN document d ON d.tenant = l.tenant AND NOT d.erased \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.addressee = $1 AND l.kind = 'granted' AND l.document IS NULL AND ",
        visible!("d", with kind),
        of_page!(),
        ")) m ORDER BY m.seq, m.id LIMIT $7",
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(from)
    .bind(until)
    .bind(id)
    .bind(kind.map(Kind::codigo))
    .bind(rows)
    .fetch_all(&mut **tx)
    .await
}
