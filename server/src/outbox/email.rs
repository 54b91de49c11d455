//! E-mails to clients and to interested people (R60, R66, R87). An e-mail is filled in when it is
//! queued, so that it tells of that moment.

mod lease;
mod listing;
mod queue;
mod templates;

pub(super) use lease::{claim, hold_without_smtp, record};
pub use listing::{EmailFilter, EmailToClient, list, to_client};
pub(super) use queue::{NewEmail, enqueue};
pub use queue::{cancel, send_again};
pub use templates::{templates, write_template};

use crate::{
    config::{Config, Smtp},
    error::{ApiError, ApiResult},
};
use campo_domain::valor;
use chrono::{DateTime, Utc};
use lettre::{Address, message::Mailbox};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// Um e-mail, como foi escrito, e o que foi dele.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, FromRow)]
pub struct Email {
    /// Id.
    pub id: Uuid,
    /// O registro.
    pub documento: Uuid,
    /// O modelo.
    pub modelo: String,
    /// Por que o modelo da empresa não foi usado, se não pôde ser.
    pub modelo_erro: Option<String>,
    /// A pessoa da empresa; ausente se é o cliente.
    pub usuario: Option<Uuid>,
    /// Para quem.
    pub nome: String,
    /// O endereço, se há um.
    pub endereco: Option<String>,
    /// Assunto.
    pub assunto: String,
    /// Texto.
    pub corpo: String,
    /// Até onde chegou.
    #[schema(value_type = crate::schemas::SituacaoDoEmail)]
    pub situacao: String,
    /// Tentativas desde que entrou na fila, ou voltou a ela.
    pub tentativas: i32,
    /// Quando será a próxima.
    pub proxima_em: Option<DateTime<Utc>>,
    /// Quando foi pedido.
    pub criado_em: DateTime<Utc>,
    /// Quando o servidor de e-mail aceitou.
    pub enviado_em: Option<DateTime<Utc>>,
    /// O `Message-ID`.
    pub message_id: Option<String>,
    /// O que o servidor de e-mail respondeu.
    pub resposta: Option<String>,
    /// Por que não foi enviado.
    pub erro: Option<String>,
}

/// The SMTP server and the sender, if both are set.
///
/// # Errors
/// The name of the setting that is missing.
pub fn smtp(config: &Config) -> Result<(&Smtp, &Mailbox), &'static str> {
    let smtp = config.smtp.as_ref().ok_or("CAMPO_SMTP")?;
    Ok((smtp, config.smtp_from.as_ref().ok_or("CAMPO_SMTP_DE")?))
}

/// Checks that a text is an e-mail address that the SMTP client accepts.
///
/// # Errors
/// 422 `email_invalido`.
pub fn check_address(text: &str) -> ApiResult<()> {
    if valor::email_valido(text) && text.parse::<Address>().is_ok() {
        return Ok(());
    }
    let message = format!("O endereço “{text}” não serve como e-mail.");
    Err(ApiError::recusado("email_invalido", message))
}
