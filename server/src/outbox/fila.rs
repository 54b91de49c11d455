//! The queue of what each endpoint has to be told (R100).
//!
//! A message has one row for each endpoint that wants it, and the same id on every try: delivered
//! at least once, and the receiver can tell a repetition. What is for a paused endpoint waits for
//! it; what no endpoint wants yet waits `sem_destino`.

use super::esperas::ESPERAS;
use crate::error::{ApiError, ApiResult};
use axum::http::StatusCode;
use campo_domain::ids::{AcaoId, DocumentId, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction};
use std::{collections::BTreeMap, time::Duration};
use utoipa::ToSchema;
use uuid::Uuid;

/// An action was asked for.
pub(super) const ACAO_SOLICITADA: &str = "acao.solicitada";
/// How long a claimed delivery is left to whoever claimed it.
const LEASE: &str = "1 minute";
/// The status by which an endpoint says that it wants nothing more (Standard Webhooks).
const GONE: u16 = 410;

/// A delivery of the company `$1` as the API shows it.
macro_rules! entrega {
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
    /// The stable name: what is stored and what travels.
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
pub struct Filtro {
    /// In this state.
    pub situacao: Option<SituacaoEntrega>,
    /// Of this action.
    pub acao: Option<AcaoId>,
    /// Of this record.
    pub documento: Option<DocumentId>,
    /// For this endpoint.
    pub destino: Option<Uuid>,
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
    let rows = sqlx::query_as(concat!(
        entrega!(),
        " AND ($2::text IS NULL OR situacao = $2) AND ($3::uuid IS NULL OR acao = $3) \
             AND ($4::uuid IS NULL OR documento = $4) AND ($5::uuid IS NULL OR destino = $5) \
             AND ($6::uuid IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
    ))
    .bind(tenant.uuid())
    .bind(filtro.situacao.map(SituacaoEntrega::codigo))
    .bind(filtro.acao.map(AcaoId::uuid))
    .bind(filtro.documento.map(DocumentId::uuid))
    .bind(filtro.destino)
    .bind(depois)
    .bind(limite)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// One delivery.
///
/// # Errors
/// 404.
pub async fn entrega(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    entrega: Uuid,
) -> ApiResult<Entrega> {
    let row = sqlx::query_as(concat!(entrega!(), " AND id = $2"))
        .bind(tenant.uuid())
        .bind(entrega)
        .fetch_one(&mut **tx)
        .await?;
    Ok(row)
}

/// How far what these actions ask for has come, by their ids; nothing of one that nobody was told
/// of.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn das_acoes(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    acoes: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, EntregaDaAcao>> {
    if acoes.is_empty() {
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
    .bind(acoes)
    .bind(ACAO_SOLICITADA)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|entrega| (entrega.acao, entrega)).collect())
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

/// Puts a delivery into the queue again: one that came to its end, or waits. If its endpoint is
/// gone it waits for another.
///
/// # Errors
/// 404; 409 `entrega_cancelada`.
pub async fn reentregar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    entrega: Uuid,
) -> ApiResult<()> {
    let situacao: String = sqlx::query_scalar(
        "SELECT situacao FROM webhook_entrega WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(entrega)
    .fetch_one(&mut **tx)
    .await?;
    if situacao == SituacaoEntrega::Cancelada.codigo() {
        let mensagem = "Esta entrega foi cancelada: a ação já foi respondida, ou o destino foi \
                        removido e outro a recebe.";
        return Err(ApiError::new(StatusCode::CONFLICT, "entrega_cancelada", mensagem));
    }
    sqlx::query(
        "UPDATE webhook_entrega e SET tentativas = 0, proxima_em = now(), arrendamento = NULL, \
             destino = d.id, entregue_em = NULL, \
             situacao = CASE WHEN d.id IS NULL THEN 'sem_destino' ELSE 'pendente' END \
         FROM webhook_entrega x LEFT JOIN webhook_destino d \
             ON d.tenant = x.tenant AND d.id = x.destino AND d.removido_em IS NULL \
         WHERE x.tenant = $1 AND x.id = $2 AND e.tenant = x.tenant AND e.id = x.id",
    )
    .bind(tenant.uuid())
    .bind(entrega)
    .execute(&mut **tx)
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

/// An endpoint that is not removed, and which types of event it wants: all when empty.
type Quer = (Uuid, Vec<String>);

/// The endpoints of the company, paused ones too. Locked: none can be removed while something is
/// put into its queue.
async fn destinos(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<Vec<Quer>> {
    sqlx::query_as(
        "SELECT id, eventos FROM webhook_destino WHERE tenant = $1 AND removido_em IS NULL \
         ORDER BY id FOR SHARE",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await
}

/// Queues messages in the transaction that commits what they tell of.
pub(super) async fn enfileirar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    mensagens: &[Mensagem],
) -> sqlx::Result<()> {
    if mensagens.is_empty() {
        return Ok(());
    }
    let destinos = destinos(tx, tenant).await?;
    for mensagem in mensagens {
        let quer = |(_, eventos): &&Quer| {
            eventos.is_empty() || eventos.iter().any(|evento| evento == mensagem.tipo)
        };
        let querem = destinos.iter().filter(quer);
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

/// Takes out of the queue what was not sent yet of actions that were answered, and what was given
/// up of them: nobody may put it there again. A try that is under way ends as it ends: what arrived
/// has arrived, and what failed is not tried again.
pub(super) async fn cancelar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    respondidas: &[(DocumentId, AcaoId)],
) -> sqlx::Result<()> {
    if respondidas.is_empty() {
        return Ok(());
    }
    let (documentos, acoes): (Vec<Uuid>, Vec<Uuid>) =
        respondidas.iter().map(|(documento, acao)| (documento.uuid(), acao.uuid())).unzip();
    sqlx::query(
        "UPDATE webhook_entrega e SET situacao = 'cancelada' \
         FROM unnest($2::uuid[], $3::uuid[]) n (documento, acao) \
         WHERE e.tenant = $1 AND e.acao = n.acao AND e.documento = n.documento \
             AND e.situacao IN ('pendente', 'sem_destino', 'falhou')",
    )
    .bind(tenant.uuid())
    .bind(documentos)
    .bind(acoes)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives what waits for an endpoint to every one that wants it.
pub(super) async fn adotar(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    if destinos(tx, tenant).await?.is_empty() {
        return Ok(());
    }
    let esperam: Vec<(Uuid, Vec<Uuid>)> = sqlx::query_as(
        "SELECT x.id, n.destinos FROM webhook_entrega x \
         CROSS JOIN LATERAL (SELECT array_agg(d.id ORDER BY d.id) AS destinos \
             FROM webhook_destino d WHERE d.tenant = x.tenant AND d.removido_em IS NULL \
                 AND (d.eventos = '{}' OR x.tipo = ANY (d.eventos)) \
                 AND NOT EXISTS (SELECT FROM webhook_entrega o WHERE o.tenant = x.tenant \
                     AND o.mensagem = x.mensagem AND o.destino = d.id)) n \
         WHERE x.tenant = $1 AND x.situacao = 'sem_destino' AND n.destinos IS NOT NULL \
         ORDER BY x.id LIMIT 500 FOR UPDATE OF x SKIP LOCKED",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let (mut mesmas, mut primeiros) = (Vec::new(), Vec::new());
    let (mut de, mut novas, mut outros) = (Vec::new(), Vec::new(), Vec::new());
    for (id, destinos) in &esperam {
        let Some((primeiro, mais)) = destinos.split_first() else { continue };
        mesmas.push(*id);
        primeiros.push(*primeiro);
        for destino in mais {
            de.push(*id);
            novas.push(Uuid::now_v7());
            outros.push(*destino);
        }
    }
    sqlx::query(
        "UPDATE webhook_entrega e SET destino = n.destino, situacao = 'pendente', \
             proxima_em = now() \
         FROM unnest($2::uuid[], $3::uuid[]) n (id, destino) WHERE e.tenant = $1 AND e.id = n.id",
    )
    .bind(tenant.uuid())
    .bind(mesmas)
    .bind(primeiros)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO webhook_entrega (tenant, id, mensagem, tipo, documento, acao, corpo, \
             criado_em, destino, situacao) \
         SELECT e.tenant, n.id, e.mensagem, e.tipo, e.documento, e.acao, e.corpo, e.criado_em, \
             n.destino, 'pendente' \
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) n (de, id, destino) \
         JOIN webhook_entrega e ON e.tenant = $1 AND e.id = n.de",
    )
    .bind(tenant.uuid())
    .bind(de)
    .bind(novas)
    .bind(outros)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The endpoints of the company that something is due for, those whose last try failed last: each
/// with whether it did. In no order otherwise, so that none always comes behind the others.
pub(super) async fn devidos(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
) -> sqlx::Result<Vec<(Uuid, bool)>> {
    sqlx::query_as(
        "SELECT d.id, d.falhando FROM webhook_destino d WHERE d.tenant = $1 AND d.ativo \
             AND EXISTS (SELECT FROM webhook_entrega e WHERE e.tenant = d.tenant \
                 AND e.destino = d.id AND e.situacao = 'pendente' AND e.proxima_em <= now()) \
         ORDER BY d.falhando, random()",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await
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

/// Claims a delivery that is due for an endpoint, if there is one. The try counts from here,
/// whether or not anybody lives to record it.
pub(super) async fn reservar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    destino: Uuid,
) -> sqlx::Result<Option<Reservada>> {
    sqlx::query_as(
        "UPDATE webhook_entrega e SET tentativas = e.tentativas + 1, arrendamento = $3, \
             proxima_em = now() + $4::interval \
         FROM webhook_destino d \
         WHERE e.tenant = $1 AND d.tenant = $1 AND d.id = $2 AND d.ativo AND e.id = ( \
             SELECT x.id FROM webhook_entrega x \
             WHERE x.tenant = $1 AND x.destino = $2 AND x.situacao = 'pendente' \
                 AND x.proxima_em <= now() \
             ORDER BY x.proxima_em, x.id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING e.id, e.mensagem, e.corpo, e.tentativas, e.arrendamento, e.destino, d.url, \
             d.segredo, CASE WHEN d.segredo_anterior_ate > now() THEN d.segredo_anterior END \
                 AS segredo_anterior",
    )
    .bind(tenant.uuid())
    .bind(destino)
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
    /// How long the endpoint asks to be left alone.
    pub(super) espera: Option<Duration>,
}

/// Logs a try and decides what follows. It decides nothing of the delivery if somebody else has it
/// now.
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
    let gone = resultado.status == Some(GONE);
    // The endpoint before the delivery, as whoever removes one locks them.
    sqlx::query(
        "UPDATE webhook_destino SET falhando = $3, ativo = ativo AND NOT $4, \
             motivo = CASE WHEN $4 AND ativo THEN $5 ELSE motivo END \
         WHERE tenant = $1 AND id = $2 AND url = $6 AND (falhando <> $3 OR $4)",
    )
    .bind(tenant.uuid())
    .bind(reservada.destino)
    .bind(resultado.erro.is_some())
    .bind(gone)
    .bind("O destino respondeu HTTP 410: não quer mais eventos.")
    .bind(&reservada.url)
    .execute(&mut **tx)
    .await?;
    let espera = match ESPERAS.depois(reservada.tentativas) {
        // It waits for the endpoint, however long.
        _ if gone => Some(Duration::ZERO),
        espera => espera.map(|espera| espera.max(resultado.espera.unwrap_or_default())),
    };
    let situacao = match (&resultado.erro, espera) {
        (None, _) => SituacaoEntrega::Entregue,
        (Some(_), Some(_)) => SituacaoEntrega::Pendente,
        (Some(_), None) => SituacaoEntrega::Falhou,
    };
    sqlx::query(
        "UPDATE webhook_entrega SET erro = $5, arrendamento = NULL, \
             situacao = CASE WHEN situacao = 'cancelada' AND $4 <> 'entregue' \
                 THEN situacao ELSE $4 END, \
             proxima_em = now() + make_interval(secs => $6), \
             entregue_em = CASE WHEN $4 = 'entregue' THEN now() END \
         WHERE tenant = $1 AND id = $2 AND arrendamento = $3",
    )
    .bind(tenant.uuid())
    .bind(reservada.id)
    .bind(reservada.arrendamento)
    .bind(situacao.codigo())
    .bind(&resultado.erro)
    .bind(espera.unwrap_or_default().as_secs_f64())
    .execute(&mut **tx)
    .await?;
    if let Some(espera) = resultado.espera {
        descansar(tx, tenant, reservada, espera).await?;
    }
    Ok(())
}

/// Leaves an endpoint alone for as long as it asks: nothing that waits for it goes out before,
/// but what is under way, or locked by somebody who decides on it now.
async fn descansar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    reservada: &Reservada,
    espera: Duration,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE webhook_entrega e SET proxima_em = now() + make_interval(secs => $3) \
         FROM (SELECT x.id FROM webhook_entrega x \
             JOIN webhook_destino d ON d.tenant = x.tenant AND d.id = x.destino AND d.url = $4 \
             WHERE x.tenant = $1 AND x.destino = $2 AND x.situacao = 'pendente' \
                 AND x.arrendamento IS NULL AND x.proxima_em < now() + make_interval(secs => $3) \
             FOR UPDATE OF x SKIP LOCKED) n \
         WHERE e.tenant = $1 AND e.id = n.id",
    )
    .bind(tenant.uuid())
    .bind(reservada.destino)
    .bind(espera.as_secs_f64())
    .bind(&reservada.url)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
