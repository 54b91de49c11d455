//! The device's side, pure: a person's command becomes a change in the queue; the server's answer
//! becomes the new state of each document and the fate of each command. `mobile-core` loads what
//! these functions take and writes what they return, each in one transaction; they touch nothing
//! else.

use crate::{
    document::{self, Actor, DocumentError},
    edit, inspect,
    wire::{Cursor, Entry, Hash, Limits, Outcome, Push, Reason, SyncRequest, SyncResponse},
};
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, UserId},
    pessoa::Pessoa,
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::{Tipo, Tipos},
    workflow::{self, Onde},
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

/// What a new command carries besides itself.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// A fresh id.
    pub id: CommandId,
    /// The device's clock.
    pub at: DateTime<Utc>,
    /// The cursor's `seq`.
    pub seen: u64,
    /// Fresh randomness, for a new actor if one is needed.
    pub nonce: u64,
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

/// The end of a command. There is no fifth: what is not settled is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Merged by the server.
    Accepted,
    /// Kept by the server for the office to decide.
    Held {
        /// The branch.
        held: HeldId,
        /// Why.
        reason: Reason,
    },
    /// Not taken in; kept on the device and shown.
    Refused {
        /// Why.
        reason: Reason,
    },
}

/// A command that reached its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The command as it was queued.
    pub queued: Queued,
    /// Its end.
    pub fate: Fate,
}

/// Something that the server said of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of a change that this device offered.
    Verdict {
        /// The change.
        hash: Hash,
        /// What became of it.
        outcome: Outcome,
    },
    /// A change that was merged.
    Change {
        /// The document's generation.
        generation: u32,
        /// One change chunk.
        bytes: Vec<u8>,
    },
    /// The whole document.
    Snapshot {
        /// The document's generation.
        generation: u32,
        /// Concatenated chunks.
        bytes: Vec<u8>,
    },
    /// Out of sight.
    Revoked,
    /// Erased for good.
    Erased,
}

/// Reference data as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `eu`, `tipo`, `usuario`, or a catalogue.
    pub collection: String,
    /// Key in the collection.
    pub key: String,
    /// False once it is no longer offered.
    pub active: bool,
    /// JSON.
    pub data: String,
}

/// The office's decision on a held branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The branch.
    pub held: HeldId,
    /// Whether it was merged.
    pub approved: bool,
    /// What the office said.
    pub note: Option<String>,
}

/// An answer, sorted by what it concerns. Apply the references first: documents may need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// Reference data, in log order.
    pub references: Vec<Reference>,
    /// Events of each document, in order; documents in the order of their first event.
    pub documents: Vec<(DocumentId, Vec<Event>)>,
    /// Decisions on held branches.
    pub decided: Vec<Decided>,
    /// To store in the same transaction.
    pub cursor: Cursor,
    /// Whether another page waits.
    pub more: bool,
    /// The present epoch.
    pub epoch: u64,
    /// What the server takes.
    pub limits: Limits,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
    /// Whose answer it is.
    pub user: UserId,
}

/// What [`absorb`] leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absorbed {
    /// The document's new state; `None` to forget it.
    pub document: Option<LocalDocument>,
    /// Commands that reached their end, in order.
    pub settled: Vec<Settled>,
    /// How the document reads now; `None` where it is out of sight or cannot be shown yet.
    pub view: Option<View>,
}

/// Assembles a request from unsettled commands, oldest first, as many as the limits allow. A
/// document from which one change was left out gives no later one. At least one change is always
/// taken.
pub fn request<'a>(
    device: DeviceId,
    epoch: u64,
    cursor: Cursor,
    limits: Limits,
    queued: impl IntoIterator<Item = (DocumentId, u32, &'a [u8], u64)>,
) -> SyncRequest {
    let mut push = Vec::new();
    let mut bytes = 0;
    for (document, generation, change, seen) in queued {
        bytes += change.len();
        let full =
            push.len() == limits.push_items_max as usize || bytes > limits.push_bytes_max as usize;
        if full && !push.is_empty() {
            break;
        }
        push.push(Push { document, generation, change: change.to_vec(), seen });
    }
    SyncRequest { protocol: crate::wire::PROTOCOL, device, epoch, cursor, push, limits }
}

/// Sorts an answer by what it concerns.
pub fn sort(response: SyncResponse) -> Sorted {
    let server_time = response.server_time();
    let mut sorted = Sorted {
        references: Vec::new(),
        documents: Vec::new(),
        decided: Vec::new(),
        cursor: response.cursor,
        more: response.more,
        epoch: response.epoch,
        limits: response.limits,
        server_time,
        user: response.user,
    };
    let mut positions = std::collections::BTreeMap::new();
    let mut add = |document: DocumentId, event: Event| {
        let documents: &mut Vec<(DocumentId, Vec<Event>)> = &mut sorted.documents;
        let position = *positions.entry(document).or_insert_with(|| {
            documents.push((document, Vec::new()));
            documents.len() - 1
        });
        documents[position].1.push(event);
    };
    for verdict in response.verdicts {
        add(verdict.document, Event::Verdict { hash: verdict.hash, outcome: verdict.outcome });
    }
    for entry in response.entries {
        match entry {
            Entry::Change { document, generation, bytes, .. } => {
                add(document, Event::Change { generation, bytes });
            }
            Entry::Snapshot { document, generation, bytes }
            | Entry::Generation { document, generation, bytes, .. } => {
                add(document, Event::Snapshot { generation, bytes });
            }
            Entry::Revoked { document, .. } => add(document, Event::Revoked),
            Entry::Erased { document, .. } => add(document, Event::Erased),
            Entry::Reference { collection, key, active, data, .. } => {
                sorted.references.push(Reference { collection, key, active, data });
            }
            Entry::HeldDecided { held, approved, note, .. } => {
                sorted.decided.push(Decided { held, approved, note });
            }
        }
    }
    sorted
}

/// What [`run`] leaves; the new command is the last of the document's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The document's new state.
    pub document: LocalDocument,
    /// How it reads now.
    pub view: View,
    /// False if the command changed nothing: there is then nothing to store.
    pub changed: bool,
}

/// A command that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The rules do not allow it; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What is stored could not be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// A document's CRDTs: what the server has, and that with the queue on top.
struct Working {
    accepted: Automerge,
    local: Automerge,
}

impl Working {
    fn open(document: &LocalDocument) -> Result<Self, DocumentError> {
        let accepted = document::load(&document.chunks)?;
        let mut working = Working { local: accepted.clone(), accepted };
        working.replay_queue(&document.queue)?;
        Ok(working)
    }

    /// Puts the queue on top. A change that builds on a held branch is offered to it but not shown:
    /// the server's state is what the person goes on from.
    fn replay_queue(&mut self, queue: &[Queued]) -> Result<(), DocumentError> {
        // All at once: each time costs as much as the document is long.
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

/// How a stored document reads.
///
/// # Errors
/// It cannot be read, or its tipo is not known here yet.
pub fn view(document: &LocalDocument, ctx: &Context<'_>) -> Result<View, DocumentError> {
    view_of(&Working::open(document)?.local, ctx)
}

fn view_of(local: &Automerge, ctx: &Context<'_>) -> Result<View, DocumentError> {
    let registro = document::read(local)?;
    let tipo = ctx.tipos.obter(&registro.tipo);
    let tipo = tipo.map_err(|_| DocumentError::UnknownTipo(registro.tipo.codigo.clone()))?;
    let previsto = workflow::prever(&registro, tipo, ctx.pessoa);
    Ok(View { registro, previsto, tipo: tipo.clone() })
}

/// Runs a command on the device: the rules first, then one change at the end of the queue. The
/// caller stores the result durably before it tells the person that it is done.
///
/// # Errors
/// [`RunError`]; nothing has changed then.
pub fn run(
    existing: Option<LocalDocument>,
    ctx: &Context<'_>,
    command: Command,
    stamp: Stamp,
) -> Result<Ran, RunError> {
    let mut document = match (existing, &command) {
        (Some(document), _) if !document.in_scope => {
            return Err(Refusal::new(Codigo::ForaDeAlcance).into());
        }
        (Some(document), _) => document,
        (None, Command::Criar { id, .. }) => LocalDocument {
            id: *id,
            generation: 1,
            chunks: Vec::new(),
            nonce: None,
            in_scope: true,
            queue: Vec::new(),
        },
        (None, _) => return Err(Refusal::new(Codigo::NaoEncontrado).into()),
    };
    let mut working = Working::open(&document)?;
    let before = document.queue.len();
    let read = enqueue(&mut document, &mut working.local, ctx, command, stamp)?;
    let changed = document.queue.len() > before;
    let view = match read {
        Some(view) if !changed => view,
        _ => view_of(&working.local, ctx)?,
    };
    Ok(Ran { document, view, changed })
}

/// Decides on a command and appends its change. Returns how the record read before.
fn enqueue(
    document: &mut LocalDocument,
    local: &mut Automerge,
    ctx: &Context<'_>,
    command: Command,
    stamp: Stamp,
) -> Result<Option<View>, RunError> {
    let (tipo, view) = match (&command, local.is_empty()) {
        (Command::Criar { tipo, .. }, true) => (ctx.tipos.obter(tipo)?.clone(), None),
        (_, true) => return Err(Refusal::new(Codigo::NaoEncontrado).into()),
        (_, false) => {
            let view = view_of(local, ctx)?;
            (view.tipo.clone(), Some(view))
        }
    };
    let previsto = view.as_ref().map(|view| &view.previsto);
    workflow::decide(previsto, &tipo, ctx.pessoa, &command, Onde::Aparelho)?;
    let nonce = *document.nonce.get_or_insert(stamp.nonce);
    let actor = Actor { user: ctx.pessoa.id, device: ctx.device, nonce };
    let change = edit::apply(local, actor, &command, &tipo, previsto, stamp.at)?;
    if let Some(change) = change {
        // What the server would not read is said now, not after days of trying.
        inspect::parse(change.raw_bytes(), &Limits::DEFAULT)?;
        document.queue.push(Queued {
            id: stamp.id,
            command,
            at: stamp.at,
            seen: stamp.seen,
            hash: change.hash().into(),
            change: change.raw_bytes().to_vec(),
        });
    }
    Ok(view)
}

/// Applies what the server said of one document. What it accepted joins `chunks`; what it held or
/// refused leaves the queue with its fate. The commands behind a refused one are replayed on the
/// server's state with a fresh actor; those behind a held one follow it to its branch. Applying the
/// same events again changes nothing.
///
/// # Errors
/// [`DocumentError::Gap`] if the log skipped something (the caller starts over from an empty
/// cursor); anything else means that the store is damaged. Nothing is lost: the caller keeps what
/// it had.
pub fn absorb(
    existing: Option<LocalDocument>,
    id: DocumentId,
    events: Vec<Event>,
    ctx: &Context<'_>,
    nonce: u64,
) -> Result<Absorbed, DocumentError> {
    let mut document = existing.unwrap_or_else(|| LocalDocument {
        id,
        generation: 1,
        chunks: Vec::new(),
        nonce: None,
        in_scope: false,
        queue: Vec::new(),
    });
    let mut accepted = document::load(&document.chunks)?;
    let mut settled = Vec::new();
    let mut replay = false;
    let mut erased = false;
    // Accepted, but what they build on (a branch that was approved) may come later than the
    // verdict.
    let mut landed = Vec::new();
    for event in events {
        match event {
            Event::Verdict { hash, outcome } => {
                replay |= verdict(&mut document, &mut landed, &mut settled, &hash, outcome);
            }
            Event::Change { bytes, generation } if generation == document.generation => {
                land(&mut accepted, &mut landed, &mut settled)?;
                document::append(&mut accepted, &bytes)?;
                document.in_scope = true;
            }
            Event::Snapshot { bytes, generation } => {
                if generation != document.generation {
                    accepted = Automerge::new();
                    document.generation = generation;
                    replay = true;
                }
                document::extend(&mut accepted, &bytes)?;
                document.in_scope = true;
            }
            // A change of another generation: the snapshot that brings it here is in the log too.
            Event::Change { .. } => {}
            Event::Revoked => document.in_scope = false,
            Event::Erased => {
                erased = true;
                document.in_scope = false;
                replay = true;
                accepted = Automerge::new();
            }
        }
    }
    land(&mut accepted, &mut landed, &mut settled)?;
    if !document.in_scope {
        let landed = landed.drain(..);
        settled.extend(landed.map(|queued| Settled { queued, fate: Fate::Accepted }));
    }
    // What the server turns out to have is accepted, however it got there (ff01).
    let known = |queued: &Queued| accepted.get_change_by_hash(&queued.hash.into()).is_some();
    let (done, rest): (Vec<_>, Vec<_>) = document.queue.drain(..).partition(known);
    settled.extend(done.into_iter().map(|queued| Settled { queued, fate: Fate::Accepted }));
    document.queue = rest;

    let mut working = Working { local: accepted.clone(), accepted };
    // A queue that no longer fits the document (a restored backup) is written again as well.
    if replay || working.replay_queue(&document.queue).is_err() {
        working.local = working.accepted.clone();
        replay_commands(&mut document, &mut working, ctx, nonce, &mut settled)?;
    }
    // They are offered again until they fit: with the page that brings what they build on.
    document.queue.splice(0..0, landed);
    document.chunks = document::save(&working.accepted);
    let gone = erased || (!document.in_scope && document.queue.is_empty());
    // A creation that is held leaves no document, but what was written behind it has to follow it.
    let nothing = working.local.is_empty();
    if gone || (nothing && document.queue.is_empty()) {
        return Ok(Absorbed { document: None, settled, view: None });
    }
    if nothing || !document.in_scope {
        return Ok(Absorbed { document: Some(document), settled, view: None });
    }
    let view = match view_of(&working.local, ctx) {
        Ok(view) => Some(view),
        Err(DocumentError::UnknownTipo(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Absorbed { document: Some(document), settled, view })
}

/// Adds what was accepted and whose dependencies are here; the rest stays.
fn land(
    accepted: &mut Automerge,
    landed: &mut Vec<Queued>,
    settled: &mut Vec<Settled>,
) -> Result<(), DocumentError> {
    for queued in std::mem::take(landed) {
        let change = Change::try_from(&queued.change[..])?;
        if change.deps().iter().all(|dep| accepted.get_change_meta_by_hash(dep).is_some()) {
            accepted.apply_changes([change])?;
            settled.push(Settled { queued, fate: Fate::Accepted });
        } else {
            landed.push(queued);
        }
    }
    Ok(())
}

/// Takes one verdict in; true if the commands behind it must be replayed.
fn verdict(
    document: &mut LocalDocument,
    landed: &mut Vec<Queued>,
    settled: &mut Vec<Settled>,
    hash: &Hash,
    outcome: Outcome,
) -> bool {
    let position = document.queue.iter().position(|queued| queued.hash == *hash);
    // Said before, or said to a change that a replay has replaced.
    let Some(position) = position else { return false };
    let fate = match outcome {
        Outcome::Missing { .. } => return false,
        Outcome::StaleGeneration { .. } => return true,
        Outcome::Accepted { .. } | Outcome::Known { .. } => {
            landed.push(document.queue.remove(position));
            return false;
        }
        Outcome::Held { id, reason } => {
            // What was written behind it, as blindly, belongs to the same branch and follows it
            // there as it is; what comes now is another actor's.
            document.nonce = None;
            Fate::Held { held: id, reason }
        }
        // The person's work is fine, only its numbering is not: write it again.
        Outcome::Refused { reason } if reason.code == Codigo::SequenciaRepetida.codigo() => {
            return true;
        }
        Outcome::Refused { reason } => Fate::Refused { reason },
    };
    let rollback = matches!(fate, Fate::Refused { .. });
    let queued = document.queue.remove(position);
    settled.push(Settled { queued, fate });
    rollback
}

/// Writes the commands that remain again, on the server's state, as a fresh actor.
fn replay_commands(
    document: &mut LocalDocument,
    working: &mut Working,
    ctx: &Context<'_>,
    nonce: u64,
    settled: &mut Vec<Settled>,
) -> Result<(), DocumentError> {
    document.nonce = None;
    for queued in std::mem::take(&mut document.queue) {
        let stamp = Stamp { id: queued.id, at: queued.at, seen: queued.seen, nonce };
        let command = queued.command.clone();
        let before = document.queue.len();
        match enqueue(document, &mut working.local, ctx, command, stamp) {
            Ok(_) if document.queue.len() > before => {}
            // It says what the record says already.
            Ok(_) => settled.push(Settled { queued, fate: Fate::Accepted }),
            Err(RunError::Refused(refusal)) => {
                let reason = Reason::from(&refusal);
                settled.push(Settled { queued, fate: Fate::Refused { reason } });
                // It may have been written before it was found too large: begin from the queue.
                working.local = working.accepted.clone();
                working.replay_queue(&document.queue)?;
            }
            Err(RunError::Document(error)) => return Err(error),
        }
    }
    Ok(())
}
