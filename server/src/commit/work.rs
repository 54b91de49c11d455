//! What can be committed, and the answers.

use super::corretiva::Linking;
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, HeldId, ItemId, UserId},
    refusal::Refusal,
    registro::SituacaoArquivo,
};
use campo_sync::wire::{Push, Verdict};
use chrono::{DateTime, Utc};

/// Something to commit.
#[derive(Clone, Debug)]
pub enum Work {
    /// Changes from a device.
    Push {
        /// The person.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// The changes, those of a document in causal order.
        pushes: Vec<Push>,
    },
    /// Commands from the office, all or none of them.
    Office {
        /// The person.
        user: UserId,
        /// The commands, each with its record.
        commands: Vec<(DocumentId, Command)>,
        /// If set, refused unless this record still has these heads.
        only_if: Option<(DocumentId, Vec<ChangeHash>)>,
    },
    /// The office's decision on a held branch.
    Decide {
        /// The person who decides.
        user: UserId,
        /// The branch.
        held: HeldId,
        /// Whether it is merged.
        approve: bool,
        /// A word to the author.
        note: Option<String>,
        /// When the last of it had come that the person saw: refused if more has come since.
        seen: Option<DateTime<Utc>>,
    },
    /// Records are linked to an ação corretiva, which is opened if it is new; all or nothing.
    Corretiva(Linking),
    /// A record has waited too long for the client (R54).
    Inactive {
        /// The record.
        document: DocumentId,
        /// Its heads when it was found. If it has others now, it does not wait any more.
        heads: Vec<ChangeHash>,
    },
    /// How far the bytes of a file have come.
    File {
        /// The record.
        document: DocumentId,
        /// The file.
        attachment: ItemId,
        /// The new state.
        state: SituacaoArquivo,
        /// The code of a refusal.
        reason: Option<&'static str>,
    },
}

impl Work {
    /// The linking, if it is one.
    pub(super) fn corretiva(&self) -> Option<&Linking> {
        match self {
            Work::Corretiva(linking) => Some(linking),
            _ => None,
        }
    }

    /// Bytes of its changes, which bound the size of a batch.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Work::Push { pushes, .. } => pushes.iter().map(|push| push.change.len()).sum(),
            Work::Office { .. }
            | Work::Decide { .. }
            | Work::Corretiva(_)
            | Work::Inactive { .. }
            | Work::File { .. } => 0,
        }
    }
}

/// The result of a [`Work`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of a push: one verdict for each change, in order.
    Verdicts(Vec<Verdict>),
    /// Of the office's commands, decisions and linkings.
    Office(Result<(), Refusal>),
    /// Of [`Work::Inactive`]: whether the record was ended.
    Ended(bool),
    /// Of [`Work::File`]: whether the record has such a file.
    File(bool),
}
