//! Pages for a device: snapshots in a first sync, then the log from the device's cursor.

use super::{MemoryLedger, Stored};
use crate::{Sabotage, ledger::What};
use campo_domain::{
    ids::{DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::Pessoa,
};
use campo_sync::{
    document,
    wire::{Bootstrap, Cursor, Entry, Hash, Outcome, SyncRequest, Verdict},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Bytes of an entry besides its content, roughly.
const FRAME: usize = 48;

pub(super) struct Page {
    pub entries: Vec<Entry>,
    pub cursor: Cursor,
    pub more: bool,
}

/// A page being filled up to a number of bytes; the first entry is always taken.
struct Filling {
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Filling {
    fn full(&self, with: usize) -> bool {
        !self.entries.is_empty() && self.bytes + with > self.bytes_max
    }

    fn add(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes;
        self.entries.push(entry);
    }
}

fn size(entry: &Entry) -> usize {
    FRAME
        + match entry {
            Entry::Change { bytes, .. }
            | Entry::Snapshot { bytes, .. }
            | Entry::Generation { bytes, .. } => bytes.len(),
            Entry::Reference { data, .. } => data.len(),
            Entry::Revoked { .. } | Entry::HeldDecided { .. } | Entry::Erased { .. } => 0,
        }
}

impl MemoryLedger {
    pub(super) fn pull(
        &self,
        at: DateTime<Utc>,
        usuario: UserId,
        request: &SyncRequest,
        verdicts: &[Verdict],
    ) -> anyhow::Result<Page> {
        // Changes of this request are not sent back; their verdicts are enough.
        let pushed = &verdicts.iter().map(|verdict| (verdict.document, verdict.hash)).collect();
        let pessoa = &self.person(usuario)?.pessoa;
        let bytes_max = request.limits.page_bytes_max.min(self.limits.page_bytes_max);
        let mut filling = Filling { entries: Vec::new(), bytes: 0, bytes_max: bytes_max as usize };
        let cursor =
            if request.epoch == self.epoch { request.cursor.clone() } else { Cursor::default() };
        let mut page = match (cursor.seq, cursor.bootstrap) {
            (0, None) => {
                self.all_references(pessoa, &mut filling);
                self.snapshots(at, pessoa, self.seq, top(), filling)
            }
            (seq, Some(from)) => self.snapshots(at, pessoa, seq, from, filling),
            (seq, None) => self.since(pessoa, seq, pushed, filling),
        };
        page.entries.extend(self.out_of_sight(pessoa, verdicts));
        page.entries.extend(self.decided_before(pessoa, verdicts));
        Ok(page)
    }

    /// Decisions on branches that the verdicts name. Their rows may be before the cursor of a
    /// device that pushes again what was decided meanwhile.
    fn decided_before(&self, pessoa: &Pessoa, verdicts: &[Verdict]) -> Vec<Entry> {
        let branches: BTreeSet<HeldId> = verdicts
            .iter()
            .filter_map(|verdict| match &verdict.outcome {
                Outcome::Held { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        let decided = branches.into_iter().filter_map(|held| {
            let branch = self.held.get(&held).filter(|branch| branch.author == pessoa.id)?;
            let approved = branch.decided?;
            Some(Entry::HeldDecided { seq: self.seq, held, approved, note: None })
        });
        decided.collect()
    }

    /// Revokes documents that the person pushed to but does not see: from the verdict alone the
    /// device would expect to go on receiving them.
    fn out_of_sight(&self, pessoa: &Pessoa, verdicts: &[Verdict]) -> Vec<Entry> {
        let documents: BTreeSet<DocumentId> = verdicts
            .iter()
            .filter(|verdict| {
                matches!(verdict.outcome, Outcome::Accepted { .. } | Outcome::Known { .. })
            })
            .map(|verdict| verdict.document)
            .collect();
        let unseen = documents.into_iter().filter(|id| {
            let stored = self.documents.get(id);
            stored.is_some_and(|stored| !self.shows(pessoa, stored.kind(), stored.raiz()))
        });
        unseen.map(|document| Entry::Revoked { seq: self.seq, document }).collect()
    }

    fn all_references(&self, pessoa: &Pessoa, filling: &mut Filling) {
        for ((collection, key), reference) in &self.references {
            if reference.usuario.is_none_or(|usuario| usuario == pessoa.id) {
                let entry = Entry::Reference {
                    seq: reference.seq,
                    collection: collection.clone(),
                    key: key.clone(),
                    active: reference.offered,
                    data: reference.data.clone(),
                };
                let bytes = size(&entry);
                filling.add(entry, bytes);
            }
        }
    }

    /// A page of a first sync: the documents of today's agenda first, then all others, newest
    /// first.
    fn snapshots(
        &self,
        at: DateTime<Utc>,
        pessoa: &Pessoa,
        seq: u64,
        from: Bootstrap,
        mut filling: Filling,
    ) -> Page {
        let mut after = from.after;
        for rank in from.rank..=1 {
            let documents = match rank {
                0 => self.todays(at, pessoa),
                _ => self.visible(pessoa),
            };
            for id in documents.range(..after).rev() {
                let entry = snapshot(*id, &self.documents[id]);
                let bytes = size(&entry);
                if filling.full(bytes) {
                    let cursor = Cursor { seq, bootstrap: Some(Bootstrap { rank, after }) };
                    return Page { entries: filling.entries, cursor, more: true };
                }
                filling.add(entry, bytes);
                after = *id;
            }
            after = top().after;
        }
        let cursor = Cursor { seq, bootstrap: None };
        Page { entries: filling.entries, cursor, more: self.seq > seq }
    }

    fn visible(&self, pessoa: &Pessoa) -> BTreeSet<DocumentId> {
        let seen = |stored: &Stored| self.shows(pessoa, stored.kind(), stored.raiz());
        let seen = self.documents.iter().filter(|(_, stored)| seen(stored));
        seen.map(|(id, _)| *id).collect()
    }

    /// The documents of the cases of today's agenda, and their clientes.
    fn todays(&self, at: DateTime<Utc>, pessoa: &Pessoa) -> BTreeSet<DocumentId> {
        let visible = self.visible(pessoa);
        let today = |stored: &Stored| {
            let registro = &stored.loaded.merged.registro;
            let inicio = registro.valor("inicio").instante();
            registro.kind == Kind::Agenda
                && registro.responsavel() == Some(pessoa.id)
                && inicio.is_some_and(|inicio| inicio.date_naive() == at.date_naive())
        };
        let cases: BTreeSet<DocumentId> = visible
            .iter()
            .map(|id| &self.documents[id])
            .filter(|stored| today(stored))
            .map(Stored::raiz)
            .collect();
        let of_cases = visible.iter().filter(|id| cases.contains(&self.documents[*id].raiz()));
        let mut all: BTreeSet<DocumentId> = of_cases.copied().collect();
        let clientes: Vec<DocumentId> = all
            .iter()
            .filter_map(|id| self.documents[id].loaded.merged.registro.referencia("cliente"))
            .map(DocumentId::from)
            .filter(|id| visible.contains(id))
            .collect();
        all.extend(clientes);
        all
    }

    /// A page of the log.
    fn since(
        &self,
        pessoa: &Pessoa,
        seq: u64,
        pushed: &BTreeSet<(DocumentId, Hash)>,
        mut filling: Filling,
    ) -> Page {
        let head = self.seq;
        let reset = self.reset.get(&pessoa.id).copied().unwrap_or(0);
        let mut cursor = Cursor { seq: head, bootstrap: None };
        let mut last = seq;
        for (seq, place) in self.by_seq.range(seq + 1..).take_while(|(seq, _)| **seq <= head) {
            let what = &self.rows[*place].what;
            // Earlier resets are skipped: the snapshots of the last one include theirs.
            if reset == *seq {
                cursor = Cursor { seq: *seq, bootstrap: Some(top()) };
                return Page { entries: filling.entries, cursor, more: true };
            }
            // Skip: the reset's snapshots include it, and the device may lack what it builds on.
            let brought = *seq < reset && matches!(what, What::Change { .. });
            let entries = match brought {
                true => Vec::new(),
                false => self.entries(pessoa, *seq, what, pushed),
            };
            let bytes = entries.iter().map(size).sum();
            if !entries.is_empty() && filling.full(bytes) {
                cursor = Cursor { seq: last, bootstrap: None };
                return Page { entries: filling.entries, cursor, more: true };
            }
            entries.into_iter().for_each(|entry| {
                let bytes = size(&entry);
                filling.add(entry, bytes);
            });
            last = *seq;
        }
        Page { entries: filling.entries, cursor, more: false }
    }

    /// What this person gets for a row of the log.
    fn entries(
        &self,
        pessoa: &Pessoa,
        seq: u64,
        what: &What,
        pushed: &BTreeSet<(DocumentId, Hash)>,
    ) -> Vec<Entry> {
        match what {
            What::Change { document, generation, hash, bytes } => {
                let sent = !pushed.contains(&(*document, *hash))
                    && self.documents.get(document).is_some_and(|stored| {
                        self.holds(pessoa, stored.kind(), stored.raiz(), seq)
                    });
                let entry = Entry::Change {
                    seq,
                    document: *document,
                    generation: *generation,
                    bytes: bytes.clone(),
                };
                sent.then_some(entry).into_iter().collect()
            }
            What::Granted { usuario, raiz } if *usuario == pessoa.id => {
                let of_case = self.of_case(*raiz).filter(|(_, stored)| {
                    stored.first_seq < seq && self.shows(pessoa, stored.kind(), *raiz)
                });
                of_case.map(|(id, stored)| snapshot(id, stored)).collect()
            }
            What::Revoked { usuario, raiz } if *usuario == pessoa.id => self
                .of_case(*raiz)
                .filter(|(_, stored)| !self.shows(pessoa, stored.kind(), *raiz))
                .map(|(document, _)| Entry::Revoked { seq, document })
                .collect(),
            What::Reference { usuario, collection, key }
                if usuario.is_none_or(|usuario| usuario == pessoa.id) =>
            {
                let reference = self.references.get(&(collection.clone(), key.clone()));
                let entry = reference.map(|reference| Entry::Reference {
                    seq,
                    collection: collection.clone(),
                    key: key.clone(),
                    active: reference.offered,
                    data: reference.data.clone(),
                });
                entry.into_iter().collect()
            }
            What::HeldDecided { usuario, held } if *usuario == pessoa.id => {
                let approved = self.held.get(held).and_then(|branch| branch.decided);
                let approved = approved.unwrap_or(false);
                vec![Entry::HeldDecided { seq, held: *held, approved, note: None }]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the person gets the change at this position by itself: only those after the case was
    /// granted. Earlier ones come in the snapshot, and alone would lack what they build on.
    fn holds(&self, pessoa: &Pessoa, kind: Kind, raiz: DocumentId, seq: u64) -> bool {
        let since = self.escopo.get(&(pessoa.id, raiz)).copied().unwrap_or(0);
        self.shows(pessoa, kind, raiz) && (kind == Kind::Cliente || since < seq)
    }

    fn shows(&self, pessoa: &Pessoa, kind: Kind, raiz: DocumentId) -> bool {
        if self.is(Sabotage::PullIgnoresRestriction) {
            return self.sees_under(pessoa, kind, raiz, None);
        }
        self.sees(pessoa, kind, raiz)
    }

    fn of_case(&self, raiz: DocumentId) -> impl Iterator<Item = (DocumentId, &Stored)> {
        let documents = self.cases.get(&raiz).into_iter().flat_map(|case| case.keys());
        documents.filter_map(|id| Some((*id, self.documents.get(id)?)))
    }
}

fn snapshot(document: DocumentId, stored: &Stored) -> Entry {
    let bytes = document::save(&stored.loaded.merged.document);
    Entry::Snapshot { document, generation: stored.loaded.generation, bytes }
}

/// Where a first sync begins. Ids are sent in descending order, so above the highest.
fn top() -> Bootstrap {
    Bootstrap { rank: 0, after: Uuid::max().into() }
}
