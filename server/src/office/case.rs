//! What a case gives its records: the client and the address of the one that they belong to.

use super::{error::OfficeError, record::seen};
use crate::reading;
use campo_domain::{
    ids::{DocumentId, TenantId},
    kind::Kind,
    pessoa::Pessoa,
    preenchimento::{self, Dados},
    registro::Registro,
};
use sqlx::PgTransaction;

/// What a record has of its case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The client: its own, or that of the record that it belongs to.
    pub client: Option<DocumentId>,
    /// The address that counts, where the case is an assistência: the contract's, or its own (R11).
    pub address: Option<Dados>,
}

/// Reads what a record has of its case, in the transaction in which the record was read. Whoever
/// sees the record sees the one that it belongs to.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn case(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    record: &Registro,
) -> Result<Case, OfficeError> {
    let owner = match record.raiz() == record.id {
        true => None,
        false => seen(tx, tenant, pessoa, record.raiz()).await?.map(|(owner, _)| owner),
    };
    let root = owner.as_ref().unwrap_or(record);
    let client = record.referencia("cliente").or_else(|| root.referencia("cliente"));
    let address = match root.kind {
        Kind::Assistencia => {
            let contract = match root.valor("contrato").texto() {
                Some(code) => reading::dados(tx, "contrato", code).await?,
                None => None,
            };
            Some(preenchimento::endereco(root, contract.as_ref()))
        }
        _ => None,
    };
    Ok(Case { client: client.map(DocumentId::from), address })
}
