//! The locks of a commit, in this order: company, people, cases, documents; the rows of each in the
//! order of their ids. Under each lock, what the plan was made on is compared with the present; a
//! difference is a [`Conflict`].

use super::load;
use anyhow::Result;
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    pessoa::Pessoa,
    registro::Restricao,
};
use campo_sync::exchange::Plan;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgTransaction, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Another transaction has changed what the plan was made on: plan again.
#[derive(Debug, thiserror::Error)]
#[error("what the plan started from has changed")]
pub(crate) struct Conflict;

/// What a plan was made on, as far as the plan itself does not hold it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The company.
    pub tenant: TenantId,
    /// The time of the commit.
    pub now: DateTime<Utc>,
    /// The year of new numbers, in the company's time zone.
    pub year: i32,
    /// Who was involved in each case, by record.
    pub cases: &'a BTreeMap<DocumentId, BTreeMap<DocumentId, BTreeSet<UserId>>>,
    /// The restrictions of the cases.
    pub restrictions: &'a BTreeMap<DocumentId, Restricao>,
    /// Everybody who was active, if the plan depends on everybody; else empty.
    pub everyone: &'a BTreeMap<UserId, Pessoa>,
    /// The people whose permissions the plan depends on.
    pub people: &'a BTreeMap<UserId, Pessoa>,
}

/// Takes all locks of a plan, and inserts the rows of its new documents.
///
/// # Errors
/// [`Conflict`] if something moved since it was planned; anything else is PostgreSQL's.
pub(super) async fn lock(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    lock_company(tx, frame.tenant, Share::WithOthers).await?;
    lock_people(tx, frame, everyone(frame, plan)).await?;
    lock_cases(tx, frame, plan).await?;
    lock_documents(tx, frame, plan).await
}

/// Whether other transactions of the company may commit at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// They may.
    WithOthers,
    /// They may not: a rebuild, or a commit that failed twice by conflicts.
    Alone,
}

/// Locks the company. Taken before any other lock, so that a rebuild and a commit cannot deadlock.
pub(crate) async fn lock_company(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    share: Share,
) -> sqlx::Result<()> {
    let lock = match share {
        Share::WithOthers => "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 1))",
        Share::Alone => "SELECT pg_advisory_xact_lock(hashtextextended($1, 1))",
    };
    sqlx::query(lock).bind(tenant.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Everybody, if the plan changes a restriction or who is involved in a restricted case, because
/// then anybody may come to see the case or lose sight of it; `None` otherwise.
fn everyone<'a>(frame: &Frame<'a>, plan: &Plan) -> Option<&'a BTreeMap<UserId, Pessoa>> {
    let moves = !plan.restrictions.is_empty()
        || plan.involved.keys().any(|(raiz, _)| frame.restrictions.contains_key(raiz));
    moves.then_some(frame.everyone)
}

/// Locks the people and checks that their permissions and groups are those of the plan.
async fn lock_people(
    tx: &mut PgTransaction<'_>,
    frame: &Frame<'_>,
    everyone: Option<&BTreeMap<UserId, Pessoa>>,
) -> Result<()> {
    let people: BTreeMap<UserId, &Pessoa> = everyone
        .into_iter()
        .chain([frame.people])
        .flat_map(|people| people.iter().map(|(id, pessoa)| (*id, pessoa)))
        .collect();
    let ids: Vec<Uuid> = people.keys().map(|id| id.uuid()).collect();
    let lock = format!("{} WHERE tenant = $1 AND id = ANY($2) ORDER BY id FOR SHARE", load::PESSOA);
    let rows = sqlx::query(AssertSqlSafe(lock))
        .bind(frame.tenant.uuid())
        .bind(ids)
        .fetch_all(&mut **tx)
        .await?;
    let mut same = rows.len() == people.len();
    for row in &rows {
        let now = load::read_pessoa(row)?;
        same &= people.get(&now.id) == Some(&&now);
    }
    if same { Ok(()) } else { Err(Conflict.into()) }
}

/// Checks that nobody was added since the plan was made, as a new person may see a case that the
/// plan restricts. Must be called once the clock's row is locked: every change of a person locks it
/// too, and so comes before this commit or after it.
pub(super) async fn nobody_new(
    tx: &mut PgTransaction<'_>,
    frame: &Frame<'_>,
    plan: &Plan,
) -> Result<()> {
    let Some(everyone) = everyone(frame, plan) else { return Ok(()) };
    let active: i64 =
        sqlx::query_scalar("SELECT count(*) FROM usuario WHERE tenant = $1 AND ativo")
            .bind(frame.tenant.uuid())
            .fetch_one(&mut **tx)
            .await?;
    if active == everyone.len() as i64 { Ok(()) } else { Err(Conflict.into()) }
}

async fn lock_cases(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    let mut raizes: BTreeSet<DocumentId> = plan.involved.keys().map(|(raiz, _)| *raiz).collect();
    raizes.extend(plan.documents.values().map(|document| document.merged.registro.raiz()));
    if raizes.is_empty() {
        return Ok(());
    }
    // Advisory locks, because the root of a case may not have arrived yet and so have no row.
    let raizes: Vec<Uuid> = raizes.into_iter().map(Uuid::from).collect();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended(raiz::text, 0)) \
         FROM (SELECT raiz FROM unnest($1::uuid[]) raiz ORDER BY raiz) r",
    )
    .bind(&raizes)
    .execute(&mut **tx)
    .await?;
    let cases = load::cases(tx, frame.tenant, &raizes).await?;
    let restrictions = load::restrictions(tx, frame.tenant, &raizes).await?;
    let same = raizes.iter().all(|raiz| {
        let raiz = DocumentId::from(*raiz);
        cases.get(&raiz) == frame.cases.get(&raiz)
            && restrictions.get(&raiz) == frame.restrictions.get(&raiz)
    });
    if same { Ok(()) } else { Err(Conflict.into()) }
}

/// Heads as the column `document.heads` holds them.
pub(super) fn heads_bytes(heads: &[automerge::ChangeHash]) -> Vec<u8> {
    heads.iter().flat_map(|hash| hash.0).collect()
}

async fn lock_documents(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    let (old, new): (Vec<_>, Vec<_>) =
        plan.documents.values().partition(|d| d.heads_before.is_some());
    let ids: Vec<Uuid> = old.iter().map(|d| d.id().uuid()).collect();
    let rows = sqlx::query(
        "SELECT id, heads FROM document WHERE tenant = $1 AND id = ANY($2) AND NOT erased \
         ORDER BY id FOR UPDATE",
    )
    .bind(frame.tenant.uuid())
    .bind(&ids)
    .fetch_all(&mut **tx)
    .await?;
    let mut heads = BTreeMap::new();
    for row in rows {
        heads.insert(row.try_get::<Uuid, _>("id")?, row.try_get::<Vec<u8>, _>("heads")?);
    }
    for document in old {
        let before = document.heads_before.as_deref().map(heads_bytes);
        if heads.get(&document.id().uuid()) != before.as_ref() {
            return Err(Conflict.into());
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let registros = || new.iter().map(|d| &d.merged.registro);
    let inserted = sqlx::query(
        "INSERT INTO document (tenant, id, kind, raiz, generation, heads) \
         SELECT $1, n.id, n.kind, n.raiz, n.generation, ''::bytea \
         FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::int[]) n (id, kind, raiz, generation) \
         ON CONFLICT DO NOTHING",
    )
    .bind(frame.tenant.uuid())
    .bind(registros().map(|r| r.id.uuid()).collect::<Vec<_>>())
    .bind(registros().map(|r| r.kind.codigo()).collect::<Vec<_>>())
    .bind(registros().map(|r| r.raiz().uuid()).collect::<Vec<_>>())
    .bind(new.iter().map(|d| d.generation.cast_signed()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == new.len() as u64 { Ok(()) } else { Err(Conflict.into()) }
}
