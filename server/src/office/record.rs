//! One record as merged, for the office to read and to judge by.

use super::error::OfficeError;
use crate::{app::App, ledger};
use campo_domain::{
    ids::{DocumentId, TenantId},
    pessoa::Pessoa,
    policy,
    registro::Registro,
    tipo::Tipo,
};
use campo_sync::{admission::Merged, exchange::Loaded};
use sqlx::PgTransaction;
use std::sync::Arc;

/// The record as merged, with its tipo, if the person may see it.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn load(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
) -> Result<Option<(Registro, Arc<Tipo>)>, OfficeError> {
    seen(&mut app.db.snapshot(tenant).await?, tenant, pessoa, document).await
}

/// As [`load`], in a transaction of the caller's.
///
/// # Errors
/// As [`load`].
pub(crate) async fn seen(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
) -> Result<Option<(Registro, Arc<Tipo>)>, OfficeError> {
    let Some(merged) = merged(tx, tenant, document).await? else { return Ok(None) };
    let visible = sees(tx, tenant, pessoa, &merged).await?;
    Ok(visible.then_some((merged.registro, merged.tipo)))
}

/// Whether the person may see the record.
///
/// # Errors
/// [`OfficeError::Internal`].
pub(crate) async fn sees(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    merged: &Merged,
) -> Result<bool, OfficeError> {
    let caso = ledger::caso(tx, tenant, merged.registro.raiz()).await?;
    Ok(policy::alcanca(pessoa, &merged.registro, &merged.tipo, &caso.as_policy()))
}

/// The record as merged, whoever asks.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn merged(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    document: DocumentId,
) -> Result<Option<Merged>, OfficeError> {
    let stored = ledger::chunks(tx, tenant, &[document.uuid()]).await?.remove(&document);
    let Some((generation, chunks)) = stored else { return Ok(None) };
    let tipos = ledger::tipos(tx, tenant).await?;
    let loaded = Loaded::read(&chunks, generation, &tipos).map_err(anyhow::Error::from)?;
    Ok(Some(loaded.merged))
}
