//! What is said in a record of how far the bytes of a file have come.

use super::envio::tabela::{self, Envio};
use crate::{
    app::App,
    commit::{Answer, Work},
};
use anyhow::{Result, bail};
use campo_domain::{ids::TenantId, parte::Variante, registro::SituacaoArquivo};
use uuid::Uuid;

/// Says that all bytes of a file have arrived, and wakes who verifies them. The lease that came
/// with the last byte keeps others away until it is said.
pub async fn anunciar(app: &App, tenant: TenantId, envio: &Envio) {
    let said = async {
        if envio.variante == Variante::Original.codigo() {
            dizer(app, tenant, envio.arquivo(), SituacaoArquivo::Recebida, None).await?;
        }
        let mut tx = app.db.tenant(tenant).await?;
        tabela::liberar(&mut tx, envio.id, 0).await?;
        anyhow::Ok(tx.commit().await?)
    };
    if let Err(error) = said.await {
        tracing::warn!(envio = %envio.id, %error, "that a file arrived will be said later");
    }
    app.recebidos.notify_one();
}

/// Writes into the record how far the bytes have come; whether it has such a file.
pub(super) async fn dizer(
    app: &App,
    tenant: TenantId,
    (documento, anexo): (Uuid, Uuid),
    situacao: SituacaoArquivo,
    motivo: Option<&'static str>,
) -> Result<bool> {
    let (document, anexo) = (documento.into(), anexo.into());
    let work = Work::Arquivo { document, anexo, situacao, motivo };
    match app.submit(tenant, work).await? {
        Answer::Arquivo(there) => Ok(there),
        other => bail!("an answer of another kind: {other:?}"),
    }
}
