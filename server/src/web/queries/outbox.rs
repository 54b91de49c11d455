//! What of a record's messages was sent: actions to the ERP, e-mails. `crate::outbox` sends them.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Most e-mails of a record that a page shows.
const EMAILS_MAX: i64 = 200;

/// How far an action's way to one endpoint has come.
#[derive(Clone, Debug, FromRow)]
pub struct Delivery {
    pub acao: Uuid,
    /// pendente, entregue, falhou, sem_destino, cancelada.
    pub situacao: String,
    pub tentativas: i32,
    pub erro: Option<String>,
}

/// The deliveries of the record's actions, the newest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn deliveries(tx: &mut PgTransaction<'_>, document: Uuid) -> sqlx::Result<Vec<Delivery>> {
    sqlx::query_as(
        "SELECT acao, situacao, tentativas, erro FROM webhook_entrega \
         WHERE documento = $1 AND tipo = 'acao.solicitada' AND situacao <> 'cancelada' \
         ORDER BY id DESC",
    )
    .bind(document)
    .fetch_all(&mut **tx)
    .await
}

/// An e-mail to one person.
#[derive(Clone, Debug, FromRow)]
pub struct Email {
    /// The person; the client when null.
    pub usuario: Option<Uuid>,
    pub nome: String,
    pub endereco: Option<String>,
    pub assunto: String,
    /// pendente, enviado, falhou, sem_endereco, nao_enviado.
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
