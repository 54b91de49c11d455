//! Queues e-mails, queues them again, and cancels them.

use super::check_address;
use crate::{
    error::{ApiError, ApiResult},
    outbox::{
        cliente::Cliente,
        template::{self, Contexto, Texto},
    },
};
use anyhow::Result;
use axum::http::StatusCode;
use campo_domain::ids::{DocumentId, TenantId, UserId};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An e-mail to queue.
#[derive(Clone, Debug)]
pub struct NewEmail {
    pub document: DocumentId,
    /// The code of its template.
    pub template: String,
    /// The person; the client when `None`.
    pub user: Option<UserId>,
    pub address: Option<String>,
    /// The values of the template.
    pub context: Contexto,
}

/// Fills in and queues e-mails. One without a usable address is stored as `sem_endereco`, with the
/// reason.
///
/// # Errors
/// PostgreSQL's.
pub async fn enqueue(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    emails: &[NewEmail],
) -> Result<()> {
    if emails.is_empty() {
        return Ok(());
    }
    let codes: Vec<&str> = emails.iter().map(|email| email.template.as_str()).collect();
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT codigo, assunto, corpo FROM modelo_email WHERE tenant = $1 AND codigo = ANY ($2)",
    )
    .bind(tenant.uuid())
    .bind(codes)
    .fetch_all(&mut **tx)
    .await?;
    let own: BTreeMap<String, Texto> = rows
        .into_iter()
        .map(|(codigo, assunto, corpo)| (codigo, Texto { assunto, corpo }))
        .collect();
    for email in emails {
        let (text, template_error) =
            template::fill_in(&email.template, own.get(&email.template), &email.context)?;
        let address = email.address.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let error = match address {
            None => Some("não há endereço de e-mail cadastrado".to_owned()),
            Some(text) => check_address(text).err().map(|error| error.mensagem.into_owned()),
        };
        sqlx::query(
            "INSERT INTO email_saida (tenant, id, documento, modelo, modelo_erro, usuario, nome, \
                 endereco, assunto, corpo, situacao, erro, criado_em) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                 CASE WHEN $11::text IS NULL THEN 'pendente' ELSE 'sem_endereco' END, $11, $12)",
        )
        .bind(tenant.uuid())
        .bind(Uuid::now_v7())
        .bind(email.document.uuid())
        .bind(&email.template)
        .bind(template_error)
        .bind(email.user.map(UserId::uuid))
        .bind(&email.context.destinatario)
        .bind(address)
        .bind(text.assunto)
        .bind(text.corpo)
        .bind(error)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Queues an e-mail again in any state, to the address that the recipient has now.
///
/// # Errors
/// 404 `nao_encontrado`; 409 `sem_endereco`; 422 `email_invalido`.
pub async fn send_again(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    email: Uuid,
) -> ApiResult<()> {
    let (document, user): (Uuid, Option<Uuid>) = sqlx::query_as(
        "SELECT documento, usuario FROM email_saida WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(email)
    .fetch_one(&mut **tx)
    .await?;
    let address = match user {
        Some(user) => {
            let sql = "SELECT email FROM usuario WHERE tenant = $1 AND id = $2";
            let found = sqlx::query_scalar(sql).bind(tenant.uuid()).bind(user);
            found.fetch_optional(&mut **tx).await?.flatten()
        }
        None => Cliente::load(tx, tenant, document.into()).await?.email_address(),
    };
    let address: String = address.ok_or_else(|| {
        let message = "Quem receberia este e-mail ainda não tem endereço. Cadastre-o e reenvie.";
        ApiError::new(StatusCode::CONFLICT, "sem_endereco", message)
    })?;
    let address = address.trim();
    check_address(address)?;
    sqlx::query(
        "UPDATE email_saida SET endereco = $3, situacao = 'pendente', tentativas = 0, \
             proxima_em = now(), arrendamento = NULL, erro = NULL, \
             reenvios = reenvios + (enviado_em IS NOT NULL)::int \
         WHERE tenant = $1 AND id = $2",
    )
    .bind(tenant.uuid())
    .bind(email)
    .bind(address)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Cancels an e-mail that waits for its time, an address or a setting. Cancelling twice is no
/// error. `by` is the name of the person who cancels.
///
/// # Errors
/// 404 `nao_encontrado`; 409 `email_fora_de_hora` where it was sent, has failed, or is being sent.
pub async fn cancel(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    email: Uuid,
    by: &str,
) -> ApiResult<()> {
    let (situacao, under_way): (String, bool) = sqlx::query_as(
        "SELECT situacao, arrendamento IS NOT NULL AND proxima_em > now() FROM email_saida \
         WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(email)
    .fetch_one(&mut **tx)
    .await?;
    match situacao.as_str() {
        "cancelado" => return Ok(()),
        "pendente" | "nao_enviado" | "sem_endereco" | "vencido" if !under_way => {}
        _ => {
            let message = "Este e-mail não espera mais: foi enviado, falhou ou está saindo agora.";
            return Err(ApiError::new(StatusCode::CONFLICT, "email_fora_de_hora", message));
        }
    }
    sqlx::query(
        "UPDATE email_saida SET situacao = 'cancelado', arrendamento = NULL, erro = $3 \
         WHERE tenant = $1 AND id = $2",
    )
    .bind(tenant.uuid())
    .bind(email)
    .bind(format!("cancelado por {by}"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
