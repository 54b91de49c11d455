//! Writes a plan in three steps, between which `crate::commit` writes projection and outbox:
//! [`prepare`] takes the locks and writes rows that need no position; [`append`] locks the clock's
//! row, so that positions have the order of commits, and writes the log; [`finish`] writes rows
//! that hold positions.

use super::{
    clock::{advance, notify},
    locks::{Conflict, Frame, heads_bytes, lock, nobody_new},
};
use anyhow::Result;
use campo_domain::ids::DocumentId;
use campo_sync::{
    document,
    exchange::{ChangeWrite, DocumentWrite, LogWrite, Plan},
    history::Evento,
};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most changes after a document's last snapshot before a new one is written.
const INCREMENTS_MAX: i32 = 16;

/// Takes the locks of a plan and writes the rows that need no position.
///
/// # Errors
/// [`Conflict`] if something moved since it was planned; anything else is PostgreSQL's.
pub async fn prepare(tx: &mut PgTransaction<'_>, frame: Frame<'_>, plan: &Plan) -> Result<()> {
    lock(tx, &frame, plan).await?;
    number(tx, &frame, plan).await?;
    hold(tx, &frame, plan).await?;
    involve(tx, &frame, plan).await?;
    restrict(tx, &frame, plan).await
}

/// Appends the plan to the log; returns the position before its first entry. After [`prepare`].
///
/// # Errors
/// As [`prepare`].
pub async fn append(tx: &mut PgTransaction<'_>, frame: Frame<'_>, plan: &Plan) -> Result<u64> {
    let base = advance(tx, frame.tenant, plan.log.len()).await?;
    nobody_new(tx, &frame, plan).await?;
    log(tx, &frame, plan, base).await?;
    Ok(base)
}

/// Writes since which position each person holds each case, and the new heads and snapshots, and
/// notifies every process. After [`append`], with the position that it returned.
///
/// # Errors
/// PostgreSQL's.
pub async fn finish(
    tx: &mut PgTransaction<'_>,
    frame: Frame<'_>,
    plan: &Plan,
    base: u64,
) -> Result<()> {
    scope(tx, &frame, plan, base).await?;
    save(tx, &frame, plan, base).await?;
    notify(tx, frame.tenant).await?;
    Ok(())
}

async fn number(tx: &mut PgTransaction<'_>, frame: &Frame<'_>, plan: &Plan) -> Result<()> {
    if let Some((before, after)) = plan.last_number {
        let done = sqlx::query(
            "INSERT INTO numeracao AS n (tenant, ano, ultimo) VALUES ($1, $2, $4) \
             ON CONFLICT (tenant, ano) DO UPDATE SET ultimo = $4 WHERE n.ultimo = $3",
        )
        .bind(frame.tenant.uuid())
        .bind(frame.year)
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
    Ok(())
}

/// The events that a plan adds to the acompanhamento, each with its position, the root of its case
/// and the time of the commit.
pub fn eventos<'a>(
    frame: Frame<'_>,
    plan: &'a Plan,
    base: u64,
) -> Vec<(u64, DocumentId, &'a Evento, DateTime<Utc>)> {
    let changes = positions(plan, base).filter_map(|(seq, write)| match write {
        LogWrite::Change(change) => Some((seq, &**change)),
        _ => None,
    });
    let eventos = changes.flat_map(|(seq, change): (u64, &ChangeWrite)| {
        let raiz = plan.documents[&change.document()].merged.registro.raiz();
        change.eventos().iter().map(move |evento| (seq, raiz, evento, frame.now))
    });
    eventos.collect()
}

fn positions(plan: &Plan, base: u64) -> impl Iterator<Item = (u64, &LogWrite)> {
    plan.log.iter().enumerate().map(move |(place, write)| (base + place as u64 + 1, write))
}

/// Writes since which position each person's devices get the cases that were granted. A revoked
/// case keeps its row, which has no effect until the case is granted again with a later position.
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

/// Writes the new heads of every document, and a new snapshot of those with more than
/// [`INCREMENTS_MAX`] changes after the last one.
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
