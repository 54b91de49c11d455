//! Sends from the queue: a server claims an e-mail for three minutes, and records what came of it.

use crate::{
    config::Smtp,
    outbox::{
        backoff::BACKOFF,
        smtp::{self, OutgoingEmail, SendError},
    },
};
use campo_domain::ids::TenantId;
use lettre::message::Mailbox;
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// How long a claimed e-mail is left to the server that claimed it; a PostgreSQL interval.
const LEASE: &str = "3 minutes";
/// An e-mail that is later than this is sent only if somebody asks; a PostgreSQL interval.
const DELAY_MAX: &str = "3 days";

/// Marks due e-mails as `nao_enviado` while the setting `missing` is not set.
///
/// # Errors
/// PostgreSQL's.
pub async fn hold_without_smtp(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    missing: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE email_saida SET situacao = 'nao_enviado', erro = $2 \
         WHERE tenant = $1 AND situacao = 'pendente' AND proxima_em <= now()",
    )
    .bind(tenant.uuid())
    .bind(format!("o envio de e-mails não está configurado: falta {missing}"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Marks e-mails that are overdue by more than [`DELAY_MAX`] as `vencido`: their news is old.
async fn expire(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE email_saida SET situacao = 'vencido', arrendamento = NULL, erro = $3 \
         WHERE tenant = $1 AND situacao IN ('pendente', 'nao_enviado') \
             AND proxima_em < now() - $2::interval",
    )
    .bind(tenant.uuid())
    .bind(DELAY_MAX)
    .bind("esperou mais de 3 dias e não sai mais por si; reenvie-o, se ainda vale")
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A claimed e-mail: no other server sends it while the lease lasts.
#[derive(Debug, FromRow)]
pub struct Claimed {
    pub id: Uuid,
    /// Including this one.
    #[sqlx(rename = "tentativas")]
    pub attempts: i32,
    /// Names this claim; a later claim replaces it.
    #[sqlx(rename = "arrendamento")]
    lease: Uuid,
    #[sqlx(rename = "nome")]
    name: String,
    #[sqlx(rename = "endereco")]
    address: String,
    #[sqlx(rename = "assunto")]
    subject: String,
    #[sqlx(rename = "corpo")]
    body: String,
    message_id: String,
}

impl Claimed {
    /// Sends it once; returns what the SMTP server answered.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn send(&self, smtp: &Smtp, from: &Mailbox) -> Result<String, SendError> {
        let email = OutgoingEmail {
            from,
            name: &self.name,
            address: &self.address,
            subject: &self.subject,
            body: &self.body,
            message_id: &self.message_id,
        };
        smtp::send(smtp, &email).await
    }
}

/// Claims a due e-mail, if there is one. Its Message-ID is the same on every attempt, so that a
/// mailbox can recognise a repetition; it changes when somebody asks to send the e-mail again.
///
/// # Errors
/// PostgreSQL's.
pub async fn claim(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    from: &Mailbox,
) -> sqlx::Result<Option<Claimed>> {
    expire(tx, tenant).await?;
    sqlx::query_as(
        "UPDATE email_saida e SET situacao = 'pendente', tentativas = tentativas + 1, \
             arrendamento = $2, proxima_em = now() + $3::interval, \
             message_id = format('<%s.%s@%s>', e.id, e.reenvios, $4::text) \
         WHERE e.tenant = $1 AND e.id = ( \
             SELECT x.id FROM email_saida x WHERE x.tenant = $1 \
                 AND x.situacao IN ('pendente', 'nao_enviado') AND x.proxima_em <= now() \
             ORDER BY x.proxima_em, x.id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id, tentativas, arrendamento, nome, coalesce(endereco, '') AS endereco, \
             assunto, corpo, message_id",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(LEASE)
    .bind(from.email.domain())
    .fetch_optional(&mut **tx)
    .await
}

/// Records an attempt and schedules the next one. It has no effect if the lease has run out and
/// another server has claimed the e-mail.
///
/// # Errors
/// PostgreSQL's.
pub async fn record(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    claimed: &Claimed,
    outcome: &Result<String, SendError>,
) -> sqlx::Result<()> {
    let wait = BACKOFF.after(claimed.attempts);
    let situacao = match outcome {
        Ok(_) => "enviado",
        Err(error) if error.permanent || wait.is_none() => "falhou",
        Err(_) => "pendente",
    };
    sqlx::query(
        "UPDATE email_saida SET situacao = $4, resposta = $5, erro = $6, arrendamento = NULL, \
             proxima_em = now() + make_interval(secs => $7), \
             enviado_em = CASE WHEN $4 = 'enviado' THEN now() ELSE enviado_em END \
         WHERE tenant = $1 AND id = $2 AND arrendamento = $3",
    )
    .bind(tenant.uuid())
    .bind(claimed.id)
    .bind(claimed.lease)
    .bind(situacao)
    .bind(outcome.as_ref().ok())
    .bind(outcome.as_ref().err().map(|error| &error.error))
    .bind(wait.unwrap_or_default().as_secs_f64())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
