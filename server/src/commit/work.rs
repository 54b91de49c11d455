//! What may be committed, and what is answered.

use super::corretiva::Vinculacao;
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, HeldId, ItemId, UserId},
    refusal::Refusal,
    registro::SituacaoArquivo,
};
use campo_sync::wire::{Push, Verdict};

/// Something to commit.
#[derive(Clone, Debug)]
pub enum Work {
    /// Changes from a device.
    Push {
        /// Who pushes.
        user: UserId,
        /// From where.
        device: DeviceId,
        /// What, in causal order within a document.
        pushes: Vec<Push>,
    },
    /// Commands from the office, all or none of them.
    Office {
        /// Who.
        user: UserId,
        /// On which record what.
        commands: Vec<(DocumentId, Command)>,
        /// Only while this record has these heads.
        se: Option<(DocumentId, Vec<ChangeHash>)>,
    },
    /// The office decides on a held branch.
    Decide {
        /// Who.
        user: UserId,
        /// Which branch.
        held: HeldId,
        /// Merge it, or not.
        approve: bool,
        /// What the office says to the author.
        note: Option<String>,
    },
    /// Records join an ação corretiva, which is opened if it is new; all of it or nothing.
    Corretiva(Vinculacao),
    /// A record has waited too long for the client.
    Inatividade {
        /// Which.
        document: DocumentId,
        /// As it was found: whatever moved since begins the wait anew.
        heads: Vec<ChangeHash>,
    },
    /// How far the bytes of a file have come.
    Arquivo {
        /// Of which record.
        document: DocumentId,
        /// Which file.
        anexo: ItemId,
        /// How far.
        situacao: SituacaoArquivo,
        /// Why they were discarded: a code.
        motivo: Option<&'static str>,
    },
}

impl Work {
    /// The ação corretiva that it is about.
    pub(super) fn corretiva(&self) -> Option<&Vinculacao> {
        match self {
            Work::Corretiva(pedida) => Some(pedida),
            _ => None,
        }
    }

    /// Bytes of changes that it brings.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Work::Push { pushes, .. } => pushes.iter().map(|push| push.change.len()).sum(),
            Work::Office { .. }
            | Work::Decide { .. }
            | Work::Corretiva(_)
            | Work::Inatividade { .. }
            | Work::Arquivo { .. } => 0,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of a push: one verdict for each change.
    Verdicts(Vec<Verdict>),
    /// Of the office's doing.
    Office(Result<(), Refusal>),
    /// Whether the wait was ended.
    Ended(bool),
    /// Whether the record has such a file.
    Arquivo(bool),
}
