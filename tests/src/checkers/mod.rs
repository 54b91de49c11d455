//! What must always hold: after each step, after each complete synchronisation, and at the end.

mod business;
mod markers;
mod violation;

use crate::{
    device::{Account, Device},
    ledger::HeldBranch,
    oracle::Oracle,
};
use automerge::ChangeHash;
pub(crate) use business::{agree, done, judged, proven, same};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId, UserId},
};
use campo_sync::{
    client::{Fate, Settled},
    document,
    wire::{Entry, Hash, Outcome, SyncResponse},
};
use std::collections::{BTreeMap, BTreeSet};
pub(crate) use violation::{Checked, ensure, violated};
pub use violation::{Checker, Violation};

/// 7: every entry of an answer is something that the person sees now.
pub(crate) fn only_in_scope(oracle: &Oracle, usuario: UserId, response: &SyncResponse) -> Checked {
    for entry in &response.entries {
        let seen = match entry {
            Entry::Change { document, .. }
            | Entry::Snapshot { document, .. }
            | Entry::Generation { document, .. } => oracle.sees(usuario, *document),
            Entry::Reference { collection, key, .. } => {
                let addressee = oracle.addressee(collection, key);
                addressee.is_some_and(|a| a.is_none_or(|addressee| addressee == usuario))
            }
            Entry::Revoked { document, .. } => !oracle.sees(usuario, *document),
            Entry::HeldDecided { .. } | Entry::Erased { .. } => true,
        };
        ensure(seen, Checker::Scope, || format!("{usuario} was sent {entry:?}"))?;
    }
    Ok(())
}

/// 1 and 6, at a completed synchronisation: the device holds what the person sees, up to the heads
/// that the server had when it answered, and nothing else.
pub(crate) fn holds_what_is_seen(
    account: &Account,
    expected: &BTreeMap<DocumentId, Vec<ChangeHash>>,
    who: &str,
) -> Checked {
    let held: BTreeMap<&DocumentId, &Vec<ChangeHash>> = account
        .documents
        .values()
        .filter(|document| document.in_scope && !document.chunks.is_empty())
        .filter_map(|document| Some((&document.id, account.heads.get(&document.id)?)))
        .collect();
    for (id, heads) in expected {
        let Some(held) = held.get(id) else {
            let what = format!("{who} was not sent the document {id}");
            return Err(violated(Checker::Cursor, what));
        };
        ensure(*held == heads, Checker::Cursor, || {
            format!("{who} stands at {held:?} of {id}, the server at {heads:?}")
        })?;
    }
    let more = held.keys().find(|id| !expected.contains_key(*id));
    ensure(more.is_none(), Checker::Convergence, || {
        format!("{who} holds the document {more:?}, which is out of sight")
    })
}

/// 8: a request that is sent again gets the same verdicts.
pub(crate) fn same_verdicts(first: &SyncResponse, again: &SyncResponse) -> Checked {
    let alike = |(a, b): (&Outcome, &Outcome)| match (a, b) {
        (Outcome::Accepted { seq: a } | Outcome::Known { seq: a }, Outcome::Known { seq: b }) => {
            a == b
        }
        (a, b) => a == b,
    };
    let outcomes = |response: &SyncResponse| -> Vec<Outcome> {
        response.verdicts.iter().map(|verdict| verdict.outcome.clone()).collect()
    };
    let (first, again) = (outcomes(first), outcomes(again));
    let same = first.len() == again.len() && first.iter().zip(&again).all(alike);
    ensure(same, Checker::Replay, || format!("answered {first:?}, then {again:?}"))
}

/// 2: the stored documents have the heads that follow from the log.
pub(crate) fn stored_is_logged(oracle: &Oracle, stored: &[(DocumentId, Vec<u8>)]) -> Checked {
    let logged: BTreeSet<DocumentId> = oracle.documents().collect();
    let ids: BTreeSet<DocumentId> = stored.iter().map(|(id, _)| *id).collect();
    ensure(logged == ids, Checker::NothingLost, || {
        format!("{:?} are logged or stored only", logged.symmetric_difference(&ids))
    })?;
    for (id, chunks) in stored {
        let heads = document::load(chunks).map(|document| document::heads(&document));
        let heads = heads.map_err(|e| violated(Checker::NothingLost, format!("{id}: {e}")))?;
        ensure(heads == oracle.heads(*id), Checker::NothingLost, || {
            format!("{id} is stored with the heads {heads:?}, the log says {:?}", oracle.heads(*id))
        })?;
    }
    Ok(())
}

/// A command that a device told its person was done.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    /// The command.
    pub id: CommandId,
    /// The index of the phone.
    pub device: usize,
    /// Who.
    pub usuario: UserId,
}

/// 2 and 3, at the end: every command ended accepted, held or refused, exactly once, and what the
/// server has confirms it.
pub(crate) fn one_fate(
    oracle: &Oracle,
    devices: &[Device],
    issued: &[Issued],
    held: &[HeldBranch],
) -> Checked {
    let branches: BTreeMap<_, _> = held.iter().map(|branch| (branch.id, branch)).collect();
    for command in issued {
        let device = &devices[command.device];
        let account = &device.accounts[&command.usuario];
        let pending = account.queue().iter().filter(|(_, q)| q.id == command.id).count();
        ensure(pending == 0, Checker::OneFate, || {
            format!("{} of {} is still pending", command.id, command.usuario)
        })?;
        let fates: Vec<&Settled> =
            account.settled.iter().filter(|settled| settled.queued.id == command.id).collect();
        let [settled] = fates[..] else {
            let written = oracle.hashes_of(command.id);
            let what = written.last().and_then(|hash| oracle.written(hash));
            let what = format!("{} fates of {written:?}: {what:?}", fates.len());
            return Err(violated(Checker::OneFate, what));
        };
        bears_out(oracle, &branches, settled, device.restored)?;
    }
    Ok(())
}

fn bears_out(
    oracle: &Oracle,
    branches: &BTreeMap<campo_domain::ids::HeldId, &HeldBranch>,
    settled: &Settled,
    restored: bool,
) -> Checked {
    let queued = &settled.queued;
    let document = oracle.written(&queued.hash).map(|written| written.document);
    let Some(document) = document else {
        return Err(violated(Checker::OneFate, format!("nobody wrote {:?}", queued.hash)));
    };
    let of_command = oracle.hashes_of(queued.id);
    let merged: Vec<&Hash> =
        of_command.iter().filter(|hash| oracle.merged(document, hash).is_some()).collect();
    let say = |what: &str| {
        violated(
            Checker::OneFate,
            format!("{what}: {:?} of {document}, {:?}", queued.command, settled.fate),
        )
    };
    if merged.len() > 1 && !restored {
        return Err(say("merged twice"));
    }
    match &settled.fate {
        Fate::Accepted => {
            let nothing_to_say = matches!(
                queued.command,
                Command::Editar { .. }
                    | Command::EditarTexto { .. }
                    | Command::EditarItem { .. }
                    | Command::RemoverItem { .. }
                    | Command::Participar { .. }
                    | Command::Interessar { .. }
            );
            ensure(merged.len() == 1 || nothing_to_say, Checker::NothingLost, || {
                format!("accepted and not there: {:?} of {document}", queued.command)
            })?;
            if merged.is_empty() {
                return Ok(());
            }
            markers::found(oracle, document, &queued.command)
        }
        Fate::Held { held, .. } => {
            let branch = branches.get(held).ok_or_else(|| say("there is no such branch"))?;
            let kept = branch
                .changes
                .iter()
                .any(|(hash, bytes)| *hash == queued.hash && *bytes == queued.change);
            if !kept {
                return Err(say("the branch lacks it"));
            }
            let approved = branch.decided == Some(true);
            if merged.len() == 1 && !approved && !restored {
                return Err(say("held and merged"));
            }
            if approved && merged.is_empty() {
                return Err(say("approved and not merged"));
            }
            Ok(())
        }
        Fate::Refused { .. } if merged.is_empty() || restored => Ok(()),
        Fate::Refused { .. } => Err(say("refused and merged")),
    }
}
