//! Endpoints of the company's ERP, and the queue of what each has to be told (R100).
//!
//! A message has one row for each endpoint that wants it, and the same id on every try: delivered
//! at least once, and the receiver can tell a repetition. What nobody wants yet waits
//! `sem_destino`.

use super::{
    ESPERAS,
    secret::{self, Chave},
};
use crate::{
    config::Config,
    error::{ApiError, ApiResult},
};
use campo_domain::ids::{AcaoId, DocumentId, TenantId};
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction};
use std::{collections::BTreeSet, time::Duration};
use utoipa::ToSchema;
use uuid::Uuid;

/// An action was asked for.
pub(super) const ACAO_SOLICITADA: &str = "acao.solicitada";
/// The types of event that there are.
pub const EVENTOS: &[&str] = &[ACAO_SOLICITADA];
/// Endpoints of a company.
const DESTINOS_MAX: i64 = 20;
/// For how long the secret before still signs beside the new one.
const TRANSICAO: &str = "24 hours";
/// How long a claimed delivery is left to whoever claimed it.
const LEASE: &str = "1 minute";

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
    /// Quando foi cadastrado.
    pub criado_em: DateTime<Utc>,
    /// Desde quando vale o segredo atual.
    pub segredo_desde: DateTime<Utc>,
    /// Até quando o segredo anterior também assina.
    pub segredo_anterior_ate: Option<DateTime<Utc>>,
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
    /// `pendente`, `entregue`, `falhou`, `sem_destino` ou `cancelada`.
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

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct Filtro {
    /// In this state.
    pub situacao: Option<String>,
    /// Of this record.
    pub documento: Option<DocumentId>,
    /// For this endpoint.
    pub destino: Option<Uuid>,
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
    let (id, segredo) = (Uuid::now_v7(), secret::mint());
    let destino = sqlx::query_as(
        "INSERT INTO webhook_destino (tenant, id, url, descricao, eventos, segredo) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(id)
    .bind(url)
    .bind(descricao(&novo.descricao))
    .bind(eventos)
    .bind(Chave::open(config)?.seal(tenant, id, &segredo)?)
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
             eventos = coalesce($5, eventos), ativo = coalesce($6, ativo) \
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
    sqlx::query(
        "WITH n AS (SELECT e.tenant, e.id, EXISTS (SELECT FROM webhook_entrega o \
                 WHERE o.tenant = e.tenant AND o.mensagem = e.mensagem AND o.id <> e.id \
                     AND o.situacao <> 'cancelada') AS outra \
             FROM webhook_entrega e \
             WHERE e.tenant = $1 AND e.destino = $2 AND e.situacao = 'pendente') \
         UPDATE webhook_entrega e SET arrendamento = NULL, \
             situacao = CASE WHEN n.outra THEN 'cancelada' ELSE 'sem_destino' END, \
             destino = CASE WHEN n.outra THEN e.destino END \
         FROM n WHERE e.tenant = n.tenant AND e.id = n.id",
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
    let segredo = secret::mint();
    let row = sqlx::query_as(
        "UPDATE webhook_destino SET segredo = $3, segredo_desde = now(), \
             segredo_anterior = segredo, segredo_anterior_ate = now() + $4::interval \
         WHERE tenant = $1 AND id = $2 AND removido_em IS NULL RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(destino)
    .bind(Chave::open(config)?.seal(tenant, destino, &segredo)?)
    .bind(TRANSICAO)
    .fetch_one(&mut **tx)
    .await?;
    Ok((row, segredo))
}

/// Deliveries, newest first, before the one whose id is `depois`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn entregas(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    filtro: &Filtro,
    depois: Option<Uuid>,
    limite: i64,
) -> ApiResult<Vec<Entrega>> {
    let rows = sqlx::query_as(
        "SELECT e.*, e.corpo::jsonb AS corpo, \
             CASE WHEN situacao = 'pendente' THEN e.proxima_em END AS proxima_em \
         FROM webhook_entrega e WHERE tenant = $1 AND ($2::text IS NULL OR situacao = $2) \
             AND ($3::uuid IS NULL OR documento = $3) AND ($4::uuid IS NULL OR destino = $4) \
             AND ($5::uuid IS NULL OR id < $5) ORDER BY id DESC LIMIT $6",
    )
    .bind(tenant.uuid())
    .bind(&filtro.situacao)
    .bind(filtro.documento.map(DocumentId::uuid))
    .bind(filtro.destino)
    .bind(depois)
    .bind(limite)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The tries of a delivery, oldest first.
///
/// # Errors
/// 404.
pub async fn tentativas(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    entrega: Uuid,
) -> ApiResult<Vec<Tentativa>> {
    sqlx::query("SELECT FROM webhook_entrega WHERE tenant = $1 AND id = $2")
        .bind(tenant.uuid())
        .bind(entrega)
        .fetch_one(&mut **tx)
        .await?;
    let rows = sqlx::query_as(
        "SELECT * FROM webhook_tentativa WHERE tenant = $1 AND entrega = $2 ORDER BY id",
    )
    .bind(tenant.uuid())
    .bind(entrega)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Puts a delivery into the queue again, whatever became of it. If its endpoint is gone it waits
/// for another.
///
/// # Errors
/// 404.
pub async fn reentregar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    entrega: Uuid,
) -> ApiResult<()> {
    sqlx::query(
        "UPDATE webhook_entrega e SET tentativas = 0, proxima_em = now(), arrendamento = NULL, \
             destino = d.id, entregue_em = NULL, \
             situacao = CASE WHEN d.id IS NULL THEN 'sem_destino' ELSE 'pendente' END \
         FROM webhook_entrega x LEFT JOIN webhook_destino d \
             ON d.tenant = x.tenant AND d.id = x.destino AND d.removido_em IS NULL \
         WHERE x.tenant = $1 AND x.id = $2 AND e.tenant = x.tenant AND e.id = x.id RETURNING e.id",
    )
    .bind(tenant.uuid())
    .bind(entrega)
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// A message for every endpoint that wants it.
#[derive(Clone, Debug)]
pub(super) struct Mensagem {
    pub(super) tipo: &'static str,
    pub(super) documento: DocumentId,
    pub(super) acao: AcaoId,
    pub(super) corpo: String,
}

/// Queues messages in the transaction that commits what they tell of.
pub(super) async fn enfileirar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    mensagens: &[Mensagem],
) -> sqlx::Result<()> {
    // Locked: an endpoint cannot be removed while something is put into its queue.
    let destinos: Vec<(Uuid, Vec<String>)> = sqlx::query_as(
        "SELECT id, eventos FROM webhook_destino WHERE tenant = $1 AND ativo ORDER BY id FOR SHARE",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    for mensagem in mensagens {
        let quer = |eventos: &[String]| {
            eventos.is_empty() || eventos.iter().any(|evento| evento == mensagem.tipo)
        };
        let querem = destinos.iter().filter(|(_, eventos)| quer(eventos));
        let mut para: Vec<Option<Uuid>> = querem.map(|(id, _)| Some(*id)).collect();
        if para.is_empty() {
            para.push(None);
        }
        let ids: Vec<Uuid> = para.iter().map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "INSERT INTO webhook_entrega (tenant, id, mensagem, tipo, documento, acao, corpo, \
                 criado_em, destino, situacao) \
             SELECT $1, n.id, $2, $3, $4, $5, $6, $7, n.destino, \
                 CASE WHEN n.destino IS NULL THEN 'sem_destino' ELSE 'pendente' END \
             FROM unnest($8::uuid[], $9::uuid[]) n (id, destino)",
        )
        .bind(tenant.uuid())
        .bind(format!("msg_{}", Uuid::now_v7().simple()))
        .bind(mensagem.tipo)
        .bind(mensagem.documento.uuid())
        .bind(mensagem.acao.uuid())
        .bind(&mensagem.corpo)
        .bind(now)
        .bind(ids)
        .bind(para)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Gives what waits for an endpoint to the oldest one that wants it.
pub(super) async fn adotar(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query(
        "WITH d AS MATERIALIZED (SELECT * FROM webhook_destino \
             WHERE tenant = $1 AND ativo FOR SHARE) \
         UPDATE webhook_entrega e SET destino = n.destino, situacao = 'pendente', \
             proxima_em = now() \
         FROM (SELECT DISTINCT ON (x.id) x.id, d.id AS destino FROM webhook_entrega x \
             JOIN d ON d.eventos = '{}' OR x.tipo = ANY (d.eventos) \
             WHERE x.tenant = $1 AND x.situacao = 'sem_destino' \
                 AND NOT EXISTS (SELECT FROM webhook_entrega o WHERE o.tenant = x.tenant \
                     AND o.mensagem = x.mensagem AND o.destino = d.id) \
             ORDER BY x.id, d.id LIMIT 500) n \
         WHERE e.tenant = $1 AND e.id = n.id AND e.situacao = 'sem_destino'",
    )
    .bind(tenant.uuid())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A delivery that was claimed: nobody else sends it while the lease lasts.
#[derive(Debug, FromRow)]
pub(super) struct Reservada {
    pub(super) id: Uuid,
    pub(super) mensagem: String,
    pub(super) corpo: String,
    pub(super) tentativas: i32,
    pub(super) arrendamento: Uuid,
    pub(super) destino: Uuid,
    pub(super) url: String,
    /// Sealed.
    pub(super) segredo: Vec<u8>,
    /// Sealed; the one before, while it still signs.
    pub(super) segredo_anterior: Option<Vec<u8>>,
}

/// Claims a delivery that is due, if there is one. The try counts from here, whether or not anybody
/// lives to record it.
pub(super) async fn reservar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
) -> sqlx::Result<Option<Reservada>> {
    sqlx::query_as(
        "UPDATE webhook_entrega e SET tentativas = e.tentativas + 1, arrendamento = $2, \
             proxima_em = now() + $3::interval \
         FROM webhook_destino d \
         WHERE e.tenant = $1 AND d.tenant = e.tenant AND d.id = e.destino AND e.id = ( \
             SELECT x.id FROM webhook_entrega x \
             JOIN webhook_destino y ON y.tenant = x.tenant AND y.id = x.destino AND y.ativo \
             WHERE x.tenant = $1 AND x.situacao = 'pendente' AND x.proxima_em <= now() \
             ORDER BY x.proxima_em, x.id LIMIT 1 FOR UPDATE OF x SKIP LOCKED) \
         RETURNING e.id, e.mensagem, e.corpo, e.tentativas, e.arrendamento, e.destino, d.url, \
             d.segredo, CASE WHEN d.segredo_anterior_ate > now() THEN d.segredo_anterior END \
                 AS segredo_anterior",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(LEASE)
    .fetch_optional(&mut **tx)
    .await
}

/// What came of a try.
#[derive(Clone, Debug)]
pub(super) struct Resultado {
    pub(super) em: DateTime<Utc>,
    pub(super) status: Option<u16>,
    pub(super) levou: Duration,
    /// Why it failed, pt-BR.
    pub(super) erro: Option<String>,
}

/// Logs a try and decides what follows. It decides nothing if somebody else has the delivery now.
pub(super) async fn registrar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    reservada: &Reservada,
    resultado: &Resultado,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO webhook_tentativa (tenant, id, entrega, destino, em, status, ms, erro) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(reservada.id)
    .bind(reservada.destino)
    .bind(resultado.em)
    .bind(resultado.status.map(i32::from))
    .bind(i32::try_from(resultado.levou.as_millis()).unwrap_or(i32::MAX))
    .bind(&resultado.erro)
    .execute(&mut **tx)
    .await?;
    let espera = ESPERAS.depois(reservada.tentativas);
    let situacao = match (&resultado.erro, espera) {
        (None, _) => "entregue",
        (Some(_), Some(_)) => "pendente",
        (Some(_), None) => "falhou",
    };
    sqlx::query(
        "UPDATE webhook_entrega SET situacao = $4, erro = $5, arrendamento = NULL, \
             proxima_em = now() + make_interval(secs => $6), \
             entregue_em = CASE WHEN $4 = 'entregue' THEN now() END \
         WHERE tenant = $1 AND id = $2 AND arrendamento = $3",
    )
    .bind(tenant.uuid())
    .bind(reservada.id)
    .bind(reservada.arrendamento)
    .bind(situacao)
    .bind(&resultado.erro)
    .bind(espera.unwrap_or_default().as_secs_f64())
    .execute(&mut **tx)
    .await?;
    Ok(())
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
