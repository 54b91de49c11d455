//! What happens because nothing did: records that waited too long for the client are ended (R54).
//!
//! Every server looks, once a minute, at what is due by the rows of the projection, so that no
//! restart forgets a wait. Each record goes through the gate with the heads that it was found with:
//! of several servers one commits, and whatever arrives meanwhile begins the wait anew.

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

/// How often a server looks.
const EVERY: Duration = Duration::from_secs(60);
/// Records that one query finds.
const ROWS_MAX: i32 = 200;

/// Looks until the server stops.
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

/// Ends what has waited too long by `now`, of every company. Returns how many records that were.
///
/// # Errors
/// PostgreSQL's, when it does not say what is due. A record that fails is logged and left for the
/// next time.
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
            let work = Work::Inatividade { document, heads };
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
