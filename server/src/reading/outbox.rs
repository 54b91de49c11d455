//! What of a record's e-mails was sent. `crate::outbox` sends them.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Most e-mails of a record that a page shows.
const EMAILS_MAX: i64 = 200;

/// An e-mail to one person.
#[derive(Clone, Debug, FromRow)]
pub struct Email {
    /// The person; the client when null.
    pub usuario: Option<Uuid>,
    pub nome: String,
    pub endereco: Option<String>,
    pub assunto: String,
    /// pendente, enviado, falhou, sem_endereco, nao_enviado, vencido, cancelado.
    pub situacao: String,
    pub criado_em: DateTime<Utc>,
    pub enviado_em: Option<DateTime<Utc>>,
    pub erro: Option<String>,
}

/// The e-mails about the record, the newest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn emails(tx: &mut PgTransaction<'_>, document: Uuid) -> sqlx::Result<Vec<Email>> {
    sqlx::query_as(
        "SELECT usuario, nome, endereco, assunto, situacao, criado_em, enviado_em, erro \
         FROM email_saida WHERE documento = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(document)
    .bind(EMAILS_MAX)
    .fetch_all(&mut **tx)
    .await
}
