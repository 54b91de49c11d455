//! What a device lacks, a page at a time, as of one moment: the caller's transaction is a snapshot,
//! and a commit in between is simply part of the next page.

use super::load::{chunks, pessoa};
use crate::ledger::load;
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
/// Positions that one query looks at: most of them may be of cases that the person does not see.
const WINDOW: u64 = 20_000;
/// Windows that one page looks at.
const WINDOWS_MAX: usize = 10;
/// Documents that one query of a first sync looks at.
const DOCUMENTS_MAX: i64 = 200;

/// Where a first sync begins.
const START: Bootstrap = Bootstrap { rank: 0, after: DocumentId::NIL };

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
        _ if foreign || pull.cursor.seq == 0 => reader.bootstrap(head, None).await?,
        Some(at) => reader.bootstrap(pull.cursor.seq, Some(at)).await?,
        None => reader.log().await?,
    };
    reader.unseen().await?;
    reader.decided().await?;
    Ok(Page { entries: reader.entries, cursor, more, epoch })
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
        self.bytes += bytes + 64;
        self.entries.push(entry);
    }

    fn sees_all(&self) -> bool {
        self.pessoa.pode(Permissao::Ver) && self.pessoa.pode(Permissao::VerTodas)
    }

    /// The log from the cursor on.
    async fn log(&mut self) -> Result<(Cursor, bool)> {
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
                if self.entry(&row, seq).await? {
                    // The whole scope changed: start over, so that nothing is overlooked.
                    // The log goes on behind this entry: decisions and revocations are only there.
                    return Ok((Cursor { seq, bootstrap: Some(START) }, true));
                }
            }
            if exhausted {
                seq = until;
            }
        }
        Ok((Cursor { seq, bootstrap: None }, seq < self.head))
    }

    /// Rows of the log that may concern the person, in order. Of a case that came into sight, what
    /// is older than that comes as snapshots.
    async fn rows(&mut self, after: u64, until: u64) -> sqlx::Result<Vec<PgRow>> {
        sqlx::query(concat!(
            "SELECT l.seq, l.kind, l.document, l.generation, l.hash, l.bytes, l.collection, l.key, \
                 r.active, r.data, r.seq AS current_seq, h.status, h.decision_note \
             FROM change_log l \
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
            sees!("d", "$2", "$5"),
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

    /// Turns a row into entries; true if it says that the whole scope changed.
    async fn entry(&mut self, row: &PgRow, seq: u64) -> Result<bool> {
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
            ("granted", None) => return Ok(self.reset == Some(seq)),
            ("granted", Some(raiz)) => self.granted(raiz, seq).await?,
            ("revoked", Some(raiz)) => self.revoked(raiz, seq).await?,
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
        Ok(false)
    }

    /// The case entered sight: what it held before comes whole, what came after is in the log.
    async fn granted(&mut self, raiz: Uuid, seq: u64) -> Result<()> {
        if !self.sees(raiz).await? {
            return Ok(());
        }
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM document WHERE tenant = $1 AND raiz = $2 \
             AND first_seq < $3 AND first_seq > 0 AND NOT erased ORDER BY id",
        )
        .bind(self.pull.tenant.uuid())
        .bind(raiz)
        .bind(seq as i64)
        .fetch_all(&mut **self.tx)
        .await?;
        self.snapshots(&ids).await
    }

    /// The case left sight, unless it came back since.
    async fn revoked(&mut self, raiz: Uuid, seq: u64) -> Result<()> {
        if self.sees(raiz).await? {
            return Ok(());
        }
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM document WHERE tenant = $1 AND raiz = $2 \
             AND (kind <> 'cliente' OR NOT $3) ORDER BY id",
        )
        .bind(self.pull.tenant.uuid())
        .bind(raiz)
        .bind(self.pessoa.pode(Permissao::Ver))
        .fetch_all(&mut **self.tx)
        .await?;
        for id in ids {
            self.push(Entry::Revoked { seq, document: id.into() }, 0);
        }
        Ok(())
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

    async fn sees(&mut self, raiz: Uuid) -> Result<bool> {
        if !self.pessoa.pode(Permissao::Ver) {
            return Ok(false);
        }
        let sees = sqlx::query_scalar(concat!(
            "SELECT ",
            sees!("c", "$2", "$4"),
            " FROM (SELECT $1::uuid AS tenant, $3::uuid AS raiz) c"
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(raiz)
        .bind(self.sees_all())
        .fetch_one(&mut **self.tx)
        .await?;
        Ok(sees)
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
            sees!("d", "$3", "$5"),
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

    async fn snapshots(&mut self, ids: &[Uuid]) -> Result<()> {
        let mut stored = chunks(self.tx, self.pull.tenant, ids).await?;
        for id in ids {
            let document = DocumentId::from(*id);
            if let Some((generation, bytes)) = stored.remove(&document) {
                let size = bytes.len();
                self.push(Entry::Snapshot { document, generation, bytes }, size);
            }
        }
        Ok(())
    }

    /// A first sync: reference data, then what today needs, then everything, newest first. Later
    /// changes are in the log from `seq` on, so it may be interrupted anywhere.
    async fn bootstrap(&mut self, seq: u64, at: Option<Bootstrap>) -> Result<(Cursor, bool)> {
        let mut at = at.unwrap_or(START);
        if at == START {
            self.references().await?;
            // Whatever the page took, the next one does not begin with them again.
            at.after = Uuid::from_u128(1).into();
        }
        let today = if at.rank == 0 { self.today().await? } else { Vec::new() };
        let begun_after = at.after.uuid();
        for id in today.into_iter().filter(|id| begun_after < *id) {
            if self.full() {
                return Ok((Cursor { seq, bootstrap: Some(at) }, true));
            }
            self.snapshots(&[id]).await?;
            at.after = id.into();
        }
        if at.rank == 0 {
            at = Bootstrap { rank: 1, after: Uuid::max().into() };
        }
        loop {
            if self.full() {
                return Ok((Cursor { seq, bootstrap: Some(at) }, true));
            }
            let rows = self.visible_before(at.after.uuid()).await?;
            let Some((last, _)) = rows.last().copied() else {
                return Ok((Cursor { seq, bootstrap: None }, self.head > seq));
            };
            // As many as the page still takes; at least one.
            let mut taken = Vec::new();
            let mut size = self.bytes;
            for (id, bytes) in rows {
                if size >= self.bytes_max {
                    break;
                }
                size += bytes as usize;
                taken.push(id);
            }
            self.snapshots(&taken).await?;
            at.after = taken.last().copied().unwrap_or(last).into();
        }
    }

    async fn references(&mut self) -> Result<()> {
        let rows = sqlx::query(
            "SELECT seq, seq AS current_seq, collection, key, active, data FROM referencia \
             WHERE tenant = $1 AND (addressee IS NULL OR addressee = $2) ORDER BY seq",
        )
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .fetch_all(&mut **self.tx)
        .await?;
        for row in rows {
            let seq: i64 = row.try_get("seq")?;
            self.reference(&row, seq as u64)?;
        }
        Ok(())
    }

    /// Documents of the cases that the person's agenda of today touches, and their clients.
    async fn today(&mut self) -> Result<Vec<Uuid>> {
        let fuso: String = sqlx::query_scalar("SELECT fuso FROM tenant WHERE id = $1")
            .bind(self.pull.tenant.uuid())
            .fetch_one(&mut **self.tx)
            .await?;
        let fuso: chrono_tz::Tz = fuso.parse().context("the company's time zone is not known")?;
        let today = self.pull.now.with_timezone(&fuso).date_naive();
        let midnight = |days: u64| {
            let day = today.checked_add_days(Days::new(days)).unwrap_or(today);
            fuso.from_local_datetime(&day.and_time(NaiveTime::MIN))
                .earliest()
                .map_or(self.pull.now, |instant| instant.with_timezone(&Utc))
        };
        let ids = sqlx::query_scalar(concat!(
            "WITH hoje AS (SELECT DISTINCT a.raiz FROM agendas a \
                 WHERE a.tenant = $1 AND a.responsavel = $2 AND a.inicio >= $3 AND a.inicio < $4 \
                 AND ",
            sees!("a", "$2", "$6"),
            ") SELECT d.id FROM document d WHERE $5 AND d.tenant = $1 AND NOT d.erased AND ( \
                 d.raiz IN (SELECT raiz FROM hoje) \
                 OR d.id IN (SELECT cliente FROM assistencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje)) \
                 OR d.id IN (SELECT cliente FROM ocorrencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje))) \
             ORDER BY d.id",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(midnight(0))
        .bind(midnight(1))
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(self.sees_all())
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(ids)
    }

    /// Visible documents before an id, newest first, each with about how many bytes it is.
    async fn visible_before(&mut self, before: Uuid) -> sqlx::Result<Vec<(Uuid, i64)>> {
        sqlx::query_as(concat!(
            "SELECT d.id, coalesce(length(d.snapshot), 0) + ( \
                 SELECT coalesce(sum(length(c.bytes)), 0) FROM change_log c \
                 WHERE c.tenant = d.tenant AND c.document = d.id AND c.kind = 'change' \
                     AND c.seq > d.snapshot_seq) \
             FROM document d \
             WHERE d.tenant = $1 AND d.id < $3 AND NOT d.erased AND $5 \
                 AND (d.kind = 'cliente' OR ",
            sees!("d", "$2", "$4"),
            ") ORDER BY d.id DESC LIMIT $6",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(before)
        .bind(self.sees_all())
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(DOCUMENTS_MAX)
        .fetch_all(&mut **self.tx)
        .await
    }
}
