//! The lists of assistências and ocorrências: newest first, by keyset.

use crate::visibility::{Viewer, visible};
use campo_domain::kind::Kind;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Rows of a page.
pub const PAGE: usize = 50;
/// Up to how many rows are counted; beyond it the page says "mais de".
pub const COUNT_MAX: i64 = 1_000;

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Code of a tipo.
    pub tipo: Option<String>,
    /// Code of a situação.
    pub situacao: Option<String>,
    /// Only where work may still happen.
    pub open: bool,
    /// The responsável.
    pub responsavel: Option<Uuid>,
    /// Only without a responsável, or with one who is no longer active.
    pub unassigned: bool,
    /// Only what is past the day of the record, or the time of its situação (R70): this moment
    /// and this day.
    pub late: Option<(DateTime<Utc>, NaiveDate)>,
    /// What is looked for, as `search::query` has it.
    pub words: Option<Value>,
}

/// Where a page begins: after this row, in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// `atualizado_em` of the row.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

/// One row of a list.
#[derive(Clone, Debug, FromRow)]
pub struct Row {
    pub id: Uuid,
    pub numero: Option<String>,
    pub titulo: String,
    pub tipo_nome: Option<String>,
    pub situacao_nome: String,
    pub fase: String,
    pub prioridade: Option<String>,
    pub prazo: Option<NaiveDate>,
    pub etapa_ate: Option<DateTime<Utc>>,
    pub atualizado_em: DateTime<Utc>,
    pub cliente: Option<String>,
    pub responsavel: Option<String>,
    pub conflito: bool,
    pub retida: bool,
}

macro_rules! from_where {
    ($table:literal, $own:literal) => {
        concat!(
            " FROM ",
            $table,
            " t WHERE ",
            visible!("t"),
            $own,
            " AND ($3::text IS NULL OR t.situacao = $3) \
              AND (NOT $4 OR t.fase NOT IN ('concluido', 'cancelado', 'negado')) \
              AND ($5::uuid IS NULL OR t.responsavel = $5) \
              AND (NOT $6 OR NOT EXISTS (SELECT 1 FROM usuario x WHERE x.tenant = t.tenant \
                  AND x.id = t.responsavel AND x.ativo)) \
              AND ($7::jsonb IS NULL OR t.id IN (SELECT busca_",
            $table,
            "($7))) \
              AND ($8::text IS NULL OR t.tipo = $8) \
              AND ($9::timestamptz IS NULL OR (t.fase NOT IN ('concluido', 'cancelado', 'negado') \
                  AND (t.etapa_ate < $9 OR t.prazo < $10))) "
        )
    };
}

macro_rules! page_sql {
    ($table:literal, $cliente:literal, $own:literal) => {
        concat!(
            "SELECT p.*, u.nome AS responsavel, c.nome AS cliente, tp.data->>'nome' AS tipo_nome, \
                 EXISTS (SELECT 1 FROM held h WHERE h.tenant = p.tenant AND h.document = p.id \
                     AND h.status = 'aguardando') AS retida FROM ( \
                 SELECT t.tenant, t.id, t.numero, t.titulo, t.tipo, t.tipo_versao, \
                     t.situacao_nome, t.fase, t.prioridade, t.prazo, t.etapa_ate, \
                     t.atualizado_em, t.responsavel AS responsavel_id, ",
            $cliente,
            " AS cliente_id, t.conflitos NOT IN ('[]', '{}', 'null') AS conflito",
            from_where!($table, $own),
            "AND ($11::timestamptz IS NULL OR (t.atualizado_em, t.id) < ($11, $12)) \
                 ORDER BY t.atualizado_em DESC, t.id DESC LIMIT $13 \
             ) p LEFT JOIN usuario u ON u.tenant = p.tenant AND u.id = p.responsavel_id \
             LEFT JOIN clientes c ON c.tenant = p.tenant AND c.id = p.cliente_id \
             LEFT JOIN referencia tp ON tp.tenant = p.tenant AND tp.collection = 'tipo' \
                 AND tp.key = p.tipo || '@' || p.tipo_versao \
             ORDER BY p.atualizado_em DESC, p.id DESC"
        )
    };
}

macro_rules! count_sql {
    ($table:literal, $own:literal) => {
        concat!("SELECT count(*) FROM (SELECT 1", from_where!($table, $own), "LIMIT $11) counted")
    };
}

macro_rules! both_sql {
    ($table:literal, $cliente:literal, $own:literal) => {
        (page_sql!($table, $cliente, $own), count_sql!($table, $own))
    };
}

/// The page and the count. Who does not see everything is asked for once more and alone: the list
/// may then be read from that person's cases.
macro_rules! list_sql {
    ($all:expr, $table:literal, $cliente:literal) => {
        if $all {
            both_sql!($table, $cliente, "")
        } else {
            both_sql!(
                $table,
                $cliente,
                " AND EXISTS (SELECT 1 FROM envolvido e WHERE e.tenant = t.tenant \
                      AND e.raiz = t.raiz AND e.usuario = $1)"
            )
        }
    };
}

/// A page of the list, and how many rows the filter leaves in all (up to [`COUNT_MAX`] + 1). One
/// row more than [`PAGE`] comes back when there are further ones.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    kind: Kind,
    filter: &Filter,
    after: Option<After>,
) -> sqlx::Result<(Vec<Row>, i64)> {
    let (page_sql, count_sql) = match kind {
        // The client of an assistência is that of its ocorrências.
        Kind::Ocorrencia => list_sql!(
            viewer.all,
            "ocorrencias",
            "coalesce(t.cliente, (SELECT a.cliente FROM assistencias a \
                 WHERE a.tenant = t.tenant AND a.id = t.assistencia))"
        ),
        _ => list_sql!(viewer.all, "assistencias", "t.cliente"),
    };
    let rows = sqlx::query_as(page_sql)
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(&filter.situacao)
        .bind(filter.open)
        .bind(filter.responsavel)
        .bind(filter.unassigned)
        .bind(&filter.words)
        .bind(&filter.tipo)
        .bind(filter.late.map(|(now, _)| now))
        .bind(filter.late.map(|(_, today)| today))
        .bind(after.map(|after| after.at))
        .bind(after.map(|after| after.id))
        .bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX))
        .fetch_all(&mut **tx)
        .await?;
    let total = sqlx::query_scalar(count_sql)
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(&filter.situacao)
        .bind(filter.open)
        .bind(filter.responsavel)
        .bind(filter.unassigned)
        .bind(&filter.words)
        .bind(&filter.tipo)
        .bind(filter.late.map(|(now, _)| now))
        .bind(filter.late.map(|(_, today)| today))
        .bind(COUNT_MAX + 1)
        .fetch_one(&mut **tx)
        .await?;
    Ok((rows, total))
}
