//! What a device lacks, a page at a time, as of one moment: the caller's transaction is a snapshot,
//! and a commit in between is simply part of the next page.

use super::load::{self, chunks, pessoa};
use crate::visibility::visible;
use anyhow::{Context, Result};
use campo_domain::{
    ids::{DocumentId, HeldId, TenantId, UserId},
    pessoa::{Permissao, Pessoa},
};
use campo_sync::wire::{Bootstrap, Cursor, Entry, Hash, Limits};
use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use sqlx::{PgTransaction, Row, postgres::PgRow};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Rows that one query looks at.
const ROWS_MAX: i64 = 250;
/// What an entry counts besides its bytes.
const ENTRY_BYTES: usize = 64;
/// Reference data that one query looks at.
const REFERENCES_MAX: i64 = 1_000;
/// Positions that one query looks at: most of them may be of cases that the person does not see.
const WINDOW: u64 = 20_000;
/// Windows that one page looks at.
const WINDOWS_MAX: usize = 10;
/// Documents that one query looks at.
const DOCUMENTS_MAX: i64 = 200;

/// The cases of today's agenda, by id.
const TODAY: u8 = 0;
/// Every document in sight, the highest id first.
const EVERYTHING: u8 = 1;
/// What the rest is read with: the person, the people, the tipos. `after` is a position.
const BASICS: u8 = 2;
/// The catalogues, likewise.
const CATALOGUES: u8 = 3;
/// Not of a first sync: the documents of the case whose entry follows `seq` in the log, by id.
const GRANTED: u8 = 4;

/// Where a device begins that has nothing.
const START: Bootstrap = Bootstrap { rank: BASICS, after: DocumentId::NIL };
/// Where it begins with the documents: its reference data are those of the log.
const DOCUMENTS: Bootstrap = Bootstrap { rank: TODAY, after: DocumentId::NIL };

/// About how many bytes a document `d` is.
macro_rules! size {
    () => {
        "coalesce(length(d.snapshot), 0) + (SELECT coalesce(sum(length(c.bytes)), 0) \
             FROM change_log c WHERE c.tenant = d.tenant AND c.document = d.id \
             AND c.kind = 'change' AND c.seq > d.snapshot_seq)"
    };
}

/// A page of entries.
#[derive(Debug)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Where the device stands after it.
    pub cursor: Cursor,
    /// Whether another page waits.
    pub more: bool,
    /// The present epoch.
    pub epoch: u64,
}

/// Who asks, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// The company.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// Where the device stands.
    pub cursor: &'a Cursor,
    /// The epoch that the cursor belongs to.
    pub epoch: u64,
    /// What the device takes.
    pub limits: &'a Limits,
    /// Changes of this very request: the verdicts speak of them.
    pub pushed: &'a BTreeSet<Hash>,
    /// The documents whose changes were merged, now or before.
    pub documents: &'a BTreeSet<DocumentId>,
    /// The branches that its verdicts name.
    pub held: &'a [HeldId],
    /// The server's clock, for today's agenda.
    pub now: DateTime<Utc>,
}

/// Reads one page.
///
/// # Errors
/// PostgreSQL refuses, or something stored cannot be read.
pub async fn page(tx: &mut PgTransaction<'_>, pull: Pull<'_>) -> Result<Page> {
    let (head, epoch): (i64, i64) =
        sqlx::query_as("SELECT seq, epoch FROM tenant_clock WHERE tenant = $1")
            .bind(pull.tenant.uuid())
            .fetch_one(&mut **tx)
            .await?;
    let (head, epoch) = (head as u64, epoch as u64);
    let pessoa = pessoa(tx, pull.tenant, pull.user).await?;
    let bytes_max = pull.limits.page_bytes_max.min(Limits::DEFAULT.page_bytes_max) as usize;
    let mut reader =
        Reader { tx, pull, pessoa, head, reset: None, bytes_max, bytes: 0, entries: Vec::new() };
    // A position beyond the end is of a log that is no longer there.
    let foreign = pull.epoch != epoch || pull.cursor.seq > head;
    let (cursor, more) = match pull.cursor.bootstrap {
        _ if foreign || pull.cursor.seq == 0 => reader.bootstrap(head, START).await?,
        Some(at) if at.rank == GRANTED => reader.log(Some(at.after.uuid())).await?,
        Some(at) => reader.bootstrap(pull.cursor.seq, at).await?,
        None => reader.log(None).await?,
    };
    reader.unseen().await?;
    reader.decided().await?;
    Ok(Page { entries: reader.entries, cursor, more, epoch })
}

/// What follows an entry of the log.
enum Next {
    /// The entry after it.
    On,
    /// The whole scope changed: start over, so that nothing is overlooked.
    Reset,
    /// The rest of its case, behind this document: the page is full.
    Rest(Uuid),
}

/// How many of some documents a page took.
enum Taken {
    /// There were none.
    Nothing,
    /// All of them, and there is room for more; this is the last.
    All(Uuid),
    /// As many as it takes, up to this one.
    Full(Uuid),
}

impl Taken {
    fn last(self) -> Option<Uuid> {
        match self {
            Taken::Nothing => None,
            Taken::All(last) | Taken::Full(last) => Some(last),
        }
    }
}

struct Reader<'t, 'c, 'a> {
    tx: &'t mut PgTransaction<'c>,
    pull: Pull<'a>,
    pessoa: Pessoa,
    head: u64,
    /// Where the person's whole scope changes next, in this page or later.
    reset: Option<u64>,
    bytes_max: usize,
    bytes: usize,
    entries: Vec<Entry>,
}

impl Reader<'_, '_, '_> {
    fn full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    fn push(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes + ENTRY_BYTES;
        self.entries.push(entry);
    }

    fn sees_all(&self) -> bool {
        self.pessoa.pode(Permissao::Ver) && self.pessoa.pode(Permissao::VerTodas)
    }

    /// The log from the cursor on; of a case that its first entry brings, what comes behind `rest`.
    async fn log(&mut self, mut rest: Option<Uuid>) -> Result<(Cursor, bool)> {
        let mut seq = self.pull.cursor.seq;
        let reset: Option<i64> = sqlx::query_scalar(
            "SELECT max(seq) FROM change_log WHERE tenant = $1 AND addressee = $2 \
             AND seq > $3 AND seq <= $4 AND kind = 'granted' AND document IS NULL",
        )
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(seq as i64)
        .bind(self.head as i64)
        .fetch_one(&mut **self.tx)
        .await?;
        self.reset = reset.map(|reset| reset as u64);
        for _ in 0..WINDOWS_MAX {
            if seq >= self.head {
                break;
            }
            let until = self.head.min(seq + WINDOW);
            let rows = self.rows(seq, until).await?;
            let exhausted = rows.len() < ROWS_MAX as usize;
            for row in rows {
                if self.full() {
                    return Ok((Cursor { seq, bootstrap: None }, true));
                }
                seq = row.try_get::<i64, _>("seq")? as u64;
                let rest = rest.take().filter(|_| seq == self.pull.cursor.seq + 1);
                match self.entry(&row, seq, rest).await? {
                    Next::On => {}
                    // The log goes on behind this entry: decisions and revocations are only there.
                    Next::Reset => {
                        return Ok((Cursor { seq, bootstrap: Some(DOCUMENTS) }, true));
                    }
                    Next::Rest(after) => {
                        let at = Bootstrap { rank: GRANTED, after: after.into() };
                        return Ok((Cursor { seq: seq - 1, bootstrap: Some(at) }, true));
                    }
                }
            }
            if exhausted {
                seq = until;
            }
        }
        Ok((Cursor { seq, bootstrap: None }, seq < self.head))
    }

    /// Rows of the log that may concern the person, in order. Of a case that came into sight, what
    /// is older than that comes as snapshots; of one that left it, `lost` names what is lost.
    async fn rows(&mut self, after: u64, until: u64) -> sqlx::Result<Vec<PgRow>> {
        sqlx::query(concat!(
            "SELECT l.seq, l.kind, l.document, l.generation, l.hash, l.bytes, l.collection, l.key, \
                 r.active, r.data, r.seq AS current_seq, h.status, h.decision_note, \
                 CASE WHEN c.raiz IS NOT NULL THEN $6 AND ",
            visible!("c", "$2", "$5"),
            " END AS sees, \
                 CASE WHEN l.kind = 'revoked' THEN ARRAY(SELECT x.id FROM document x \
                     WHERE x.tenant = c.tenant AND x.raiz = c.raiz \
                         AND (x.kind <> 'cliente' OR NOT $6) ORDER BY x.id) END AS lost \
             FROM change_log l \
             LEFT JOIN LATERAL (SELECT l.tenant, l.document AS raiz) c \
                 ON l.kind IN ('granted', 'revoked') \
             LEFT JOIN document d ON l.kind = 'change' AND d.tenant = l.tenant \
                 AND d.id = l.document \
             LEFT JOIN escopo e ON e.tenant = l.tenant AND e.usuario = $2 AND e.raiz = d.raiz \
             LEFT JOIN referencia r ON l.kind = 'reference' AND r.tenant = l.tenant \
                 AND r.collection = l.collection AND r.key = l.key \
             LEFT JOIN held h ON h.tenant = l.tenant \
                 AND h.id = CASE WHEN l.kind = 'held' THEN l.key::uuid END \
             WHERE l.tenant = $1 AND l.seq > $3 AND l.seq <= $4 AND CASE l.kind \
                 WHEN 'change' THEN $6 AND NOT d.erased AND (d.kind = 'cliente' \
                     OR (coalesce(e.since_seq, 0) < l.seq AND ",
            visible!("d", "$2", "$5"),
            ")) WHEN 'reference' THEN l.addressee IS NULL OR l.addressee = $2 \
                 ELSE l.addressee = $2 END \
             ORDER BY l.seq LIMIT $7",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(after as i64)
        .bind(until as i64)
        .bind(self.sees_all())
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(ROWS_MAX)
        .fetch_all(&mut **self.tx)
        .await
    }

    /// Turns a row into entries.
    async fn entry(&mut self, row: &PgRow, seq: u64, rest: Option<Uuid>) -> Result<Next> {
        let kind: &str = row.try_get("kind")?;
        let document: Option<Uuid> = row.try_get("document")?;
        match (kind, document) {
            ("change", Some(document)) => {
                let hash = load::hash(row.try_get("hash")?)?;
                // What a whole new start brings anyway would arrive here before what it builds on.
                let brought = self.reset.is_some_and(|reset| seq < reset);
                if !brought && !self.pull.pushed.contains(&hash) {
                    let bytes: Vec<u8> = row.try_get("bytes")?;
                    let generation = row.try_get::<i32, _>("generation")?.unsigned_abs();
                    let size = bytes.len();
                    let document = document.into();
                    self.push(Entry::Change { seq, document, generation, bytes }, size);
                }
            }
            ("reference", _) => self.reference(row, seq)?,
            // Only the last such change matters: a new start brings what every one would.
            ("granted", None) if self.reset == Some(seq) => return Ok(Next::Reset),
            ("granted", Some(raiz)) if row.try_get("sees")? => {
                let full = self.granted(raiz, seq, rest.unwrap_or(Uuid::nil())).await?;
                return Ok(full.map_or(Next::On, Next::Rest));
            }
            // The case left sight, and did not come back since.
            ("revoked", Some(_)) if !row.try_get::<bool, _>("sees")? => {
                let lost: Vec<Uuid> = row.try_get("lost")?;
                for id in lost {
                    self.push(Entry::Revoked { seq, document: id.into() }, 0);
                }
            }
            ("held", _) => {
                let held: Uuid = row.try_get::<String, _>("key")?.parse()?;
                let status: Option<&str> = row.try_get("status")?;
                let note: Option<String> = row.try_get("decision_note")?;
                // Opened again meanwhile: there is a later word on it, or none yet.
                if status != Some("aguardando") {
                    let approved = status == Some("aprovado");
                    let held = held.into();
                    self.push(Entry::HeldDecided { seq, held, approved, note }, 0);
                }
            }
            ("erased", Some(document)) => {
                self.push(Entry::Erased { seq, document: document.into() }, 0);
            }
            _ => {}
        }
        Ok(Next::On)
    }

    /// The case entered sight: what it held before comes whole, from behind `after` on; what came
    /// after is in the log. Returns the last document, if the page took no more.
    async fn granted(&mut self, raiz: Uuid, seq: u64, mut after: Uuid) -> Result<Option<Uuid>> {
        loop {
            let rows = sqlx::query_as(concat!(
                "SELECT d.id, ",
                size!(),
                " FROM document d WHERE d.tenant = $1 AND d.raiz = $2 AND d.first_seq < $3 \
                     AND d.first_seq > 0 AND NOT d.erased AND d.id > $4 ORDER BY d.id LIMIT $5",
            ))
            .bind(self.pull.tenant.uuid())
            .bind(raiz)
            .bind(seq as i64)
            .bind(after)
            .bind(DOCUMENTS_MAX)
            .fetch_all(&mut **self.tx)
            .await?;
            match self.take(&rows).await? {
                Taken::Nothing => return Ok(None),
                Taken::All(last) => after = last,
                Taken::Full(last) => return Ok(Some(last)),
            }
        }
    }

    /// Reference data travels as it is now; older versions of it are passed over.
    fn reference(&mut self, row: &PgRow, seq: u64) -> Result<()> {
        let current: Option<i64> = row.try_get("current_seq")?;
        if current != Some(seq as i64) {
            return Ok(());
        }
        let data: serde_json::Value = row.try_get("data")?;
        let data = data.to_string();
        let size = data.len();
        let entry = Entry::Reference {
            seq,
            collection: row.try_get("collection")?,
            key: row.try_get("key")?,
            active: row.try_get("active")?,
            data,
        };
        self.push(entry, size);
        Ok(())
    }

    /// What the person pushed to but does not see: the verdict alone would let the device think
    /// that it goes on receiving it.
    async fn unseen(&mut self) -> Result<()> {
        if self.pull.documents.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.pull.documents.iter().map(|id| id.uuid()).collect();
        let unseen: Vec<Uuid> = sqlx::query_scalar(concat!(
            "SELECT d.id FROM document d WHERE d.tenant = $1 AND d.id = ANY($2) \
             AND NOT ($4 AND (d.kind = 'cliente' OR ",
            visible!("d", "$3", "$5"),
            ")) ORDER BY d.id",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(ids)
        .bind(self.pull.user.uuid())
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(self.sees_all())
        .fetch_all(&mut **self.tx)
        .await?;
        for id in unseen {
            self.push(Entry::Revoked { seq: self.head, document: id.into() }, 0);
        }
        Ok(())
    }

    /// Branches that were decided before the device learnt of them: their entry may have passed by.
    async fn decided(&mut self) -> Result<()> {
        if self.pull.held.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.pull.held.iter().map(|id| id.uuid()).collect();
        let rows: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(
            "SELECT id, status, decision_note FROM held WHERE tenant = $1 AND id = ANY($2) \
             AND author = $3 AND status <> 'aguardando' ORDER BY id",
        )
        .bind(self.pull.tenant.uuid())
        .bind(ids)
        .bind(self.pull.user.uuid())
        .fetch_all(&mut **self.tx)
        .await?;
        for (held, status, note) in rows {
            let (seq, approved) = (self.head, status == "aprovado");
            self.push(Entry::HeldDecided { seq, held: held.into(), approved, note }, 0);
        }
        Ok(())
    }

    /// Sends as many of these documents as the page still takes, at least one; each comes with
    /// about how many bytes it is.
    async fn take(&mut self, rows: &[(Uuid, i64)]) -> Result<Taken> {
        let mut size = self.bytes;
        let mut ids = Vec::new();
        for (id, bytes) in rows {
            if size >= self.bytes_max && !ids.is_empty() {
                break;
            }
            size += bytes.unsigned_abs() as usize + ENTRY_BYTES;
            ids.push(*id);
        }
        let Some(last) = ids.last().copied() else { return Ok(Taken::Nothing) };
        let mut stored = chunks(self.tx, self.pull.tenant, &ids).await?;
        for id in &ids {
            let document = DocumentId::from(*id);
            if let Some((generation, bytes)) = stored.remove(&document) {
                let size = bytes.len();
                self.push(Entry::Snapshot { document, generation, bytes }, size);
            }
        }
        let all = ids.len() == rows.len() && !self.full();
        Ok(if all { Taken::All(last) } else { Taken::Full(last) })
    }

    /// A first sync: reference data, then what today needs, then everything, newest first. Later
    /// changes are in the log from `seq` on, so it may be interrupted anywhere.
    async fn bootstrap(&mut self, seq: u64, mut at: Bootstrap) -> Result<(Cursor, bool)> {
        loop {
            if self.full() {
                return Ok((Cursor { seq, bootstrap: Some(at) }, true));
            }
            let next = match at.rank {
                BASICS | CATALOGUES => self.references(seq, at).await?,
                TODAY => self.today(at.after.uuid()).await?,
                _ => self.everything(at.after.uuid()).await?,
            };
            let begin = |rank, after: Uuid| Bootstrap { rank, after: after.into() };
            at = match (next, at.rank) {
                (Some(after), rank) => begin(rank, after),
                (None, BASICS) => begin(CATALOGUES, Uuid::nil()),
                (None, CATALOGUES) => begin(TODAY, Uuid::nil()),
                (None, TODAY) => begin(EVERYTHING, Uuid::max()),
                (None, _) => return Ok((Cursor { seq, bootstrap: None }, self.head > seq)),
            };
        }
    }

    /// Reference data behind a position; where it stopped, or `None` at the end. What was written
    /// since the first sync began is in the log; but what documents are read with comes before
    /// them, and so perhaps twice.
    async fn references(&mut self, until: u64, at: Bootstrap) -> Result<Option<Uuid>> {
        let rows = sqlx::query(
            "SELECT seq, seq AS current_seq, collection, key, active, data FROM referencia \
             WHERE tenant = $1 AND (addressee IS NULL OR addressee = $2) AND seq > $3 \
                 AND (collection IN ('eu', 'usuario', 'tipo')) = $4 AND ($4 OR seq <= $5) \
             ORDER BY seq LIMIT $6",
        )
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(at.after.uuid().as_u128() as i64)
        .bind(at.rank == BASICS)
        .bind(until as i64)
        .bind(REFERENCES_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        let mut last = None;
        for row in rows {
            if self.full() {
                break;
            }
            let seq = row.try_get::<i64, _>("seq")? as u64;
            self.reference(&row, seq)?;
            last = Some(Uuid::from_u128(seq.into()));
        }
        Ok(last)
    }

    /// Documents of the cases that the person's agenda of today touches, and their clients, from
    /// behind `after` on; where it stopped, or `None` at the end.
    async fn today(&mut self, after: Uuid) -> Result<Option<Uuid>> {
        let time_zone: String = sqlx::query_scalar("SELECT fuso FROM tenant WHERE id = $1")
            .bind(self.pull.tenant.uuid())
            .fetch_one(&mut **self.tx)
            .await?;
        let time_zone: chrono_tz::Tz =
            time_zone.parse().context("the company's time zone is not known")?;
        let today = self.pull.now.with_timezone(&time_zone).date_naive();
        let midnight = |days: u64| {
            let day = today.checked_add_days(Days::new(days)).unwrap_or(today);
            time_zone
                .from_local_datetime(&day.and_time(NaiveTime::MIN))
                .earliest()
                .map_or(self.pull.now, |instant| instant.with_timezone(&Utc))
        };
        let rows = sqlx::query_as(concat!(
            "WITH hoje AS (SELECT DISTINCT a.raiz FROM agendas a \
                 WHERE a.tenant = $1 AND a.responsavel = $2 AND a.inicio >= $3 AND a.inicio < $4 \
                 AND ",
            visible!("a", "$2", "$6"),
            ") SELECT d.id, ",
            size!(),
            " FROM document d WHERE $5 AND d.tenant = $1 AND NOT d.erased AND d.id > $7 AND ( \
                 d.raiz IN (SELECT raiz FROM hoje) \
                 OR d.id IN (SELECT cliente FROM assistencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje)) \
                 OR d.id IN (SELECT cliente FROM ocorrencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje))) \
             ORDER BY d.id LIMIT $8",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(midnight(0))
        .bind(midnight(1))
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(self.sees_all())
        .bind(after)
        .bind(DOCUMENTS_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(self.take(&rows).await?.last())
    }

    /// Documents in sight before an id, newest first; where it stopped, or `None` at the end.
    async fn everything(&mut self, before: Uuid) -> Result<Option<Uuid>> {
        let rows = sqlx::query_as(concat!(
            "SELECT d.id, ",
            size!(),
            " FROM document d \
             WHERE d.tenant = $1 AND d.id < $3 AND NOT d.erased AND $5 \
                 AND (d.kind = 'cliente' OR ",
            visible!("d", "$2", "$4"),
            ") ORDER BY d.id DESC LIMIT $6",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(before)
        .bind(self.sees_all())
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(DOCUMENTS_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(self.take(&rows).await?.last())
    }
}
