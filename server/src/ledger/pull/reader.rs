//! One page while it is filled, with what every part of a pull adds to it.

use crate::ledger::load::chunks;
use anyhow::Result;
use campo_domain::{
    ids::{DocumentId, HeldId, TenantId, UserId},
    pessoa::{Permissao, Pessoa},
};
use campo_sync::wire::{Cursor, Entry, Hash, Limits};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row, postgres::PgRow};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Bytes that an entry counts in addition to its content.
const ENTRY_BYTES: usize = 64;
/// Most documents of one query.
pub(super) const DOCUMENTS_MAX: i64 = 200;

/// The approximate bytes of a document `d`, in SQL.
macro_rules! size {
    () => {
        "coalesce(length(d.snapshot), 0) + (SELECT coalesce(sum(length(c.bytes)), 0) \
             FROM change_log c WHERE c.tenant = d.tenant AND c.document = d.id \
             AND c.kind = 'change' AND c.seq > d.snapshot_seq)"
    };
}
pub(super) use size;

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// The company.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// Up to where the device has the log.
    pub cursor: &'a Cursor,
    /// The epoch that the cursor belongs to.
    pub epoch: u64,
    /// The limits of the device.
    pub limits: &'a Limits,
    /// Changes of this request, which are left out: the response has their verdicts.
    pub pushed: &'a BTreeSet<Hash>,
    /// The documents of this request whose changes were merged, now or before.
    pub documents: &'a BTreeSet<DocumentId>,
    /// The held branches that the verdicts name.
    pub held: &'a [HeldId],
    /// The server's time, which decides which agenda is today's.
    pub now: DateTime<Utc>,
}

/// How many of a list of documents a page took.
pub(super) enum Taken {
    /// The list is empty.
    Nothing,
    /// All of them, and there is room for more. The last one.
    All(Uuid),
    /// As many as fit, up to this one.
    Full(Uuid),
}

impl Taken {
    /// The last document that was taken.
    pub(super) fn last(self) -> Option<Uuid> {
        match self {
            Taken::Nothing => None,
            Taken::All(last) | Taken::Full(last) => Some(last),
        }
    }
}

/// A page while it is filled.
pub(super) struct Reader<'t, 'c, 'a> {
    pub(super) tx: &'t mut PgTransaction<'c>,
    pub(super) pull: Pull<'a>,
    pub(super) pessoa: Pessoa,
    /// The last position of the log.
    pub(super) head: u64,
    /// The last position, in this page or later, at which all that the person sees changes.
    pub(super) reset: Option<u64>,
    bytes_max: usize,
    bytes: usize,
    pub(super) entries: Vec<Entry>,
}

impl<'t, 'c, 'a> Reader<'t, 'c, 'a> {
    /// An empty page of at most about `bytes_max` bytes.
    pub(super) fn new(
        tx: &'t mut PgTransaction<'c>,
        pull: Pull<'a>,
        pessoa: Pessoa,
        head: u64,
        bytes_max: usize,
    ) -> Self {
        Reader { tx, pull, pessoa, head, reset: None, bytes_max, bytes: 0, entries: Vec::new() }
    }

    /// Whether the page has reached its size.
    pub(super) fn full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    /// Adds an entry, with the bytes of its content.
    pub(super) fn push(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes + ENTRY_BYTES;
        self.entries.push(entry);
    }

    /// Whether the person sees all cases, restricted ones aside.
    pub(super) fn sees_all(&self) -> bool {
        self.pessoa.pode(Permissao::Ver) && self.pessoa.pode(Permissao::VerTodas)
    }

    /// Adds an entry of reference data in its present state. Its row in the log counts only if it
    /// is the last change of the entry.
    pub(super) fn reference(&mut self, row: &PgRow, seq: u64) -> Result<()> {
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

    /// Adds as many of these documents as fit, at least one, as snapshots. Each row has an id and
    /// the approximate bytes of the document.
    pub(super) async fn take(&mut self, rows: &[(Uuid, i64)]) -> Result<Taken> {
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
}
