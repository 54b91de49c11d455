//! E-mails as the API and the acompanhamento show them.

use super::Email;
use crate::error::ApiResult;
use campo_domain::ids::{DocumentId, TenantId};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Most e-mails to the client that the acompanhamento of a record shows.
const TO_CLIENT_MAX: i64 = 1_000;

/// The columns of an [`Email`], of `email_saida`.
macro_rules! columns {
    () => {
        "id, documento, modelo, modelo_erro, usuario, nome, endereco, assunto, corpo, situacao, \
         tentativas, CASE WHEN situacao = 'pendente' THEN proxima_em END AS proxima_em, \
         criado_em, enviado_em, message_id, resposta, erro"
    };
}

/// An e-mail to the client, and its place in the acompanhamento of its record.
#[derive(Clone, Debug, FromRow)]
pub struct EmailToClient {
    /// The position in the log of the change that it tells of.
    pub seq: i64,
    /// Its order among the lines with that position; e-mails come last.
    pub ordem: i32,
    /// The e-mail.
    #[sqlx(flatten)]
    pub email: Email,
}

/// Which e-mails to list.
#[derive(Clone, Debug, Default)]
pub struct EmailFilter {
    /// In this state.
    pub situacao: Option<String>,
    /// Of this record.
    pub documento: Option<DocumentId>,
}

/// Up to `limit` e-mails, newest first; only those older than the one with the id `before`.
///
/// # Errors
/// PostgreSQL's.
pub async fn list(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    filter: &EmailFilter,
    before: Option<Uuid>,
    limit: i64,
) -> ApiResult<Vec<Email>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM email_saida WHERE tenant = $1 AND ($2::text IS NULL OR situacao = $2) \
             AND ($3::uuid IS NULL OR documento = $3) AND ($4::uuid IS NULL OR id < $4) \
         ORDER BY id DESC LIMIT $5"
    ))
    .bind(tenant.uuid())
    .bind(&filter.situacao)
    .bind(filter.documento.map(DocumentId::uuid))
    .bind(before)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The newest 1,000 e-mails about a record to its client, oldest first. An e-mail was queued in the
/// transaction that it tells of, so it gets the last position in the log up to its own time.
///
/// # Errors
/// PostgreSQL's.
pub async fn to_client(
    tx: &mut PgTransaction<'_>,
    documento: DocumentId,
) -> ApiResult<Vec<EmailToClient>> {
    let mut rows: Vec<EmailToClient> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        ", coalesce((SELECT a.seq FROM acompanhamentos a WHERE a.tenant = email_saida.tenant \
                 AND a.document = documento AND a.no_servidor <= criado_em \
             ORDER BY a.seq DESC LIMIT 1), 0) AS seq, \
         1000000 + (row_number() OVER (ORDER BY id))::int AS ordem \
         FROM email_saida WHERE documento = $1 AND usuario IS NULL ORDER BY id DESC LIMIT $2"
    ))
    .bind(documento.uuid())
    .bind(TO_CLIENT_MAX)
    .fetch_all(&mut **tx)
    .await?;
    rows.reverse();
    Ok(rows)
}
