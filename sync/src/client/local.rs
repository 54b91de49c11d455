//! What a device holds of one document, and how that reads.

use crate::{
    document::{self, DocumentError},
    wire::Hash,
};
use automerge::{Automerge, Change, ChangeHash};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId},
    pessoa::Pessoa,
    registro::Registro,
    tipo::{Tipo, Tipos},
    workflow,
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeSet, sync::Arc};

/// Who works, where, and with which tipos.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The person signed in.
    pub pessoa: &'a Pessoa,
    /// This installation.
    pub device: DeviceId,
    /// The company's tipos, as far as the device knows.
    pub tipos: &'a Tipos,
}

/// All that a device holds of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDocument {
    /// Its id.
    pub id: DocumentId,
    /// The generation that `chunks` and `queue` build on.
    pub generation: u32,
    /// What the server is known to have: concatenated chunks; empty before the creation is
    /// accepted.
    pub chunks: Vec<u8>,
    /// The random end of the actor of the queue's changes; `None` before the first and after a
    /// rollback.
    pub nonce: Option<u64>,
    /// False once the person lost sight of it: only unsent work remains.
    pub in_scope: bool,
    /// Commands not settled yet, oldest first, each with the change that it became.
    pub queue: Vec<Queued>,
}

/// A command that waits for its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its id, which survives a replay.
    pub id: CommandId,
    /// What the person did.
    pub command: Command,
    /// When, by this device's clock.
    pub at: DateTime<Utc>,
    /// The cursor's `seq` at that time.
    pub seen: u64,
    /// The change to offer.
    pub change: Vec<u8>,
    /// Its hash.
    pub hash: Hash,
}

/// How a document reads, for lists and screens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// With everything that this device wrote; situação and verdicts as the server last said.
    pub registro: Registro,
    /// As it will stand if the server accepts what the person asked for.
    pub previsto: Registro,
    /// Its tipo.
    pub tipo: Arc<Tipo>,
}

/// A document's CRDTs: what the server has, and that with the queue on top.
pub(super) struct Working {
    pub(super) accepted: Automerge,
    pub(super) local: Automerge,
}

impl Working {
    pub(super) fn open(document: &LocalDocument) -> Result<Self, DocumentError> {
        let accepted = document::load(&document.chunks)?;
        let mut working = Working { local: accepted.clone(), accepted };
        working.replay_queue(&document.queue)?;
        Ok(working)
    }

    /// Applies the queue to the local document, except changes that build on a held branch: they
    /// are sent, to join the branch, but the person goes on from the server's state.
    pub(super) fn replay_queue(&mut self, queue: &[Queued]) -> Result<(), DocumentError> {
        // In one call, since each costs time in proportion to the document.
        let (mut changes, mut hashes) = (Vec::new(), BTreeSet::new());
        for queued in queue {
            let change = Change::try_from(&queued.change[..])?;
            let known = |dep: &ChangeHash| {
                hashes.contains(dep) || self.local.get_change_meta_by_hash(dep).is_some()
            };
            if change.deps().iter().all(known) {
                hashes.insert(change.hash());
                changes.push(change);
            }
        }
        Ok(self.local.apply_changes(changes)?)
    }
}

impl LocalDocument {
    /// A document of which this device holds nothing yet.
    pub(super) fn empty(id: DocumentId) -> Self {
        LocalDocument {
            id,
            generation: 1,
            chunks: Vec::new(),
            nonce: None,
            in_scope: false,
            queue: Vec::new(),
        }
    }
}

/// How a stored document reads.
///
/// # Errors
/// It cannot be read, or its tipo is not known here yet.
pub fn view(document: &LocalDocument, ctx: &Context<'_>) -> Result<View, DocumentError> {
    view_of(&Working::open(document)?.local, ctx)
}

pub(super) fn view_of(local: &Automerge, ctx: &Context<'_>) -> Result<View, DocumentError> {
    let registro = document::read(local)?;
    let tipo = ctx.tipos.obter(&registro.tipo);
    let tipo = tipo.map_err(|_| DocumentError::UnknownTipo(registro.tipo.codigo.clone()))?;
    let previsto = workflow::predict(&registro, tipo, ctx.pessoa);
    Ok(View { registro, previsto, tipo: tipo.clone() })
}
