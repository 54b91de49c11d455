//! A person does something on the device: the rules first, then one change at the end of the queue.

use super::local::{Context, LocalDocument, Queued, View, Working, view_of};
use crate::{
    document::{Actor, DocumentError},
    edit, inspect,
    wire::Limits,
};
use automerge::Automerge;
use campo_domain::{
    command::Command,
    ids::CommandId,
    refusal::{Codigo, Refusal},
    workflow::{self, Onde},
};
use chrono::{DateTime, Utc};

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
        (None, Command::Criar { id, .. }) => {
            LocalDocument { in_scope: true, ..LocalDocument::empty(*id) }
        }
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
pub(super) fn enqueue(
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
