//! Deletes uploads that are over: expired, given up, or verified. First the row is marked
//! `descartado`, so that no part is added; then the objects are deleted; then the row. Each step
//! can be repeated, and an hourly run finishes what was interrupted.

use super::{state::report_state, upload::table};
use crate::{app::App, objects};
use anyhow::Result;
use campo_domain::{ids::TenantId, registro::SituacaoArquivo};
use futures::TryStreamExt;
use object_store::{Error, ObjectStoreExt};
use std::time::Duration;
use uuid::Uuid;

/// How often expired and interrupted uploads are looked for.
const PULSE: Duration = Duration::from_secs(60 * 60);

/// Cleans up every hour until the server stops.
pub async fn run(app: App) {
    loop {
        if let Err(error) = once(&app).await {
            tracing::warn!(%error, "uploads that are over were left for later");
        }
        tokio::select! {
            () = app.shutdown.requested() => return,
            () = tokio::time::sleep(PULSE) => {}
        }
    }
}

/// Deletes the uploads that are over, with their bytes, and asks again for files whose verification
/// was lost.
///
/// # Errors
/// The database does not answer. What is left is done by the next run.
pub async fn once(app: &App) -> Result<()> {
    let tenants: Vec<Uuid> =
        sqlx::query_scalar("SELECT envios_vencidos()").fetch_all(app.db.pool()).await?;
    for tenant in tenants.into_iter().map(TenantId::from) {
        let mut tx = app.db.tenant(tenant).await?;
        // Complete uploads do not expire: the record counts on their bytes.
        sqlx::query(
            "UPDATE envio SET situacao = 'descartado' \
             WHERE situacao = 'aberto' AND expira_em < now()",
        )
        .execute(&mut *tx)
        .await?;
        let query = "SELECT id FROM envio WHERE situacao = 'descartado'";
        let uploads: Vec<Uuid> = sqlx::query_scalar(query).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        for upload in uploads {
            if let Err(error) = delete(app, tenant, upload).await {
                tracing::warn!(%tenant, envio = %upload, %error, "parts were left for later");
            }
        }
    }
    ask_again_for_lost(app).await
}

/// Reports files as refused that are `recebida` for ten minutes without an upload that could be
/// verified. The verifying server crashed; the phone sends them again.
async fn ask_again_for_lost(app: &App) -> Result<()> {
    let tenants: Vec<Uuid> =
        sqlx::query_scalar("SELECT recebidas_perdidas()").fetch_all(app.db.pool()).await?;
    for tenant in tenants.into_iter().map(TenantId::from) {
        let mut tx = app.db.snapshot(tenant).await?;
        let found: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT x.document, x.id FROM anexos x \
             WHERE x.estado = 'recebida' AND x.estado_em < now() - interval '10 minutes' \
                 AND NOT EXISTS (SELECT FROM envio e WHERE e.document = x.document \
                     AND e.anexo = x.id AND e.situacao = 'completo')",
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.rollback().await?;
        for file in found {
            let (state, reason) = (SituacaoArquivo::Recusada, Some("nao_conferida"));
            report_state(app, tenant, file, state, reason).await?;
        }
    }
    Ok(())
}

/// Discards an open upload; `false` if it is complete, discarded or unknown.
///
/// # Errors
/// PostgreSQL's.
pub(crate) async fn give_up(app: &App, tenant: TenantId, upload: Uuid) -> sqlx::Result<bool> {
    end(app, tenant, upload, "aberto").await
}

/// Discards an upload that has been verified.
///
/// # Errors
/// PostgreSQL's.
pub async fn finish(app: &App, tenant: TenantId, upload: Uuid) -> sqlx::Result<()> {
    end(app, tenant, upload, "completo").await.map(drop)
}

async fn end(app: &App, tenant: TenantId, upload: Uuid, state: &str) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(tenant).await?;
    let query = "UPDATE envio SET situacao = 'descartado' WHERE id = $1 AND situacao = $2";
    let done = sqlx::query(query).bind(upload).bind(state).execute(&mut *tx).await?;
    tx.commit().await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Err(error) = delete(app, tenant, upload).await {
        tracing::warn!(
            %tenant, envio = %upload, %error,
            "the parts of an upload were left for later"
        );
    }
    Ok(true)
}

/// Deletes the objects of a discarded upload, including parts that never counted, and its row.
async fn delete(app: &App, tenant: TenantId, upload: Uuid) -> Result<()> {
    let store = app.objects.store();
    let prefix = objects::of_upload(tenant, upload);
    let mut found = store.list(Some(&prefix));
    while let Some(object) = found.try_next().await? {
        match store.delete(&object.location).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    drop(found);
    let mut tx = app.db.tenant(tenant).await?;
    table::delete(&mut tx, upload).await?;
    Ok(tx.commit().await?)
}
