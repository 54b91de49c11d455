//! What of the company it takes to read a request: its time zone and its tipos.

use crate::{app::App, error::ApiResult, ledger, reading};
use campo_domain::{ids::TenantId, tipo::Tipos};
use chrono_tz::Tz;
use sqlx::PgTransaction;
use std::sync::Arc;

/// The company's time zone.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn fuso(tx: &mut PgTransaction<'_>) -> ApiResult<Tz> {
    Ok(reading::zone(tx).await?)
}

/// The company's time zone and every version of its tipos.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn empresa(app: &App, tenant: TenantId) -> ApiResult<(Tz, Arc<Tipos>)> {
    let mut tx = app.db.snapshot(tenant).await?;
    Ok((fuso(&mut tx).await?, ledger::tipos(&mut tx, tenant).await?))
}
