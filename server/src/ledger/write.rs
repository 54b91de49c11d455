//! Writing a plan, all or nothing, in this order: locks (cases, then documents, each in id order),
//! rows that need no position, and last the clock row, whose lock makes commit order equal sequence
//! order; then the rows that carry positions.

use super::{INCREMENTS_MAX, load, notify};
use crate::{outbox, projection};
use anyhow::Result;
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    registro::Restricao,
};
use campo_sync::{
    document,
    exchange::{ChangeWrite, DocumentWrite, LogWrite, Plan},
};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgTransaction, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Another process was faster: plan again on what it left.
#[derive(Debug, thiserror::Error)]
#[error("what the plan started from has changed")]
pub struct Conflict;

/// When the plan was made, and what of it the plan cannot carry.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The company.
    pub tenant: TenantId,
    /// The server's clock.
    pub now: DateTime<Utc>,
    /// The year of the numbers.
    pub ano: i32,
    /// Who was involved when the plan was made.
    pub cases: &'a BTreeMap<DocumentId, BTreeMap<DocumentId, BTreeSet<UserId>>>,
    /// Who alone might see a case then.
    pub restricoes: &'a BTreeMap<DocumentId, Restricao>,
    /// Everybody who was active then, where the plan reckoned with everybody.
    pub everyone: &'a BTreeMap<UserId, Pessoa>,
    /// The people whose doing it judged, or whose work it becomes, with what they were allowed
    /// then.
    pub people: &'a BTreeMap<UserId, Pessoa>,
}

/// Writes a plan; returns the position before its first entry.
///
/// # Errors
/// [`Conflict`] if something moved since it was planned; anything else is PostgreSQL's.
pub async fn commit(tx: &mut PgTransaction<'_>, frame: Frame<'_>, plan: &Plan) -> Result<u64> {
    lock_company(tx, frame.tenant, Share::WithOthers).await?;
    let everyone = everyone(&frame, plan);
    lock_people(tx, &frame, everyone).await?;
    lock_cases(tx, &frame, plan).await?;
    lock_documents(tx, &frame, plan).await?;
    number(tx, &frame, plan).await?;
    hold(tx, &frame, plan).await?;
    involve(tx, &frame, plan).await?;
    restrict(tx, &frame, plan).await?;
    let documents = plan.documents.values();
    let registros: Vec<_> =
        documents.map(|d| (&d.merged.registro, &*d.merged.tipo, frame.now)).collect();
    projection::write(tx, frame.tenant, &registros).await?;
    outbox::enqueue(tx, frame.tenant, frame.now, plan).await?;
    let base = advance(tx, frame.tenant, plan.log.len()).await?;
    nobody_new(tx, &frame, everyone).await?;
    log(tx, &frame, plan, base).await?;
    save(tx, &frame, plan, base).await?;
    notify(tx, frame.tenant).await?;
    Ok(base)
}

/// Takes `n` positions; returns the one before the first. From here to the commit the company's log
/// is ours, so nothing slow may follow.
pub(super) async fn advance(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    n: usize,
) -> sqlx::Result<u64> {
    let last: i64 = sqlx::query_scalar(
        "UPDATE tenant_clock SET seq = seq + $2 WHERE tenant = $1 RETURNING seq",
    )
    .bind(tenant.uuid())
    .bind(n as i64)
    .fetch_one(&mut **tx)
    .await?;
    Ok(last as u64 - n as u64)
}

/// Whether others may commit meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Commits, beside each other.
    WithOthers,
    /// A rebuild, alone.
    Alone,
}

/// Taken before anything else, so that a rebuild and the commits cannot lock each other out.
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

/// The people whose sight the plan may change beyond those who are involved: all of them, where a
/// restricted case gets another restriction or other people, and nobody elsewhere.
fn everyone<'a>(frame: &Frame<'a>, plan: &Plan) -> Option<&'a BTreeMap<UserId, Pessoa>> {
    let moves = !plan.restrictions.is_empty()
        || plan.involved.keys().any(|(raiz, _)| frame.restricoes.contains_key(raiz));
    moves.then_some(frame.everyone)
}

/// Neither permissions nor groups may move between the judgement and the commit.
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

/// Who joined since the plan was made may hold what it has just restricted. Asked once the clock is
/// ours: whoever changes people takes it too, and comes before this commit or after it.
async fn nobody_new(
    tx: &mut PgTransaction<'_>,
    frame: &Frame<'_>,
    everyone: Option<&BTreeMap<UserId, Pessoa>>,
) -> Result<()> {
    let Some(everyone) = everyone else { return Ok(()) };
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
    // A case may begin with a child: there is then no row to lock.
    let raizes: Vec<Uuid> = raizes.into_iter().map(Uuid::from).collect();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended(raiz::text, 0)) \
         FROM (SELECT raiz FROM unnest($1::uuid[]) raiz ORDER BY raiz) r",
    )
    .bind(&raizes)
    .execute(&mut **tx)
    .await?;
    let cases = load::cases(tx, frame.tenant, &raizes).await?;
    let restricoes = load::restricoes(tx, frame.tenant, &raizes).await?;
    let same = raizes.iter().all(|raiz| {
        let raiz = DocumentId::from(*raiz);
        cases.get(&raiz) == frame.cases.get(&raiz)
            && restricoes.get(&raiz) == frame.restricoes.get(&raiz)
    });
    if same { Ok(()) } else { Err(Conflict.into()) }
}

fn heads_bytes(heads: &[automerge::ChangeHash]) -> Vec<u8> {
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

async fn number(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    if let Some((before, after)) = plan.last_number {
        let done = sqlx::query(
            "INSERT INTO numeracao AS n (tenant, ano, ultimo) VALUES ($1, $2, $4) \
             ON CONFLICT (tenant, ano) DO UPDATE SET ultimo = $4 WHERE n.ultimo = $3",
        )
        .bind(frame.tenant.uuid())
        .bind(frame.ano)
        .bind(before as i64)
        .bind(after as i64)
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(Conflict.into());
        }
    }
    Ok(())
}

async fn hold(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    for write in &plan.held {
        sqlx::query(
            "INSERT INTO held (tenant, id, document, generation, kind, raiz, author, device, \
                 reason, message, received_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (tenant, id) DO UPDATE SET status = 'aguardando', received_at = $11, \
                 decided_by = NULL, decided_at = NULL, decision_note = NULL",
        )
        .bind(frame.tenant.uuid())
        .bind(write.held.uuid())
        .bind(write.push.document.uuid())
        .bind(write.push.generation.cast_signed())
        .bind(write.kind.codigo())
        .bind(write.case.uuid())
        .bind(write.author.uuid())
        .bind(write.device.uuid())
        .bind(&write.reason.code)
        .bind(&write.reason.message)
        .bind(frame.now)
        .execute(&mut **tx)
        .await?;
        let done = sqlx::query(
            "INSERT INTO held_change (tenant, held, ordem, document, hash, bytes, seen) \
             SELECT $1, $2, coalesce(max(ordem), 0) + 1, $3, $4, $5, $6 \
             FROM held_change WHERE tenant = $1 AND held = $2 \
             ON CONFLICT (tenant, document, hash) DO NOTHING",
        )
        .bind(frame.tenant.uuid())
        .bind(write.held.uuid())
        .bind(write.push.document.uuid())
        .bind(write.hash.bytes().as_slice())
        .bind(&write.push.change)
        .bind(i64::try_from(write.push.seen).unwrap_or(i64::MAX))
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(Conflict.into());
        }
    }
    Ok(())
}

async fn involve(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    if plan.involved.is_empty() {
        return Ok(());
    }
    let documents: Vec<Uuid> = plan.involved.keys().map(|(_, document)| document.uuid()).collect();
    let raizes: Vec<Uuid> = plan.involved.keys().map(|(raiz, _)| raiz.uuid()).collect();
    sqlx::query(
        "DELETE FROM envolvido e USING unnest($2::uuid[], $3::uuid[]) n (raiz, document) \
         WHERE e.tenant = $1 AND e.raiz = n.raiz AND e.document = n.document",
    )
    .bind(frame.tenant.uuid())
    .bind(&raizes)
    .bind(&documents)
    .execute(&mut **tx)
    .await?;
    let rows = || {
        plan.involved
            .iter()
            .flat_map(|((raiz, document), users)| users.iter().map(|u| (*raiz, *document, *u)))
    };
    sqlx::query(
        "INSERT INTO envolvido (tenant, raiz, document, usuario) \
         SELECT $1, n.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) n",
    )
    .bind(frame.tenant.uuid())
    .bind(rows().map(|row| row.0.uuid()).collect::<Vec<_>>())
    .bind(rows().map(|row| row.1.uuid()).collect::<Vec<_>>())
    .bind(rows().map(|row| row.2.uuid()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn restrict(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    for (raiz, restricao) in &plan.restrictions {
        let Some(restricao) = restricao else {
            sqlx::query("DELETE FROM restricao WHERE tenant = $1 AND raiz = $2")
                .bind(frame.tenant.uuid())
                .bind(raiz.uuid())
                .execute(&mut **tx)
                .await?;
            continue;
        };
        sqlx::query(
            "INSERT INTO restricao (tenant, raiz, usuarios, grupos, por, quando) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, raiz) DO UPDATE \
             SET usuarios = $3, grupos = $4, por = $5, quando = $6",
        )
        .bind(frame.tenant.uuid())
        .bind(raiz.uuid())
        .bind(restricao.usuarios.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .bind(restricao.grupos.iter().cloned().collect::<Vec<_>>())
        .bind(restricao.por.uuid())
        .bind(restricao.quando)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// One row of the log, ready to insert.
#[derive(Default)]
struct LogRow<'a> {
    kind: &'static str,
    document: Option<Uuid>,
    generation: Option<i32>,
    hash: Option<Vec<u8>>,
    bytes: Option<&'a [u8]>,
    author: Option<Uuid>,
    device: Option<Uuid>,
    addressee: Option<Uuid>,
    key: Option<String>,
}

impl<'a> LogRow<'a> {
    fn of(write: &'a LogWrite) -> Self {
        match write {
            LogWrite::Change(change) => LogRow {
                kind: "change",
                document: Some(change.document().uuid()),
                generation: Some(change.generation().cast_signed()),
                hash: Some(change.hash().bytes().to_vec()),
                bytes: Some(change.bytes()),
                author: Some(change.actor().user.uuid()),
                device: Some(change.actor().device.uuid()),
                ..LogRow::default()
            },
            LogWrite::Granted { user, case } => LogRow {
                kind: "granted",
                document: Some(case.uuid()),
                addressee: Some(user.uuid()),
                ..LogRow::default()
            },
            LogWrite::Revoked { user, case } => LogRow {
                kind: "revoked",
                document: Some(case.uuid()),
                addressee: Some(user.uuid()),
                ..LogRow::default()
            },
            LogWrite::HeldDecided { user, held } => LogRow {
                kind: "held",
                addressee: Some(user.uuid()),
                key: Some(held.to_string()),
                ..LogRow::default()
            },
        }
    }
}

async fn log(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan, base: u64) -> Result<()> {
    let rows: Vec<LogRow<'_>> = plan.log.iter().map(LogRow::of).collect();
    sqlx::query(
        "INSERT INTO change_log (tenant, seq, kind, document, generation, hash, bytes, author, \
             device, addressee, key, received_at) \
         SELECT $1, $2 + n.ordem, n.kind, n.document, n.generation, n.hash, n.bytes, n.author, \
             n.device, n.addressee, n.key, $3 \
         FROM unnest($4::text[], $5::uuid[], $6::int[], $7::bytea[], $8::bytea[], $9::uuid[], \
             $10::uuid[], $11::uuid[], $12::text[]) WITH ORDINALITY \
             n (kind, document, generation, hash, bytes, author, device, addressee, key, ordem)",
    )
    .bind(frame.tenant.uuid())
    .bind(base as i64)
    .bind(frame.now)
    .bind(rows.iter().map(|row| row.kind).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.document).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.generation).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.hash.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.bytes).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.author).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.device).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.addressee).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    let changes = positions(plan, base).filter_map(|(seq, write)| match write {
        LogWrite::Change(change) => Some((seq, &**change)),
        _ => None,
    });
    let eventos = changes.flat_map(|(seq, change): (u64, &ChangeWrite)| {
        let raiz = plan.documents[&change.document()].merged.registro.raiz();
        change.eventos().iter().map(move |evento| (seq, raiz, evento, frame.now))
    });
    let eventos: Vec<_> = eventos.collect();
    projection::follow(tx, frame.tenant, &eventos).await?;
    scope(tx, frame, plan, base).await
}

fn positions(plan: &Plan, base: u64) -> impl Iterator<Item = (u64, &LogWrite)> {
    plan.log.iter().enumerate().map(move |(place, write)| (base + place as u64 + 1, write))
}

/// Since when each person's devices hold what came into sight. What left it stays noted: it shows
/// nothing, and comes back with a later position.
async fn scope(
    tx: &mut PgTransaction<'_>,
    frame: &Frame<'_>,
    plan: &Plan,
    base: u64,
) -> Result<()> {
    let granted = positions(plan, base).filter_map(|(seq, write)| match write {
        LogWrite::Granted { user, case } => Some(((user.uuid(), case.uuid()), seq as i64)),
        _ => None,
    });
    let last: BTreeMap<(Uuid, Uuid), i64> = granted.collect();
    if last.is_empty() {
        return Ok(());
    }
    let (users, raizes): (Vec<Uuid>, Vec<Uuid>) = last.keys().copied().unzip();
    sqlx::query(
        "INSERT INTO escopo (tenant, usuario, raiz, since_seq) \
         SELECT $1, n.* FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) n \
         ON CONFLICT (tenant, usuario, raiz) DO UPDATE SET since_seq = excluded.since_seq",
    )
    .bind(frame.tenant.uuid())
    .bind(users)
    .bind(raizes)
    .bind(last.into_values().collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// New heads for every document; a whole snapshot only where the increments have grown long.
async fn save(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan, base: u64) -> Result<()> {
    if plan.documents.is_empty() {
        return Ok(());
    }
    let mut first: BTreeMap<DocumentId, u64> = BTreeMap::new();
    for (seq, write) in positions(plan, base) {
        if let LogWrite::Change(change) = write {
            first.entry(change.document()).or_insert(seq);
        }
    }
    let documents: Vec<&DocumentWrite> = plan.documents.values().collect();
    let long: Vec<Option<Uuid>> = sqlx::query_scalar(
        "UPDATE document d SET heads = n.heads, increments = d.increments + n.added, \
             first_seq = CASE WHEN d.first_seq = 0 THEN n.first ELSE d.first_seq END \
         FROM unnest($2::uuid[], $3::bytea[], $4::int[], $5::bigint[]) n (id, heads, added, first) \
         WHERE d.tenant = $1 AND d.id = n.id \
         RETURNING CASE WHEN d.increments > $6 THEN d.id END",
    )
    .bind(frame.tenant.uuid())
    .bind(documents.iter().map(|d| d.id().uuid()).collect::<Vec<_>>())
    .bind(
        documents
            .iter()
            .map(|d| heads_bytes(&document::heads(&d.merged.document)))
            .collect::<Vec<_>>(),
    )
    .bind(documents.iter().map(|d| d.added.cast_signed()).collect::<Vec<_>>())
    .bind(documents.iter().map(|d| first.get(&d.id()).map(|s| *s as i64)).collect::<Vec<_>>())
    .bind(INCREMENTS_MAX)
    .fetch_all(&mut **tx)
    .await?;
    let long: Vec<Uuid> = long.into_iter().flatten().collect();
    if long.is_empty() {
        return Ok(());
    }
    let snapshots: Vec<Vec<u8>> = long
        .iter()
        .filter_map(|id| plan.documents.get(&DocumentId::from(*id)))
        .map(|d| document::save(&d.merged.document))
        .collect();
    sqlx::query(
        "UPDATE document d SET snapshot = n.bytes, snapshot_seq = $4, increments = 0 \
         FROM unnest($2::uuid[], $3::bytea[]) n (id, bytes) WHERE d.tenant = $1 AND d.id = n.id",
    )
    .bind(frame.tenant.uuid())
    .bind(long)
    .bind(snapshots)
    .bind((base + plan.log.len() as u64) as i64)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Reference data to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its collection.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// For whom; everyone when `None`.
    pub addressee: Option<UserId>,
    /// JSON.
    pub data: serde_json::Value,
}

/// Publishes reference data: its present state, and an entry in the log. Returns the last position.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn publish(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    publications: &[Publication],
) -> Result<u64> {
    let base = advance(tx, tenant, publications.len()).await?;
    let collections: Vec<&str> = publications.iter().map(|p| p.collection.as_str()).collect();
    let keys: Vec<&str> = publications.iter().map(|p| p.key.as_str()).collect();
    let addressees: Vec<Option<Uuid>> =
        publications.iter().map(|p| p.addressee.map(Uuid::from)).collect();
    let data: Vec<&serde_json::Value> = publications.iter().map(|p| &p.data).collect();
    sqlx::query(
        "WITH n AS (SELECT * FROM unnest($3::text[], $4::text[], $5::uuid[], $6::jsonb[]) \
             WITH ORDINALITY n (collection, key, addressee, data, ordem)), \
         entry AS (INSERT INTO change_log (tenant, seq, kind, collection, key, addressee, \
                 received_at) \
             SELECT $1, $2 + n.ordem, 'reference', n.collection, n.key, n.addressee, now() FROM n) \
         INSERT INTO referencia (tenant, collection, key, addressee, data, seq) \
         SELECT $1, n.collection, n.key, n.addressee, n.data, $2 + n.ordem FROM n \
         ON CONFLICT (tenant, collection, key) DO UPDATE SET addressee = excluded.addressee, \
             data = excluded.data, seq = excluded.seq, active = true",
    )
    .bind(tenant.uuid())
    .bind(base as i64)
    .bind(collections)
    .bind(keys)
    .bind(addressees)
    .bind(data)
    .execute(&mut **tx)
    .await?;
    notify(tx, tenant).await?;
    Ok(base + publications.len() as u64)
}

/// The kinds, as the projection's tables know them.
pub(crate) const fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistencia => "assistencias",
        Kind::Ocorrencia => "ocorrencias",
        Kind::Agenda => "agendas",
        Kind::Cliente => "clientes",
    }
}
