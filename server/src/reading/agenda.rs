//! The commitments of a day.

use crate::visibility::{Viewer, visible};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// Most commitments of a day that a page shows.
const DAY_MAX: i64 = 1_000;

/// A commitment.
#[derive(Clone, Debug, FromRow)]
pub struct Commitment {
    pub id: Uuid,
    pub titulo: String,
    pub situacao_nome: String,
    pub fase: String,
    pub inicio: DateTime<Utc>,
    pub fim: Option<DateTime<Utc>>,
    pub responsavel: Option<Uuid>,
    pub responsavel_nome: Option<String>,
    pub compromisso: Option<String>,
    pub cliente: Option<String>,
    pub cidade: Option<String>,
    pub pai_kind: Option<String>,
    pub pai_id: Option<Uuid>,
    pub pai_numero: Option<String>,
}

/// What takes place between two instants, by person and hour. What began earlier and still lasts is
/// in it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn between(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<Vec<Commitment>> {
    sqlx::query_as(concat!(
        "SELECT g.id, g.titulo, g.situacao_nome, g.fase, g.inicio, g.fim, g.responsavel, \
             u.nome AS responsavel_nome, c.nome AS cliente, \
             coalesce(a.cidade, c.cidade) AS cidade, \
             coalesce(r.data->>'nome', g.tipo_compromisso, g.tipo_agenda) AS compromisso, \
             CASE WHEN a.id IS NOT NULL THEN 'assistencia' \
                  WHEN o.id IS NOT NULL THEN 'ocorrencia' END AS pai_kind, \
             coalesce(a.id, o.id) AS pai_id, coalesce(a.numero, o.numero) AS pai_numero \
         FROM agendas g \
         LEFT JOIN usuario u ON u.tenant = g.tenant AND u.id = g.responsavel \
         LEFT JOIN assistencias a ON a.tenant = g.tenant AND a.id = g.assistencia \
         LEFT JOIN ocorrencias o ON o.tenant = g.tenant AND o.id = g.ocorrencia \
         LEFT JOIN clientes c ON c.tenant = g.tenant \
             AND c.id = CASE WHEN a.cliente IS NULL THEN o.cliente ELSE a.cliente END \
         LEFT JOIN referencia r ON r.tenant = g.tenant \
             AND r.collection = CASE WHEN g.tipo_compromisso IS NULL THEN 'tipo_agenda' \
                                     ELSE 'tipo_compromisso' END \
             AND r.key = coalesce(g.tipo_compromisso, g.tipo_agenda) \
         WHERE ",
        visible!("g"),
        " AND g.inicio < $4 AND (g.inicio >= $3 OR g.fim > $3) \
         ORDER BY u.nome NULLS LAST, g.responsavel, g.inicio, g.id LIMIT $5"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(from)
    .bind(to)
    .bind(DAY_MAX)
    .fetch_all(&mut **tx)
    .await
}
