//! Endpoints of the company's ERP: where what Campo has to tell goes (R100). What each is told is
//! in [`super::fila`].

use super::fila::ACAO_SOLICITADA;
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

/// The types of event that there are.
pub const EVENTOS: &[&str] = &[ACAO_SOLICITADA];
/// Endpoints of a company.
const DESTINOS_MAX: i64 = 20;
/// For how long the secret before still signs beside the new one.
const TRANSICAO: &str = "24 hours";

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

/// Adds an endpoint. Its secret is returned this once.
///
/// # Errors
/// 422 `url_invalida`, `evento_desconhecido`, `destinos_demais`.
pub async fn criar_destino(
    tx: &mut PgTransaction<'_>,
    config: &Config,
    tenant: TenantId,
    novo: NovoDestino,
) -> ApiResult<(Destino, String)> {
    let url = url(&novo.url, config.webhook_redes_privadas)?;
    let eventos = eventos(novo.eventos)?;
    let quantos: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhook_destino WHERE removido_em IS NULL")
            .fetch_one(&mut **tx)
            .await?;
    if quantos >= DESTINOS_MAX {
        let mensagem = format!("Uma empresa tem até {DESTINOS_MAX} destinos. Remova um antes.");
        return Err(ApiError::recusado("destinos_demais", mensagem));
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
    .bind(config.chave()?.seal(tenant, id, &segredo)?)
    .fetch_one(&mut **tx)
    .await?;
    Ok((destino, segredo))
}

/// The endpoints, in the order of their making.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn listar_destinos(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
) -> ApiResult<Vec<Destino>> {
    let sql = "SELECT * FROM webhook_destino WHERE tenant = $1 AND removido_em IS NULL ORDER BY id";
    Ok(sqlx::query_as(sql).bind(tenant.uuid()).fetch_all(&mut **tx).await?)
}

/// One endpoint, as it stays until the transaction ends.
///
/// # Errors
/// 404.
pub async fn destino(
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

/// Changes an endpoint.
///
/// # Errors
/// 404; as [`criar_destino`].
pub async fn alterar_destino(
    tx: &mut PgTransaction<'_>,
    config: &Config,
    tenant: TenantId,
    destino: Uuid,
    altera: AlteraDestino,
) -> ApiResult<Destino> {
    let url = altera.url.map(|texto| url(&texto, config.webhook_redes_privadas)).transpose()?;
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

/// Removes an endpoint. What only it was to be told waits for another one.
///
/// # Errors
/// 404.
pub async fn remover_destino(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    destino: Uuid,
) -> ApiResult<()> {
    sqlx::query(
        "UPDATE webhook_destino SET ativo = false, removido_em = now() \
         WHERE tenant = $1 AND id = $2 AND removido_em IS NULL RETURNING id",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .fetch_one(&mut **tx)
    .await?;
    // Asked again of the row itself: it may have been cancelled while this waited for its lock.
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

/// Gives an endpoint a new secret, returned this once. The one before signs beside it for a day.
///
/// # Errors
/// 404.
pub async fn girar_segredo(
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
    .bind(config.chave()?.seal(tenant, destino, &segredo)?)
    .bind(TRANSICAO)
    .fetch_one(&mut **tx)
    .await?;
    Ok((row, segredo))
}

fn url(texto: &str, redes_privadas: bool) -> ApiResult<String> {
    let recusa = |porque: &str| {
        ApiError::recusado("url_invalida", format!("O endereço não serve: {porque}."))
    };
    let url = Url::parse(texto.trim()).map_err(|_| recusa("não é um endereço completo"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(recusa("não use usuário, senha nem # nele"));
    }
    super::http::permitido(&url, redes_privadas).map_err(|porque| recusa(&porque))?;
    if url.as_str().len() > 2_000 {
        return Err(recusa("é longo demais"));
    }
    Ok(url.into())
}

fn descricao(texto: &str) -> String {
    texto.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn eventos(eventos: BTreeSet<String>) -> ApiResult<Vec<String>> {
    if let Some(outro) = eventos.iter().find(|evento| !EVENTOS.contains(&evento.as_str())) {
        let conhecidos = EVENTOS.join(", ");
        let mensagem = format!("Não há o evento “{outro}”. Eventos: {conhecidos}.");
        return Err(ApiError::recusado("evento_desconhecido", mensagem));
    }
    Ok(eventos.into_iter().collect())
}

/// A new secret of a webhook, as the Standard Webhooks specification writes it.
fn mint() -> String {
    format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}
