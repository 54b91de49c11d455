//! The server's answer becomes the new state of a document and the fate of each command.

use super::{
    answer::Event,
    local::{Context, LocalDocument, Queued, View, Working, view_of},
    run::{RunError, Stamp, enqueue},
};
use crate::{
    document::{self, DocumentError},
    wire::{Hash, Outcome, Reason},
};
use automerge::{Automerge, Change, ReadDoc};
use campo_domain::{
    ids::{DocumentId, HeldId},
    refusal::Codigo,
};

/// The end of a command: accepted, held or refused. A command without a fate is pending.
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

/// Applies the server's events on one document. Accepted changes join `chunks`; held and refused
/// ones leave the queue. Commands queued after a refused one are run again on the server's state
/// with a new actor; those after a held one are sent to its branch. Applying the same events again
/// changes nothing.
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
    let mut document = existing.unwrap_or_else(|| LocalDocument::empty(id));
    let mut accepted = document::load(&document.chunks)?;
    let mut taken = Taken::default();
    for event in events {
        taken.event(&mut document, &mut accepted, event)?;
    }
    let Taken { mut settled, mut landed, replay, erased } = taken;
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
    // Accepted changes that build on some that have not arrived stay in the queue and are pushed
    // again, until a page has what they build on.
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

/// What the events have brought so far.
#[derive(Default)]
struct Taken {
    settled: Vec<Settled>,
    /// Accepted, but what they build on (a branch that was approved) may come later than the
    /// verdict.
    landed: Vec<Queued>,
    /// Whether the commands that remain must be written again.
    replay: bool,
    erased: bool,
}

impl Taken {
    fn event(
        &mut self,
        document: &mut LocalDocument,
        accepted: &mut Automerge,
        event: Event,
    ) -> Result<(), DocumentError> {
        match event {
            Event::Verdict { hash, outcome } => {
                self.replay |=
                    verdict(document, &mut self.landed, &mut self.settled, &hash, outcome);
            }
            Event::Change { bytes, generation } if generation == document.generation => {
                land(accepted, &mut self.landed, &mut self.settled)?;
                document::append(accepted, &bytes)?;
                document.in_scope = true;
            }
            Event::Snapshot { bytes, generation } => {
                if generation != document.generation {
                    *accepted = Automerge::new();
                    document.generation = generation;
                    self.replay = true;
                }
                document::extend(accepted, &bytes)?;
                document.in_scope = true;
            }
            // A change of another generation: a snapshot in the log includes it.
            Event::Change { .. } => {}
            Event::Revoked => document.in_scope = false,
            Event::Erased => {
                self.erased = true;
                document.in_scope = false;
                self.replay = true;
                *accepted = Automerge::new();
            }
        }
        Ok(())
    }
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
            // Commands that were queued after it go to the same branch unchanged. New ones are
            // written by a new actor, on the server's state.
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
