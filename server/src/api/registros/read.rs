//! A record read to be shown or changed. All of it in the caller's transaction, a snapshot: the
//! version, the record and what is shown beside it are then of one moment.

use crate::{
    error::{ApiError, ApiResult},
    http::{etag::ETag, principal::Principal},
    office,
    reading::record,
};
use automerge::ChangeHash;
use campo_domain::{ids::DocumentId, kind::Kind, registro::Registro, tipo::Tipo, workflow::Onde};
use campo_screens::{Look, Names};
use chrono::Utc;
use chrono_tz::Tz;
use sqlx::PgTransaction;
use std::sync::Arc;

/// A record as somebody sees it.
pub struct RecordRead {
    /// The record as merged.
    pub record: Registro,
    /// Its tipo, in the version that it pins.
    pub tipo: Arc<Tipo>,
    /// Which version of the record it is.
    pub etag: ETag,
    /// What the tag is of.
    pub heads: Vec<ChangeHash>,
}

impl RecordRead {
    /// The record as it is shown now to whoever asks. On the server nothing waits to be judged:
    /// what is shown is what is decided on.
    pub fn look<'a>(&'a self, who: &'a Principal, names: &'a Names, zone: Tz) -> Look<'a> {
        Look {
            record: &self.record,
            expected: &self.record,
            tipo: &self.tipo,
            person: &who.pessoa,
            place: Onde::Servidor,
            now: Utc::now(),
            zone,
            names,
        }
    }
}

/// The record, if it is of the kind and the person may see it.
///
/// # Errors
/// 404; PostgreSQL refuses.
pub async fn of_kind(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    kind: Kind,
    id: DocumentId,
) -> ApiResult<RecordRead> {
    let found = find(tx, who, id).await?;
    found.filter(|read| read.record.kind == kind).ok_or_else(ApiError::nao_encontrado)
}

/// The record, of any kind, if the person may see it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn find(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    id: DocumentId,
) -> ApiResult<Option<RecordRead>> {
    let Some((generation, heads)) = record::version(tx, id).await? else { return Ok(None) };
    let found = office::seen(tx, who.tenant, &who.pessoa, id).await?;
    let etag = ETag::of_heads(generation, &heads);
    let heads = heads.chunks_exact(32).filter_map(|hash| Some(ChangeHash(hash.try_into().ok()?)));
    let heads = heads.collect();
    Ok(found.map(|(record, tipo)| RecordRead { record, tipo, etag, heads }))
}
