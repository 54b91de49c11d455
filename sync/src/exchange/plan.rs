//! What the ledger writes, all or nothing.

use crate::{
    admission::Merged,
    document::Actor,
    history::Evento,
    wire::{Hash, Outcome, Push, Reason, Verdict},
};
use automerge::{Change, ChangeHash};
use campo_domain::{
    ids::{AcaoId, DeviceId, DocumentId, HeldId, UserId},
    kind::Kind,
    registro::Restricao,
};
use std::collections::{BTreeMap, BTreeSet};

/// An entry for the log. Its position is the plan's base plus its place in the list, from 1.
#[derive(Clone, Debug)]
pub enum LogWrite {
    /// A change that was admitted.
    Change(Box<ChangeWrite>),
    /// The person now sees the case; what it holds up to here comes as snapshots.
    Granted {
        /// The person.
        user: UserId,
        /// The case.
        case: DocumentId,
    },
    /// The person no longer sees the case.
    Revoked {
        /// The person.
        user: UserId,
        /// The case.
        case: DocumentId,
    },
    /// The office decided on a branch.
    HeldDecided {
        /// Whose branch.
        user: UserId,
        /// The branch.
        held: HeldId,
    },
}

/// A change for the log. Its fields are private: only a change that passed the gate becomes one.
#[derive(Clone, Debug)]
pub struct ChangeWrite {
    document: DocumentId,
    generation: u32,
    change: Change,
    eventos: Vec<Evento>,
}

impl ChangeWrite {
    pub(super) fn new(
        document: DocumentId,
        generation: u32,
        change: Change,
        eventos: Vec<Evento>,
    ) -> Self {
        ChangeWrite { document, generation, change, eventos }
    }

    /// The document.
    pub fn document(&self) -> DocumentId {
        self.document
    }

    /// Its generation.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The change's hash.
    pub fn hash(&self) -> Hash {
        self.change.hash().into()
    }

    /// The uncompressed chunk.
    pub fn bytes(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// Who wrote it, where.
    pub fn actor(&self) -> Actor {
        Actor::parse(self.change.actor_id()).unwrap_or(Actor::servidor(0))
    }

    /// Its rows of the acompanhamento.
    pub fn eventos(&self) -> &[Evento] {
        &self.eventos
    }
}

/// A document's new state.
#[derive(Clone, Debug)]
pub struct DocumentWrite {
    /// The merged document.
    pub merged: Merged,
    /// Its generation.
    pub generation: u32,
    /// The heads that the plan started from; `None` for a new document.
    pub heads_before: Option<Vec<ChangeHash>>,
    /// How many changes were added.
    pub added: u32,
}

impl DocumentWrite {
    /// Its id.
    pub fn id(&self) -> DocumentId {
        self.merged.registro.id
    }
}

/// A change for a held branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldWrite {
    /// The branch, old or new.
    pub held: HeldId,
    /// Whether the branch is new.
    pub new: bool,
    /// The case that the document belongs to.
    pub case: DocumentId,
    /// The document's kind.
    pub kind: Kind,
    /// Whose.
    pub author: UserId,
    /// From which device.
    pub device: DeviceId,
    /// Why.
    pub reason: Reason,
    /// The change's hash.
    pub hash: Hash,
    /// The change as it was pushed.
    pub push: Push,
}

/// An e-mail to be sent, once the plan is committed (R60, R66, R87).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailWrite {
    /// About which record: among `Plan::documents`.
    pub document: DocumentId,
    /// By which of the company's templates.
    pub template: String,
    /// To whom.
    pub to: Recipients,
}

/// To whom an e-mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// The record's client.
    Client,
    /// People of the company.
    Users(BTreeSet<UserId>),
}

/// An action to be sent to the ERP, once the plan is committed (R100).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionWrite {
    /// Of which record: among `Plan::documents`.
    pub document: DocumentId,
    /// Which.
    pub action: AcaoId,
    /// What it asks for.
    pub code: String,
}

/// What the ledger writes, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Entries, in order.
    pub log: Vec<LogWrite>,
    /// Documents, by id.
    pub documents: BTreeMap<DocumentId, DocumentWrite>,
    /// Everyone involved in a case through a document, where that changed: by case and document.
    pub involved: BTreeMap<(DocumentId, DocumentId), BTreeSet<UserId>>,
    /// Held changes, in order.
    pub held: Vec<HeldWrite>,
    /// The last number given out, before and after, if any was.
    pub last_number: Option<(u64, u64)>,
    /// Restrictions of cases that changed.
    pub restrictions: BTreeMap<DocumentId, Option<Restricao>>,
    /// E-mails that follow.
    pub emails: Vec<EmailWrite>,
    /// Actions that follow.
    pub actions: Vec<ActionWrite>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.held.is_empty()
    }
}

/// Adds the base to the positions in outcomes, which until then are places in `Plan::log`, from 1.
pub fn settle_positions(verdicts: &mut [Verdict], base: u64) {
    for verdict in verdicts {
        if let Outcome::Accepted { seq } = &mut verdict.outcome {
            *seq += base;
        }
    }
}
