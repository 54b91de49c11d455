//! Ações corretivas and the records that they group. `crate::commit` writes them.

use crate::visibility::{Viewer, visible};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Most records of one that an answer shows.
const LINKED_MAX: i64 = 1_000;

/// An ação corretiva.
#[derive(Clone, Debug, FromRow)]
pub struct Corretiva {
    pub id: Uuid,
    pub numero: String,
    pub titulo: String,
    pub descricao: Option<String>,
    pub tipo: String,
    pub situacao: String,
    pub criada_por: Uuid,
    pub criada_por_nome: Option<String>,
    pub criada_em: DateTime<Utc>,
    pub iniciada_em: Option<DateTime<Utc>>,
    pub encerrada_em: Option<DateTime<Utc>>,
}

/// A record of an ação corretiva.
#[derive(Clone, Debug, FromRow)]
pub struct Linked {
    pub document: Uuid,
    pub kind: String,
    pub numero: Option<String>,
    pub titulo: String,
    pub situacao: String,
    pub vinculada_por: Uuid,
    pub nome: Option<String>,
    pub vinculada_em: DateTime<Utc>,
}

const COLUMNS: &str = "SELECT c.*, u.nome AS criada_por_nome FROM acao_corretiva c \
                       LEFT JOIN usuario u ON u.tenant = c.tenant AND u.id = c.criada_por ";

/// At most `rows` ações corretivas, the newest first, after that one; those of that situação and
/// tipo, if any is given.
///
/// # Errors
/// PostgreSQL refuses; with a data exception (class 22) where the place was tampered with.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    situacao: Option<&'static str>,
    tipo: Option<String>,
    after: Option<(DateTime<Utc>, Uuid)>,
    rows: i64,
) -> sqlx::Result<Vec<Corretiva>> {
    let mut sql = sqlx::QueryBuilder::new(COLUMNS);
    sql.push("WHERE true");
    if let Some(situacao) = situacao {
        sql.push(" AND c.situacao = ").push_bind(situacao);
    }
    if let Some(tipo) = tipo {
        sql.push(" AND c.tipo = ").push_bind(tipo);
    }
    if let Some((at, id)) = after {
        sql.push(" AND (c.criada_em, c.id) < (").push_bind(at).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY c.criada_em DESC, c.id DESC LIMIT ").push_bind(rows);
    sql.build_query_as().fetch_all(&mut **tx).await
}

/// One ação corretiva.
///
/// # Errors
/// There is none of that id; PostgreSQL refuses.
pub async fn one(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<Corretiva> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE c.id = $1")))
        .bind(id)
        .fetch_one(&mut **tx)
        .await
}

/// The records of one that the viewer sees, in the order in which they were linked, at most 1,000.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn linked(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    id: Uuid,
) -> sqlx::Result<Vec<Linked>> {
    sqlx::query_as(concat!(
        "SELECT v.document, d.kind, coalesce(a.numero, o.numero) AS numero, \
             coalesce(a.titulo, o.titulo, '') AS titulo, \
             coalesce(a.situacao_nome, o.situacao_nome, '') AS situacao, \
             v.vinculada_por, u.nome, v.vinculada_em \
         FROM corretiva_vinculo v \
         JOIN document d ON d.tenant = v.tenant AND d.id = v.document \
         LEFT JOIN assistencias a ON a.tenant = v.tenant AND a.id = v.document \
         LEFT JOIN ocorrencias o ON o.tenant = v.tenant AND o.id = v.document \
         LEFT JOIN usuario u ON u.tenant = v.tenant AND u.id = v.vinculada_por \
         WHERE v.id = $3 AND ",
        visible!("d", with kind),
        " ORDER BY v.vinculada_em, v.document LIMIT $4"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(id)
    .bind(LINKED_MAX)
    .fetch_all(&mut **tx)
    .await
}
