//! Reads the log from the cursor on.

use super::{
    first_sync::{DOCUMENTS, GRANTED},
    reader::{DOCUMENTS_MAX, Reader, Taken, size},
};
use crate::{ledger::load, visibility::visible};
use anyhow::Result;
use campo_domain::pessoa::Permissao;
use campo_sync::wire::{Bootstrap, Cursor, Entry};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// Most rows of one query.
const ROWS_MAX: i64 = 250;
/// Positions that one query covers. Most of them may be of cases that the person does not see.
const WINDOW: u64 = 20_000;
/// Most windows for one page.
const WINDOWS_MAX: usize = 10;

/// What follows an entry of the log.
enum Next {
    /// The next entry.
    On,
    /// All that the person sees may have changed: the device gets every document again.
    Reset,
    /// The page is full before the case of this entry is complete: it goes on after this document.
    Rest(Uuid),
}

impl Reader<'_, '_, '_> {
    /// Reads from the cursor on. If the page before ended within a case that was granted, `rest` is
    /// the last document of it that the device has. Returns the cursor and whether there is more.
    pub(super) async fn log(&mut self, mut rest: Option<Uuid>) -> Result<(Cursor, bool)> {
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
                    // The log is read on after this entry, since decisions and revocations are only
                    // there.
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

    /// Rows of the log between two positions that may concern the person, in order. Changes of a
    /// case from before it was granted are left out: they are in the snapshots. `lost` has the
    /// documents of a case that was revoked.
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

    /// Adds the entries of a row.
    async fn entry(&mut self, row: &PgRow, seq: u64, rest: Option<Uuid>) -> Result<Next> {
        let kind: &str = row.try_get("kind")?;
        let document: Option<Uuid> = row.try_get("document")?;
        match (kind, document) {
            ("change", Some(document)) => {
                let hash = load::hash(row.try_get("hash")?)?;
                // Skip: the reset's snapshots include it, and it may build on changes that the
                // device does not have.
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
            // Only the last one matters: its snapshots include those of the others.
            ("granted", None) if self.reset == Some(seq) => return Ok(Next::Reset),
            ("granted", Some(raiz)) if row.try_get("sees")? => {
                let full = self.granted(raiz, seq, rest.unwrap_or(Uuid::nil())).await?;
                return Ok(full.map_or(Next::On, Next::Rest));
            }
            // Revoked, and not granted again since.
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
                // A branch that waits again has a later entry, or none yet.
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

    /// Adds the documents of a case that was granted at `seq`, those with ids after `after`, as
    /// snapshots; later ones are in the log. Returns the last document if the page is full.
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

    /// Revokes documents that the person pushed to but does not see: from the verdict alone the
    /// device would expect to go on receiving them.
    pub(super) async fn unseen(&mut self) -> Result<()> {
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

    /// Adds the decisions on branches that the verdicts name: their entries in the log may be
    /// before the cursor.
    pub(super) async fn decided(&mut self) -> Result<()> {
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
}
