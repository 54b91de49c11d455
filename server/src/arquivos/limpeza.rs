//! Uploads that are over: nobody continued them, somebody gave them up, or they were verified.
//! First the row says so, so that nothing is added; then the objects go; then the row. Whatever
//! breaks off in between is done again.

use super::{envio::tabela, estado::dizer};
use crate::{app::App, objects};
use anyhow::Result;
use campo_domain::{ids::TenantId, registro::SituacaoArquivo};
use futures::TryStreamExt;
use object_store::{Error, ObjectStoreExt};
use std::time::Duration;
use uuid::Uuid;

/// How often it is looked for what is over.
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

/// Deletes the uploads that are over, with their bytes.
///
/// # Errors
/// The database or the store does not answer; what is left is done the next time.
pub async fn once(app: &App) -> Result<()> {
    let tenants: Vec<Uuid> =
        sqlx::query_scalar("SELECT envios_vencidos()").fetch_all(app.db.pool()).await?;
    for tenant in tenants.into_iter().map(TenantId::from) {
        let mut tx = app.db.tenant(tenant).await?;
        // Never one that is complete: its bytes are the record's.
        sqlx::query(
            "UPDATE envio SET situacao = 'descartado' \
             WHERE situacao = 'aberto' AND expira_em < now()",
        )
        .execute(&mut *tx)
        .await?;
        let query = "SELECT id FROM envio WHERE situacao = 'descartado'";
        let envios: Vec<Uuid> = sqlx::query_scalar(query).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        for envio in envios {
            if let Err(error) = apagar(app, tenant, envio).await {
                tracing::warn!(%tenant, %envio, %error, "parts were left for later");
            }
        }
    }
    esquecidas(app).await
}

/// Asks again for files of which it is said that all has arrived while nothing is left to be
/// verified: whoever was about to say more has died.
async fn esquecidas(app: &App) -> Result<()> {
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
        for arquivo in found {
            let (situacao, motivo) = (SituacaoArquivo::Recusada, Some("nao_conferida"));
            dizer(app, tenant, arquivo, situacao, motivo).await?;
        }
    }
    Ok(())
}

/// Gives up an upload that is not complete; whether it could be.
///
/// # Errors
/// PostgreSQL's.
pub async fn desistir(app: &App, tenant: TenantId, envio: Uuid) -> sqlx::Result<bool> {
    encerrar(app, tenant, envio, "aberto").await
}

/// Ends an upload that has been verified.
///
/// # Errors
/// PostgreSQL's.
pub async fn concluir(app: &App, tenant: TenantId, envio: Uuid) -> sqlx::Result<()> {
    encerrar(app, tenant, envio, "completo").await.map(drop)
}

async fn encerrar(app: &App, tenant: TenantId, envio: Uuid, situacao: &str) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(tenant).await?;
    let query = "UPDATE envio SET situacao = 'descartado' WHERE id = $1 AND situacao = $2";
    let done = sqlx::query(query).bind(envio).bind(situacao).execute(&mut *tx).await?;
    tx.commit().await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Err(error) = apagar(app, tenant, envio).await {
        tracing::warn!(%tenant, %envio, %error, "the parts of an upload were left for later");
    }
    Ok(true)
}

/// Deletes everything of an upload that is over, also what no row knows of.
async fn apagar(app: &App, tenant: TenantId, envio: Uuid) -> Result<()> {
    let store = app.objects.store();
    let prefix = objects::do_envio(tenant, envio);
    let mut found = store.list(Some(&prefix));
    while let Some(object) = found.try_next().await? {
        match store.delete(&object.location).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    drop(found);
    let mut tx = app.db.tenant(tenant).await?;
    tabela::apagar(&mut tx, envio).await?;
    Ok(tx.commit().await?)
}
