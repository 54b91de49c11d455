//! Ends records that have waited too long for the client (R54).
//!
//! Once a minute every server asks the projection which records are due, so that no wait is lost by
//! a restart. Each is committed with the heads that it was found with: of several servers one
//! succeeds, and a record that was changed meanwhile is not ended.

use crate::{
    app::App,
    commit::{self, Answer, Work},
    db::Db,
    ledger,
};
use anyhow::Result;
use campo_domain::ids::{DocumentId, TenantId};
use chrono::{DateTime, Utc};
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

/// How often the database is asked for due records.
const EVERY: Duration = Duration::from_secs(60);
/// Most records of one query.
const ROWS_MAX: i32 = 200;

/// Ends due records until the server stops.
pub async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.shutdown.requested() => return,
            _ = ticks.tick() => {}
        }
        match tick(&app.db, Utc::now()).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "ended for inactivity"),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "timers failed"),
        }
    }
}

/// Ends the records of all companies that are due at `now`; returns how many were ended.
///
/// # Errors
/// PostgreSQL's, if it cannot be asked what is due. A record that fails is logged and tried again
/// by the next call.
pub async fn tick(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let mut ended = 0;
    let mut after = (DateTime::UNIX_EPOCH, Uuid::nil());
    loop {
        let rows = sqlx::query("SELECT * FROM registros_inativos($1, $2, $3, $4)")
            .bind(now)
            .bind(after.0)
            .bind(after.1)
            .bind(ROWS_MAX)
            .fetch_all(db.pool())
            .await?;
        for row in &rows {
            let tenant = TenantId::from(row.try_get::<Uuid, _>("tenant")?);
            let document = DocumentId::from(row.try_get::<Uuid, _>("document")?);
            after = (row.try_get("inativa_em")?, document.uuid());
            let heads = ledger::heads(row.try_get("heads")?);
            let work = Work::Inactive { document, heads };
            match commit::run(db, tenant, vec![work], now).await.as_deref() {
                Ok([Answer::Ended(true)]) => ended += 1,
                Ok(_) => {}
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, %document, "a wait could not be ended");
                }
            }
        }
        if rows.len() < ROWS_MAX as usize {
            return Ok(ended);
        }
    }
}

#[cfg(test)]
mod tests;
