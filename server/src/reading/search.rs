//! The search over everything: entries of catalogues and records of every kind (R36).

use super::lists::{client, columns};
use crate::visibility::{Viewer, visible};
use campo_domain::{catalogo::CATALOGOS, kind::Kind};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// An entry of a catalogue.
#[derive(Clone, Debug, FromRow)]
pub struct FoundEntry {
    pub catalogo: String,
    pub codigo: String,
    pub nome: String,
}

/// A record.
#[derive(Clone, Debug, FromRow)]
pub struct FoundRecord {
    pub id: Uuid,
    pub kind: String,
    pub numero: Option<String>,
    pub titulo: String,
    pub situacao_nome: String,
    /// The name of its client, or of that of the record that it belongs to.
    pub nome: Option<String>,
}

/// At most `limit` entries in use whose name or code has every one of the folded words.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn entries(
    tx: &mut PgTransaction<'_>,
    words: &[String],
    limit: i64,
) -> sqlx::Result<Vec<FoundEntry>> {
    let patterns: Vec<String> = words.iter().map(|word| columns::pattern(word)).collect();
    let catalogues: Vec<&str> = CATALOGOS.iter().map(|catalogo| catalogo.codigo).collect();
    let sql = format!(
        "SELECT r.collection AS catalogo, r.key AS codigo, \
             coalesce(r.data->>'nome', r.key) AS nome \
         FROM referencia r WHERE r.tenant = campo_tenant() AND r.collection = ANY($1) AND r.active \
             AND ({} LIKE ALL ($2) OR r.key LIKE ALL ($2)) \
         ORDER BY nome, catalogo, codigo LIMIT $3",
        columns::text("coalesce(r.data->>'nome', r.key)")
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(catalogues)
        .bind(patterns)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await
}

/// The records that match `$3`, up to `$4`; `$1` and `$2` are the viewer.
pub fn sql() -> String {
    format!(
        "(SELECT 'assistencia' AS kind, t.id, t.numero, t.titulo, t.situacao_nome, c.nome, \
             t.atualizado_em FROM assistencias t \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = t.cliente \
             WHERE t.id IN (SELECT busca_assistencias($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'ocorrencia', t.id, t.numero, t.titulo, t.situacao_nome, c.nome, \
             t.atualizado_em FROM ocorrencias t \
             LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {da_ocorrencia} \
             WHERE t.id IN (SELECT busca_ocorrencias($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'agenda', t.id, NULL, t.titulo, t.situacao_nome, c.nome, t.atualizado_em \
             FROM agendas t \
             LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia \
             LEFT JOIN ocorrencias o ON o.tenant = t.tenant AND o.id = t.ocorrencia \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {da_agenda} \
             WHERE t.id IN (SELECT busca_agendas($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'cliente', t.id, NULL, t.titulo, t.situacao_nome, t.nome, t.atualizado_em \
             FROM clientes t WHERE t.id IN (SELECT busca_clientes($3)) AND $1 IS NOT NULL \
             ORDER BY t.atualizado_em DESC LIMIT $4) \
         ORDER BY atualizado_em DESC, id LIMIT $4",
        visible = visible!("t"),
        da_ocorrencia = client(Kind::Ocorrencia, "t"),
        da_agenda = client(Kind::Agenda, "t"),
    )
}

/// At most `limit` records that match, by their number, title, client or any of their words; the
/// last changed first. `q` is what `crate::search::query` makes of the words.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn records(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    q: Value,
    limit: i64,
) -> sqlx::Result<Vec<FoundRecord>> {
    sqlx::query_as(sqlx::AssertSqlSafe(sql()))
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(q)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await
}
