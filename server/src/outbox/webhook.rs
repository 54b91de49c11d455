//! The endpoints that receive webhooks, usually the company's ERP (R100). Their deliveries are in
//! [`super::delivery`].

use super::delivery::ACAO_SOLICITADA;
use crate::{
    config::Config,
    error::{ApiError, ApiResult},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgTransaction};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// Every type of event.
const EVENTS: &[&str] = &[ACAO_SOLICITADA];
/// Most endpoints of a company.
const ENDPOINTS_MAX: i64 = 20;
/// How long the previous secret signs beside a new one; a PostgreSQL interval.
const SECRET_OVERLAP: &str = "24 hours";

/// Um destino a cadastrar.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovoDestino {
    /// Endereço `https` que recebe os eventos.
    pub url: String,
    /// Para que serve.
    #[serde(default)]
    pub descricao: String,
    /// Tipos de evento que recebe; todos, se vazio.
    #[serde(default)]
    pub eventos: BTreeSet<String>,
}

/// O que alterar num destino; o que falta fica como está.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlteraDestino {
    /// Endereço.
    pub url: Option<String>,
    /// Para que serve.
    pub descricao: Option<String>,
    /// Tipos de evento.
    pub eventos: Option<BTreeSet<String>>,
    /// Se recebe; o que é de um destino parado espera por ele.
    pub ativo: Option<bool>,
}

/// Um destino de eventos (Standard Webhooks).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, FromRow)]
pub struct Destino {
    /// Id.
    pub id: Uuid,
    /// Endereço.
    pub url: String,
    /// Para que serve.
    pub descricao: String,
    /// Tipos de evento que recebe; todos, se vazio.
    pub eventos: Vec<String>,
    /// Se recebe.
    pub ativo: bool,
    /// Por que o Campo o parou, se foi o Campo; ativá-lo de novo o apaga.
    pub motivo: Option<String>,
    /// Quando foi cadastrado.
    pub criado_em: DateTime<Utc>,
    /// Desde quando vale o segredo atual.
    pub segredo_desde: DateTime<Utc>,
    /// Até quando o segredo anterior também assina.
    pub segredo_anterior_ate: Option<DateTime<Utc>>,
}

/// Adds an endpoint; returns it with its secret, which cannot be read again.
///
/// # Errors
/// 422 `url_invalida`, `evento_desconhecido`, `destinos_demais`.
pub async fn create(
    tx: &mut PgTransaction<'_>,
    config: &Config,
    tenant: TenantId,
    novo: NovoDestino,
) -> ApiResult<(Destino, String)> {
    let url = url(&novo.url, config.webhook_private_networks)?;
    let eventos = eventos(novo.eventos)?;
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhook_destino WHERE removido_em IS NULL")
            .fetch_one(&mut **tx)
            .await?;
    if count >= ENDPOINTS_MAX {
        let message = format!("Uma empresa tem até {ENDPOINTS_MAX} destinos. Remova um antes.");
        return Err(ApiError::recusado("destinos_demais", message));
    }
    let (id, segredo) = (Uuid::now_v7(), mint());
    let destino = sqlx::query_as(
        "INSERT INTO webhook_destino (tenant, id, url, descricao, eventos, segredo) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(id)
    .bind(url)
    .bind(descricao(&novo.descricao))
    .bind(eventos)
    .bind(config.master_key()?.seal(tenant, id, &segredo)?)
    .fetch_one(&mut **tx)
    .await?;
    Ok((destino, segredo))
}

/// The endpoints of the company, oldest first.
///
/// # Errors
/// PostgreSQL's.
pub async fn list(tx: &mut PgTransaction<'_>, tenant: TenantId) -> ApiResult<Vec<Destino>> {
    let sql = "SELECT * FROM webhook_destino WHERE tenant = $1 AND removido_em IS NULL ORDER BY id";
    Ok(sqlx::query_as(sql).bind(tenant.uuid()).fetch_all(&mut **tx).await?)
}

/// One endpoint, locked until the transaction ends.
///
/// # Errors
/// 404 `nao_encontrado`.
pub async fn find(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    destino: Uuid,
) -> ApiResult<Destino> {
    let found = sqlx::query_as(
        "SELECT * FROM webhook_destino WHERE tenant = $1 AND id = $2 AND removido_em IS NULL \
         FOR NO KEY UPDATE",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .fetch_one(&mut **tx)
    .await?;
    Ok(found)
}

/// Changes an endpoint; what `altera` leaves out stays.
///
/// # Errors
/// 404 `nao_encontrado`; as [`create`].
pub async fn change(
    tx: &mut PgTransaction<'_>,
    config: &Config,
    tenant: TenantId,
    destino: Uuid,
    altera: AlteraDestino,
) -> ApiResult<Destino> {
    let url = altera.url.map(|text| url(&text, config.webhook_private_networks)).transpose()?;
    let eventos = altera.eventos.map(eventos).transpose()?;
    let destino = sqlx::query_as(
        "UPDATE webhook_destino SET url = coalesce($3, url), descricao = coalesce($4, descricao), \
             eventos = coalesce($5, eventos), ativo = coalesce($6, ativo), \
             motivo = CASE WHEN $6 IS NULL THEN motivo END \
         WHERE tenant = $1 AND id = $2 AND removido_em IS NULL RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .bind(url)
    .bind(altera.descricao.as_deref().map(descricao))
    .bind(eventos)
    .bind(altera.ativo)
    .fetch_one(&mut **tx)
    .await?;
    Ok(destino)
}

/// Removes an endpoint. Messages that no other endpoint has wait for another one; the rest is
/// cancelled.
///
/// # Errors
/// 404 `nao_encontrado`.
pub async fn remove(tx: &mut PgTransaction<'_>, tenant: TenantId, destino: Uuid) -> ApiResult<()> {
    sqlx::query(
        "UPDATE webhook_destino SET ativo = false, removido_em = now() \
         WHERE tenant = $1 AND id = $2 AND removido_em IS NULL RETURNING id",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .fetch_one(&mut **tx)
    .await?;
    // The outer condition repeats `pendente`: a delivery may be cancelled while this statement
    // waits for its lock.
    sqlx::query(
        "WITH n AS (SELECT e.tenant, e.id, EXISTS (SELECT FROM webhook_entrega o \
                 WHERE o.tenant = e.tenant AND o.mensagem = e.mensagem AND o.id <> e.id \
                     AND o.situacao <> 'cancelada') AS outra \
             FROM webhook_entrega e \
             WHERE e.tenant = $1 AND e.destino = $2 AND e.situacao = 'pendente') \
         UPDATE webhook_entrega e SET arrendamento = NULL, \
             situacao = CASE WHEN n.outra THEN 'cancelada' ELSE 'sem_destino' END, \
             destino = CASE WHEN n.outra THEN e.destino END \
         FROM n WHERE e.tenant = n.tenant AND e.id = n.id AND e.situacao = 'pendente'",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives an endpoint a new secret and returns it, which is possible this once. The previous one
/// signs beside it for 24 hours.
///
/// # Errors
/// 404 `nao_encontrado`.
pub async fn rotate_secret(
    tx: &mut PgTransaction<'_>,
    config: &Config,
    tenant: TenantId,
    destino: Uuid,
) -> ApiResult<(Destino, String)> {
    let segredo = mint();
    let row = sqlx::query_as(
        "UPDATE webhook_destino SET segredo = $3, segredo_desde = now(), \
             segredo_anterior = segredo, segredo_anterior_ate = now() + $4::interval \
         WHERE tenant = $1 AND id = $2 AND removido_em IS NULL RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .bind(config.master_key()?.seal(tenant, destino, &segredo)?)
    .bind(SECRET_OVERLAP)
    .fetch_one(&mut **tx)
    .await?;
    Ok((row, segredo))
}

fn url(text: &str, private_networks: bool) -> ApiResult<String> {
    let refuse = |reason: &str| {
        ApiError::recusado("url_invalida", format!("O endereço não serve: {reason}."))
    };
    let url = Url::parse(text.trim()).map_err(|_| refuse("não é um endereço completo"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refuse("não use usuário, senha nem # nele"));
    }
    super::http::allowed(&url, private_networks).map_err(|reason| refuse(&reason))?;
    if url.as_str().len() > 2_000 {
        return Err(refuse("é longo demais"));
    }
    Ok(url.into())
}

fn descricao(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn eventos(eventos: BTreeSet<String>) -> ApiResult<Vec<String>> {
    if let Some(unknown) = eventos.iter().find(|evento| !EVENTS.contains(&evento.as_str())) {
        let known = EVENTS.join(", ");
        let message = format!("Não há o evento “{unknown}”. Eventos: {known}.");
        return Err(ApiError::recusado("evento_desconhecido", message));
    }
    Ok(eventos.into_iter().collect())
}

/// A new random secret in the format of the Standard Webhooks specification.
fn mint() -> String {
    format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}
