//! Rebuilds the rows for lists and reports from the log (`campo rebuild-projection`). A test checks
//! that they come out as they were.

use crate::{db::Db, ledger, projection};
use anyhow::{Context, Result};
use campo_domain::{
    ids::{DocumentId, TenantId},
    kind::Kind,
};
use campo_sync::{admission::Merged, exchange, history::Evento};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgTransaction, Row};
use std::fmt;
use uuid::Uuid;

/// The result of a rebuild.
#[derive(Debug, Default)]
pub struct RebuildReport {
    /// How many documents were read.
    pub documents: u64,
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} documentos reprojetados", self.documents)
    }
}

/// Rebuilds one company, or all, each in one transaction, so that readers see either the old rows
/// or the new ones.
///
/// # Errors
/// PostgreSQL's, or the log cannot be replayed.
pub async fn run(db: &Db, tenant: Option<TenantId>) -> Result<RebuildReport> {
    let tenants: Vec<Uuid> = match tenant {
        Some(tenant) => vec![tenant.uuid()],
        None => {
            sqlx::query_scalar("SELECT id FROM tenant ORDER BY id").fetch_all(db.owner()).await?
        }
    };
    let mut report = RebuildReport::default();
    for tenant in tenants {
        report.documents += company(db, tenant.into()).await?;
    }
    Ok(report)
}

async fn company(db: &Db, tenant: TenantId) -> Result<u64> {
    let mut tx = db.tenant(tenant).await?;
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
    // Nothing may be merged meanwhile.
    ledger::lock_company(&mut tx, tenant, ledger::Share::Alone).await?;
    let parts = projection::PARTS.iter().copied().chain(["acompanhamentos"]);
    for table in Kind::TODOS.map(projection::table).into_iter().chain(parts) {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE tenant = $1")))
            .bind(tenant.uuid())
            .execute(&mut *tx)
            .await?;
    }
    let tipos = ledger::tipos(&mut tx, tenant).await?;
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM document WHERE tenant = $1 AND NOT erased ORDER BY id")
            .bind(tenant.uuid())
            .fetch_all(&mut *tx)
            .await?;
    for id in &ids {
        let id = DocumentId::from(*id);
        let replayed = document(&mut tx, tenant, id, &tipos).await;
        replayed.with_context(|| format!("document {id} cannot be replayed"))?;
    }
    tx.commit().await?;
    Ok(ids.len() as u64)
}

async fn document(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    id: DocumentId,
    tipos: &campo_domain::tipo::Tipos,
) -> Result<()> {
    let rows = sqlx::query(
        "SELECT seq, bytes, received_at FROM change_log \
         WHERE tenant = $1 AND document = $2 AND kind = 'change' ORDER BY seq",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let mut merged: Option<Merged> = None;
    let mut eventos: Vec<(u64, Evento, DateTime<Utc>)> = Vec::new();
    let mut last = DateTime::UNIX_EPOCH;
    for row in rows {
        let seq: i64 = row.try_get("seq")?;
        last = row.try_get("received_at")?;
        let (after, described) = exchange::replay(merged.take(), row.try_get("bytes")?, tipos)?;
        eventos.extend(described.into_iter().map(|evento| (seq as u64, evento, last)));
        merged = Some(after);
    }
    let Some(merged) = merged else { return Ok(()) };
    let (registro, tipo) = (&merged.registro, &*merged.tipo);
    projection::write(tx, tenant, &[(registro, tipo, last)]).await?;
    let raiz = registro.raiz();
    let eventos: Vec<_> =
        eventos.iter().map(|(seq, evento, at)| (*seq, raiz, evento, *at)).collect();
    projection::follow(tx, tenant, &eventos).await
}
