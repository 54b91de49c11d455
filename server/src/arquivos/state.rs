//! Writes into a record how far the bytes of one of its files have come.

use super::upload::table::{self, Upload};
use crate::{
    app::App,
    commit::{Answer, Work},
};
use anyhow::{Result, bail};
use campo_domain::{ids::TenantId, parte::Variante, registro::SituacaoArquivo};
use uuid::Uuid;

/// Reports that all bytes of a file have arrived, and wakes the verification. The lease that the
/// last byte set keeps other servers from verifying before it is reported. A failure is logged;
/// verification reports it again.
pub async fn announce(app: &App, tenant: TenantId, upload: &Upload) {
    let said = async {
        if upload.variant == Variante::Original.codigo() {
            report_state(app, tenant, upload.file(), SituacaoArquivo::Recebida, None).await?;
        }
        let mut tx = app.db.tenant(tenant).await?;
        table::release(&mut tx, upload.id, 0).await?;
        anyhow::Ok(tx.commit().await?)
    };
    if let Err(error) = said.await {
        tracing::warn!(envio = %upload.id, %error, "that a file arrived will be said later");
    }
    app.uploads_complete.notify_one();
}

/// Writes the state of a file into its record; `false` if the record has no such file, or it was
/// removed. `reason` is the code of a refusal.
///
/// # Errors
/// The database does not answer.
pub(super) async fn report_state(
    app: &App,
    tenant: TenantId,
    (document, attachment): (Uuid, Uuid),
    state: SituacaoArquivo,
    reason: Option<&'static str>,
) -> Result<bool> {
    let (document, attachment) = (document.into(), attachment.into());
    let work = Work::File { document, attachment, state, reason };
    match app.submit(tenant, work).await? {
        Answer::File(there) => Ok(there),
        other => bail!("an answer of another kind: {other:?}"),
    }
}
