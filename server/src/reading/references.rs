//! What a command refers to, as it stands now: people, groups, entries of catalogues, and the
//! records that others belong to. `crate::office` and `crate::api` decide what follows from it.

use crate::{
    reference::eligible,
    visibility::{Viewer, visible},
};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// What a person of the company may be in a record.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Standing {
    pub id: Uuid,
    /// Whether work may be given to the person.
    pub eligible: bool,
    /// Whether the person is active and sees records.
    pub sees: bool,
    /// Whether it is a client's login.
    pub portal: bool,
}

/// How those of the people stand whom the company knows.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn standing(
    tx: &mut PgTransaction<'_>,
    people: Vec<Uuid>,
) -> sqlx::Result<Vec<Standing>> {
    sqlx::query_as(concat!(
        "SELECT id, ",
        eligible!(),
        " AS eligible, ativo AND 'ver' = ANY(permissoes) AS sees, \
         'portal' = ANY(permissoes) AS portal \
         FROM usuario WHERE id = ANY($1)"
    ))
    .bind(people)
    .fetch_all(&mut **tx)
    .await
}

/// The places, from 1 on, of those entries (catalogue and code) that are not offered.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn not_offered(
    tx: &mut PgTransaction<'_>,
    entries: &[(&str, &str)],
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT n.ordem FROM unnest($1::text[], $2::text[]) WITH ORDINALITY n (c, k, ordem) \
         WHERE NOT EXISTS (SELECT 1 FROM referencia r WHERE r.tenant = campo_tenant() \
             AND r.collection = n.c AND r.key = n.k AND r.active AND r.addressee IS NULL)",
    )
    .bind(entries.iter().map(|(catalogue, _)| *catalogue).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, code)| *code).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await
}

/// How many of the groups are offered, or have somebody in them.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn groups_known(tx: &mut PgTransaction<'_>, groups: &[&str]) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($1::text[]) g WHERE EXISTS (SELECT 1 FROM referencia r \
             WHERE r.tenant = campo_tenant() AND r.collection = 'grupo' AND r.key = g \
                 AND r.active) \
         OR EXISTS (SELECT 1 FROM usuario u WHERE g = ANY(u.grupos))",
    )
    .bind(groups)
    .fetch_one(&mut **tx)
    .await
}

/// Whether there is a client of that id.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn is_client(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM clientes WHERE id = $1)")
        .bind(id)
        .fetch_one(&mut **tx)
        .await
}

/// The assistência of an ocorrência that the viewer sees.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn assistencia_of(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    ocorrencia: Uuid,
) -> sqlx::Result<Option<Uuid>> {
    let found: Option<Option<Uuid>> = sqlx::query_scalar(concat!(
        "SELECT t.assistencia FROM ocorrencias t WHERE t.id = $3 AND ",
        visible!("t")
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(ocorrencia)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.flatten())
}

/// What the situação of an assistência is called that the viewer sees and that is over; none where
/// work may still happen in it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn closed_situacao(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    assistencia: Uuid,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(concat!(
        "SELECT t.situacao_nome FROM assistencias t \
         WHERE t.id = $3 AND t.fase IN ('concluido', 'cancelado', 'negado') AND ",
        visible!("t")
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(assistencia)
    .fetch_optional(&mut **tx)
    .await
}

/// Each of the records that is restricted, with each person whom the restriction lists.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn listed(
    tx: &mut PgTransaction<'_>,
    records: Vec<Uuid>,
) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    sqlx::query_as(
        "SELECT d.id, u FROM document d JOIN restricao r ON r.tenant = d.tenant \
             AND r.raiz = d.raiz CROSS JOIN LATERAL unnest(r.usuarios) u \
         WHERE d.id = ANY($1)",
    )
    .bind(records)
    .fetch_all(&mut **tx)
    .await
}
