//! A record as it is read to be shown or changed, and what of its company that takes.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::ETag,
        principal::{Acesso, Principal},
    },
    ledger, office,
};
use automerge::ChangeHash;
use campo_domain::{
    ids::{DocumentId, TenantId},
    kind::Kind,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use chrono_tz::Tz;
use sqlx::PgTransaction;
use std::sync::Arc;

/// A record as somebody sees it, with what it takes to show and to change it.
pub struct Lido {
    /// The record as merged.
    pub registro: Registro,
    /// Its tipo.
    pub tipo: Arc<Tipo>,
    /// The version that it is.
    pub etag: ETag,
    /// What the tag is of.
    pub heads: Vec<ChangeHash>,
}

/// The record, if it is of the kind and the person may see it.
///
/// # Errors
/// 404.
pub async fn carregar<E>(
    app: &App,
    acesso: &Acesso<E>,
    kind: Kind,
    id: DocumentId,
) -> ApiResult<Lido> {
    abrir(app, acesso, id)
        .await?
        .filter(|lido| lido.registro.kind == kind)
        .ok_or_else(ApiError::nao_encontrado)
}

/// The record, of any kind, if the person may see it.
pub async fn abrir(app: &App, quem: &Principal, id: DocumentId) -> ApiResult<Option<Lido>> {
    // Before the record itself: a tag may then be older than what it names, never newer.
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let heads: Option<(i32, Vec<u8>)> =
        sqlx::query_as("SELECT generation, heads FROM document WHERE id = $1 AND NOT erased")
            .bind(id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
    tx.rollback().await?;
    let Some((generation, heads)) = heads else { return Ok(None) };
    let found = office::load(app, quem.tenant, &quem.pessoa, id).await?;
    let etag = ETag::of_heads(generation.unsigned_abs(), &heads);
    let heads = heads.chunks_exact(32).filter_map(|hash| Some(ChangeHash(hash.try_into().ok()?)));
    let heads: Vec<ChangeHash> = heads.collect();
    Ok(found.map(|(registro, tipo)| Lido { registro, tipo, etag, heads }))
}

/// The company's time zone.
pub async fn fuso(tx: &mut PgTransaction<'_>) -> ApiResult<Tz> {
    let fuso: String = sqlx::query_scalar("SELECT fuso FROM tenant").fetch_one(&mut **tx).await?;
    fuso.parse().map_err(|_| ApiError::interno(anyhow::anyhow!("unknown time zone {fuso}")))
}

/// The company's time zone and every version of its tipos.
pub async fn empresa(app: &App, tenant: TenantId) -> ApiResult<(Tz, Arc<Tipos>)> {
    let mut tx = app.db.snapshot(tenant).await?;
    Ok((fuso(&mut tx).await?, ledger::tipos(&mut tx, tenant).await?))
}
