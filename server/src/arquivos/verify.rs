//! Verifies complete uploads: whether the bytes are those that the record declares. Each server
//! verifies two uploads at a time. A lease in the database, renewed while the work goes on, keeps
//! other servers from the same upload; no transaction is open while bytes are read. Every step can
//! be repeated after an interruption.
//!
//! Bytes are refused only after they were read in full and found wrong, never because the store or
//! the database failed.

mod check;

use super::{
    cleanup,
    upload::{
        UploadTarget,
        table::{self, Part, Start, Upload},
    },
};
use crate::{app::App, objects};
use anyhow::{Context, Result};
use bytes::Bytes;
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId, UserId},
    registro::SituacaoArquivo,
};
use object_store::ObjectStoreExt;
use std::{convert::Infallible, time::Duration};
use uuid::Uuid;

/// How often the database is asked for due uploads; uploads of this server wake it at once.
const PULSE: Duration = Duration::from_secs(2);
/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// Verifies until the server stops, two uploads at a time. Returns when those under way are done.
pub async fn run(app: App) {
    tokio::join!(lane(&app), lane(&app));
}

async fn lane(app: &App) {
    while !app.shutdown.is_requested() {
        if let Err(error) = once(app).await {
            tracing::warn!(%error, "which uploads are complete cannot be read; trying again");
        }
        tokio::select! {
            () = app.shutdown.requested() => {}
            () = app.uploads_complete.notified() => {}
            () = tokio::time::sleep(PULSE) => {}
        }
    }
}

/// Verifies all that is due now, the companies taking turns.
///
/// # Errors
/// The database does not answer.
pub async fn once(app: &App) -> Result<()> {
    loop {
        let due: Vec<Uuid> =
            sqlx::query_scalar("SELECT envios_devidos()").fetch_all(app.db.pool()).await?;
        let mut taken = false;
        for tenant in due.into_iter().map(TenantId::from) {
            if app.shutdown.is_requested() {
                return Ok(());
            }
            let mut tx = app.db.tenant(tenant).await?;
            let upload = table::claim(&mut tx).await?;
            tx.commit().await?;
            if let Some(upload) = upload {
                taken = true;
                process(app, tenant, &upload).await?;
            }
        }
        if !taken {
            return Ok(());
        }
    }
}

/// Stores the bytes of a file that a record declares as if they had been uploaded, and verifies
/// them at once. Returns the state that the record has then.
///
/// # Errors
/// The record declares no such file, or one of another length; the database or the store does not
/// answer.
pub async fn keep(
    app: &App,
    tenant: TenantId,
    document: DocumentId,
    attachment: ItemId,
    bytes: Bytes,
) -> Result<SituacaoArquivo> {
    let length = i64::try_from(bytes.len())?;
    let mut tx = app.db.tenant(tenant).await?;
    let target = UploadTarget::original(&mut tx, tenant, document, attachment, length).await?;
    let user = UserId::SERVIDOR.uuid();
    let upload = table::create(&mut tx, tenant, &target, user, Start::Empty).await?;
    tx.commit().await?;
    let object = objects::part(tenant, upload.id, 0);
    app.objects.store().put(&object, bytes.into()).await?;
    let mut tx = app.db.tenant(tenant).await?;
    let parts = [Part { start: 0, end: length, object }];
    let upload = table::advance(&mut tx, tenant, upload.id, &parts).await?;
    tx.commit().await?;
    let upload = upload.context("the upload was ended by somebody else")?;
    let state = check::verify_upload(app, tenant, &upload).await?;
    cleanup::finish(app, tenant, upload.id).await?;
    Ok(state)
}

/// Verifies one upload and discards it; after a failure it is due again in 2 s, 4 s, … 5 minutes.
async fn process(app: &App, tenant: TenantId, upload: &Upload) -> Result<()> {
    let outcome = tokio::select! {
        outcome = check::verify_upload(app, tenant, upload) => outcome,
        never = renew(app, tenant, upload.id) => match never {},
    };
    match outcome {
        Ok(state) => {
            tracing::info!(%tenant, envio = %upload.id, situacao = state.codigo(), "verified");
            cleanup::finish(app, tenant, upload.id).await?;
        }
        Err(error) => {
            let (id, attempts) = (upload.id, upload.attempts);
            let cause = format!("{error:#}");
            tracing::warn!(
                %tenant, envio = %id, tentativas = attempts, causa = cause,
                "a verification was left for later"
            );
            let mut tx = app.db.tenant(tenant).await?;
            let seconds = 300.min(1 << attempts.clamp(1, 10));
            table::release(&mut tx, id, seconds).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Renews the lease of an upload until it is dropped.
async fn renew(app: &App, tenant: TenantId, upload: Uuid) -> Infallible {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let renewed = async {
            let mut tx = app.db.tenant(tenant).await?;
            table::renew(&mut tx, upload).await?;
            tx.commit().await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%tenant, envio = %upload, %error, "a lease could not be renewed");
        }
    }
}
