//! Ações: what records ask of the company's ERP, over all records.

use super::{lists, zone};
use crate::visibility::{Viewer, visible};
use campo_domain::{ids::TenantId, registro::SituacaoAcao};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction, Postgres, QueryBuilder};
use uuid::Uuid;

/// An action and the record that it is of.
#[derive(Clone, Debug, FromRow)]
pub struct Action {
    pub id: Uuid,
    pub document: Uuid,
    pub kind: String,
    pub numero: Option<String>,
    pub codigo: String,
    /// What the record's tipo calls it; none where the tipo no longer has it.
    pub rotulo: Option<String>,
    pub pedida_por: Uuid,
    pub pedida_por_nome: Option<String>,
    pub pedida_em: DateTime<Utc>,
    pub observacao: Option<String>,
    pub situacao: String,
    pub externo: Option<String>,
    pub retorno: Option<String>,
    pub atualizada_em: DateTime<Utc>,
}

/// What the list is narrowed to.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Those at this point.
    pub state: Option<SituacaoAcao>,
    /// Those of this code.
    pub code: Option<String>,
    /// Those of this record.
    pub document: Option<Uuid>,
}

/// Whether one of these ids is an action's already, of whatever record.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn taken(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    ids: Vec<Uuid>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM acoes WHERE tenant = $1 AND id = ANY ($2))")
        .bind(tenant.uuid())
        .bind(ids)
        .fetch_one(&mut **tx)
        .await
}

/// At most `rows` actions of records that the viewer sees, the newest first, after that one.
///
/// # Errors
/// PostgreSQL refuses; with a data exception (class 22) where the place was tampered with.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    wanted: Wanted,
    after: Option<(DateTime<Utc>, Uuid)>,
    rows: i64,
) -> sqlx::Result<Vec<Action>> {
    let mut sql = select(tx, Some(viewer)).await?;
    if let Some(state) = wanted.state {
        sql.push(" AND a.situacao = ").push_bind(state.codigo());
    }
    if let Some(code) = wanted.code {
        sql.push(" AND a.codigo = ").push_bind(code);
    }
    if let Some(document) = wanted.document {
        sql.push(" AND a.document = ").push_bind(document);
    }
    if let Some((at, id)) = after {
        sql.push(" AND (a.pedida_em, a.id) < (").push_bind(at).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY a.pedida_em DESC, a.id DESC LIMIT ").push_bind(rows);
    sql.build_query_as().fetch_all(&mut **tx).await
}

/// One action, of a record that the viewer sees; of any record where nobody in particular looks.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn one(
    tx: &mut PgTransaction<'_>,
    viewer: Option<Viewer>,
    id: Uuid,
) -> sqlx::Result<Option<Action>> {
    let mut sql = select(tx, viewer).await?;
    sql.push(" AND a.id = ").push_bind(id).push(" ORDER BY a.pedida_em, a.document LIMIT 1");
    sql.build_query_as().fetch_optional(&mut **tx).await
}

async fn select(
    tx: &mut PgTransaction<'_>,
    viewer: Option<Viewer>,
) -> sqlx::Result<QueryBuilder<Postgres>> {
    let zone = zone(tx).await?;
    let mut sql = lists::begin(viewer.unwrap_or(Viewer { id: None, all: false }), zone)?;
    sql.push(
        "SELECT a.*, d.kind, coalesce(ac.numero, oc.numero) AS numero, u.nome AS pedida_por_nome, \
             (SELECT x->>'rotulo' FROM referencia r, jsonb_array_elements(r.data->'acoes') x \
              WHERE r.tenant = a.tenant AND r.collection = 'tipo' AND x->>'codigo' = a.codigo \
                  AND r.key = coalesce(ac.tipo, oc.tipo, ag.tipo) || '@' \
                      || coalesce(ac.tipo_versao, oc.tipo_versao, ag.tipo_versao) LIMIT 1 \
             ) AS rotulo \
         FROM acoes a JOIN document d ON d.tenant = a.tenant AND d.id = a.document \
         LEFT JOIN assistencias ac ON ac.tenant = a.tenant AND ac.id = a.document \
         LEFT JOIN ocorrencias oc ON oc.tenant = a.tenant AND oc.id = a.document \
         LEFT JOIN agendas ag ON ag.tenant = a.tenant AND ag.id = a.document \
         LEFT JOIN usuario u ON u.tenant = a.tenant AND u.id = a.pedida_por WHERE ",
    );
    sql.push(if viewer.is_some() { visible!("d", with kind) } else { "true" });
    Ok(sql)
}
