//! Whether the bytes that arrived are those that were declared. Each server works at a few uploads
//! at once; which is whose is leased in the database for a minute at a time, and nothing is held
//! while bytes are read. Every step may be done again: whatever breaks off is.
//!
//! That bytes are wrong is said of bytes that were read in full, never because something failed.

mod conferencia;

use super::{
    envio::{
        Alvo,
        tabela::{self, Envio, Inicio, Parte},
    },
    limpeza,
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

/// How often the database is asked for what is due, beside being told.
const PULSE: Duration = Duration::from_secs(2);
/// How often a lease is renewed.
const RENOVACAO: Duration = Duration::from_secs(20);

/// Verifies until the server stops, two uploads at once; then what is under way ends first.
pub async fn run(app: App) {
    tokio::join!(faixa(&app), faixa(&app));
}

async fn faixa(app: &App) {
    while !app.shutdown.is_requested() {
        if let Err(error) = once(app).await {
            tracing::warn!(%error, "which uploads are complete cannot be read; trying again");
        }
        tokio::select! {
            () = app.shutdown.requested() => {}
            () = app.recebidos.notified() => {}
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
        let devidos: Vec<Uuid> =
            sqlx::query_scalar("SELECT envios_devidos()").fetch_all(app.db.pool()).await?;
        let mut taken = false;
        for tenant in devidos.into_iter().map(TenantId::from) {
            if app.shutdown.is_requested() {
                return Ok(());
            }
            let mut tx = app.db.tenant(tenant).await?;
            let envio = tabela::reservar(&mut tx).await?;
            tx.commit().await?;
            if let Some(envio) = envio {
                taken = true;
                atender(app, tenant, &envio).await?;
            }
        }
        if !taken {
            return Ok(());
        }
    }
}

/// Keeps the bytes of a file that a record declares, as if they had just been uploaded, and
/// verifies them at once.
///
/// # Errors
/// The record declares no such file, or one of another length; the database or the store does not
/// answer.
pub async fn guardar(
    app: &App,
    tenant: TenantId,
    documento: DocumentId,
    anexo: ItemId,
    bytes: Bytes,
) -> Result<SituacaoArquivo> {
    let tamanho = i64::try_from(bytes.len())?;
    let mut tx = app.db.tenant(tenant).await?;
    let alvo = Alvo::original(&mut tx, tenant, documento, anexo, tamanho).await?;
    let usuario = UserId::SERVIDOR.uuid();
    let envio = tabela::criar(&mut tx, tenant, &alvo, usuario, Inicio::Vazio).await?;
    tx.commit().await?;
    let objeto = objects::parte(tenant, envio.id, 0);
    app.objects.store().put(&objeto, bytes.into()).await?;
    let mut tx = app.db.tenant(tenant).await?;
    let partes = [Parte { inicio: 0, fim: tamanho, objeto }];
    let envio = tabela::avancar(&mut tx, tenant, envio.id, &partes).await?;
    tx.commit().await?;
    let envio = envio.context("the upload was ended by somebody else")?;
    let situacao = conferencia::conferir(app, tenant, &envio).await?;
    limpeza::concluir(app, tenant, envio.id).await?;
    Ok(situacao)
}

/// Verifies one upload, keeping its lease meanwhile, and ends it, or leaves it for later.
async fn atender(app: &App, tenant: TenantId, envio: &Envio) -> Result<()> {
    let outcome = tokio::select! {
        outcome = conferencia::conferir(app, tenant, envio) => outcome,
        never = renovar(app, tenant, envio.id) => match never {},
    };
    match outcome {
        Ok(situacao) => {
            tracing::info!(%tenant, envio = %envio.id, situacao = situacao.codigo(), "verified");
            limpeza::concluir(app, tenant, envio.id).await?;
        }
        Err(error) => {
            let (envio, tentativas) = (envio.id, envio.tentativas);
            let causa = format!("{error:#}");
            tracing::warn!(%tenant, %envio, tentativas, causa, "a verification was left for later");
            let mut tx = app.db.tenant(tenant).await?;
            // 2 s, 4 s, 8 s, up to 5 minutes.
            let segundos = 300.min(1 << tentativas.clamp(1, 10));
            tabela::liberar(&mut tx, envio, segundos).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn renovar(app: &App, tenant: TenantId, envio: Uuid) -> Infallible {
    loop {
        tokio::time::sleep(RENOVACAO).await;
        let renewed = async {
            let mut tx = app.db.tenant(tenant).await?;
            tabela::renovar(&mut tx, envio).await?;
            tx.commit().await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%tenant, %envio, %error, "a lease could not be renewed");
        }
    }
}
