//! The lists of assistências and ocorrências: newest first, by keyset.

use super::{Viewer, visible};
use campo_domain::kind::Kind;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Rows of a page.
pub const PAGE: usize = 50;
/// Up to how many rows are counted; beyond it the page says "mais de".
pub const COUNT_MAX: i64 = 1_000;

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Code of a situação.
    pub situacao: Option<String>,
    /// Only where work may still happen.
    pub open: bool,
    /// The responsável.
    pub responsavel: Option<Uuid>,
    /// Only without a responsável.
    pub unassigned: bool,
    /// Patterns that all must match.
    pub words: Vec<String>,
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
    pub situacao_nome: String,
    pub fase: String,
    pub prioridade: Option<String>,
    pub prazo: Option<NaiveDate>,
    pub atualizado_em: DateTime<Utc>,
    pub cliente: Option<String>,
    pub responsavel: Option<String>,
    pub conflito: bool,
    pub retida: bool,
}

macro_rules! from_where {
    ($table:literal) => {
        concat!(
            " FROM ",
            $table,
            " t LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = t.cliente WHERE ",
            visible!("t"),
            " AND ($3::text IS NULL OR t.situacao = $3) \
              AND (NOT $4 OR t.fase NOT IN ('concluido', 'cancelado', 'negado')) \
              AND ($5::uuid IS NULL OR t.responsavel = $5) \
              AND (NOT $6 OR t.responsavel IS NULL) \
              AND ($7::text[] = '{}' OR \
                   concat_ws(' ', t.busca, c.busca) LIKE ALL ($7)) "
        )
    };
}

macro_rules! page_sql {
    ($table:literal) => {
        concat!(
            "SELECT p.*, u.nome AS responsavel, EXISTS (SELECT 1 FROM held h \
                 WHERE h.tenant = p.tenant AND h.document = p.id AND h.status = 'aguardando' \
             ) AS retida FROM ( \
                 SELECT t.tenant, t.id, t.numero, t.titulo, t.situacao_nome, t.fase, \
                     t.prioridade, t.prazo, t.atualizado_em, t.responsavel AS responsavel_id, \
                     t.conflitos NOT IN ('[]', '{}', 'null') AS conflito, c.nome AS cliente",
            from_where!($table),
            "AND ($8::timestamptz IS NULL OR (t.atualizado_em, t.id) < ($8, $9)) \
                 ORDER BY t.atualizado_em DESC, t.id DESC LIMIT $10 \
             ) p LEFT JOIN usuario u ON u.tenant = p.tenant AND u.id = p.responsavel_id \
             ORDER BY p.atualizado_em DESC, p.id DESC"
        )
    };
}

macro_rules! count_sql {
    ($table:literal) => {
        concat!("SELECT count(*) FROM (SELECT 1", from_where!($table), "LIMIT $8) counted")
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
        Kind::Ocorrencia => (page_sql!("ocorrencias"), count_sql!("ocorrencias")),
        _ => (page_sql!("assistencias"), count_sql!("assistencias")),
    };
    let rows = sqlx::query_as(page_sql)
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(&filter.situacao)
        .bind(filter.open)
        .bind(filter.responsavel)
        .bind(filter.unassigned)
        .bind(&filter.words)
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
        .bind(COUNT_MAX + 1)
        .fetch_one(&mut **tx)
        .await?;
    Ok((rows, total))
}
