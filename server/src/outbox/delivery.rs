//! What each endpoint was told and is to be told (R100), as the API shows it.
//!
//! A message has one delivery for each endpoint that wants it, with the same `webhook-id` on every
//! attempt: it arrives at least once, and the receiver can recognise a repetition.

use crate::error::ApiResult;
use campo_domain::ids::{AcaoId, DocumentId, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The type of the event that asks the ERP for an action.
pub(super) const ACAO_SOLICITADA: &str = "acao.solicitada";

/// The deliveries of the company `$1`, with the columns of [`Entrega`].
macro_rules! select {
    () => {
        "SELECT e.*, e.corpo::jsonb AS corpo, \
             CASE WHEN situacao = 'pendente' THEN e.proxima_em END AS proxima_em \
         FROM webhook_entrega e WHERE tenant = $1"
    };
}

/// Até onde chegou uma entrega.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SituacaoEntrega {
    /// Na fila, ou à espera de um destino parado.
    Pendente,
    /// Aceita pelo destino.
    Entregue,
    /// Não foi aceita, e não será tentada de novo por si.
    Falhou,
    /// Nenhum destino a quer ainda.
    SemDestino,
    /// Não vai mais: a ação foi respondida, ou o destino, removido.
    Cancelada,
}

impl SituacaoEntrega {
    /// The name in the database and in JSON.
    pub const fn codigo(self) -> &'static str {
        match self {
            SituacaoEntrega::Pendente => "pendente",
            SituacaoEntrega::Entregue => "entregue",
            SituacaoEntrega::Falhou => "falhou",
            SituacaoEntrega::SemDestino => "sem_destino",
            SituacaoEntrega::Cancelada => "cancelada",
        }
    }
}

/// Uma mensagem para um destino.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, FromRow)]
pub struct Entrega {
    /// Id.
    pub id: Uuid,
    /// O `webhook-id`: o mesmo em toda tentativa.
    pub mensagem: String,
    /// Tipo do evento.
    pub tipo: String,
    /// O registro.
    pub documento: Uuid,
    /// A ação.
    pub acao: Uuid,
    /// O destino; nenhum enquanto `sem_destino`.
    pub destino: Option<Uuid>,
    /// Até onde chegou.
    #[schema(value_type = SituacaoEntrega)]
    pub situacao: String,
    /// Tentativas desde que entrou na fila, ou voltou a ela.
    pub tentativas: i32,
    /// Quando será a próxima.
    pub proxima_em: Option<DateTime<Utc>>,
    /// Quando foi pedida.
    pub criado_em: DateTime<Utc>,
    /// Quando foi aceita.
    pub entregue_em: Option<DateTime<Utc>>,
    /// Por que a última tentativa falhou.
    pub erro: Option<String>,
    /// O que se envia.
    pub corpo: Value,
}

/// Uma tentativa de entrega.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, FromRow)]
pub struct Tentativa {
    /// Id.
    pub id: Uuid,
    /// O destino.
    pub destino: Uuid,
    /// Quando.
    pub em: DateTime<Utc>,
    /// Status HTTP da resposta, se houve uma.
    pub status: Option<i32>,
    /// Quanto levou, em milissegundos.
    pub ms: i32,
    /// Por que falhou.
    pub erro: Option<String>,
}

/// Até onde chegou o pedido de uma ação a caminho do ERP; de vários destinos, o que mais falta.
#[derive(Clone, Debug, Serialize, ToSchema, FromRow)]
pub struct EntregaDaAcao {
    #[serde(skip)]
    acao: Uuid,
    /// Até onde chegou.
    #[schema(value_type = SituacaoEntrega)]
    pub situacao: String,
    /// Tentativas desde que entrou na fila, ou voltou a ela.
    pub tentativas: i32,
    /// Quando será a próxima; ausente se não há outra, ou se o destino está parado.
    pub proxima_em: Option<DateTime<Utc>>,
    /// Por que a última tentativa falhou.
    pub erro: Option<String>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// In this state.
    pub situacao: Option<SituacaoEntrega>,
    /// Of this action.
    pub acao: Option<AcaoId>,
    /// Of this record.
    pub documento: Option<DocumentId>,
    /// For this endpoint.
    pub destino: Option<Uuid>,
}

/// Up to `limit` deliveries, newest first; only those older than the one with the id `before`.
///
/// # Errors
/// PostgreSQL's.
pub async fn list(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    filter: &DeliveryFilter,
    before: Option<Uuid>,
    limit: i64,
) -> ApiResult<Vec<Entrega>> {
    let rows = sqlx::query_as(concat!(
        select!(),
        " AND ($2::text IS NULL OR situacao = $2) AND ($3::uuid IS NULL OR acao = $3) \
             AND ($4::uuid IS NULL OR documento = $4) AND ($5::uuid IS NULL OR destino = $5) \
             AND ($6::uuid IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
    ))
    .bind(tenant.uuid())
    .bind(filter.situacao.map(SituacaoEntrega::codigo))
    .bind(filter.acao.map(AcaoId::uuid))
    .bind(filter.documento.map(DocumentId::uuid))
    .bind(filter.destino)
    .bind(before)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// One delivery.
///
/// # Errors
/// 404 `nao_encontrado`.
pub async fn find(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    delivery: Uuid,
) -> ApiResult<Entrega> {
    let row = sqlx::query_as(concat!(select!(), " AND id = $2"))
        .bind(tenant.uuid())
        .bind(delivery)
        .fetch_one(&mut **tx)
        .await?;
    Ok(row)
}

/// How far the deliveries of these actions have come, by action. An action without a delivery is
/// left out.
///
/// # Errors
/// PostgreSQL's.
pub async fn of_actions(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    actions: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, EntregaDaAcao>> {
    if actions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<EntregaDaAcao> = sqlx::query_as(
        "SELECT DISTINCT ON (e.acao) e.acao, e.situacao, e.tentativas, \
             CASE WHEN e.situacao = 'pendente' AND d.ativo THEN e.proxima_em END AS proxima_em, \
             CASE WHEN e.situacao <> 'entregue' THEN e.erro END AS erro \
         FROM webhook_entrega e \
         LEFT JOIN webhook_destino d ON d.tenant = e.tenant AND d.id = e.destino \
         WHERE e.tenant = $1 AND e.acao = ANY ($2) AND e.tipo = $3 \
         ORDER BY e.acao, array_position( \
             '{falhou,pendente,sem_destino,entregue,cancelada}'::text[], e.situacao), e.id DESC",
    )
    .bind(tenant.uuid())
    .bind(actions)
    .bind(ACAO_SOLICITADA)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|delivery| (delivery.acao, delivery)).collect())
}

/// The attempts of a delivery, oldest first.
///
/// # Errors
/// 404 `nao_encontrado`.
pub async fn attempts(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    delivery: Uuid,
) -> ApiResult<Vec<Tentativa>> {
    sqlx::query("SELECT FROM webhook_entrega WHERE tenant = $1 AND id = $2")
        .bind(tenant.uuid())
        .bind(delivery)
        .fetch_one(&mut **tx)
        .await?;
    let rows = sqlx::query_as(
        "SELECT * FROM webhook_tentativa WHERE tenant = $1 AND entrega = $2 ORDER BY id",
    )
    .bind(tenant.uuid())
    .bind(delivery)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}
