//! The gate: whether a change is admitted, or why not. What `exchange` has parsed within the limits
//! and does not know yet is judged in this order: the actor belongs to this person on this device,
//! scope, dependencies, every operation resolved, applied on a scratch copy, every write against
//! the policy table, invariants of the domain.
//!
//! Late edits are judged by causality, not by clocks. What is not allowed now, but was when the
//! person wrote it as far as the device could know, was done in good faith: *held*, for the office
//! to decide. Done knowingly: *refused*. Facts inside the document are judged at the change's
//! dependencies; facts outside it (permissions, scope) at the log position that the device had
//! seen.

mod authorise;
mod case;
mod invariants;
mod merge;

use crate::{document::Actor, wire::Push};
use authorise::{authorise, existing_item, scope};
use automerge::Change;
use campo_domain::{
    ids::DeviceId,
    pessoa::Permissao,
    policy,
    refusal::{Codigo, Refusal},
};
use invariants::{bounds, invariants};
use merge::{dependencies, merge};

pub(crate) use case::{Admitted, Rejection, Rules, Target};
pub use case::{Merged, Requester};

/// Judges one parsed change.
///
/// # Errors
/// Why it is not merged.
pub(crate) fn admit(
    push: &Push,
    change: Change,
    requester: &Requester,
    target: &Target<'_>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    let actor = Actor::parse(change.actor_id()).ok_or(Codigo::AutorAlheio)?;
    if actor.user != requester.pessoa.id || actor.device != requester.device {
        return Err(Codigo::AutorAlheio.into());
    }
    if requester.pessoa.portal() && requester.device != DeviceId::ESCRITORIO {
        // Clients have no app, so no device may send anything in a client's name.
        return Err(Refusal::sem_permissao(Permissao::Ver).into());
    }
    if change.other_actor_ids().iter().any(|other| Actor::parse(other).is_none()) {
        return Err(Codigo::OperacaoNaoPermitida.into());
    }
    if target.erased {
        return Err(Codigo::Apagado.into());
    }
    if push.generation != target.generation {
        return Err(Rejection::Stale(target.generation));
    }
    let mut late = None;
    if let Some(merged) = target.merged {
        scope(push, requester, target, merged, &mut late)?;
    }
    dependencies(&change, target, rules)?;
    let admitted = merge(push.document, change, target.merged, rules)?;
    if target.merged.is_none() && !target.involved.is_empty() {
        // It joins a case that is here: that takes sight of the case. One that is not here yet
        // may begin with a child.
        scope(push, requester, target, &admitted.merged, &mut late)?;
    }
    authorise(push, &admitted, requester, target.merged, &mut late)?;
    invariants(push, &admitted, requester, target.merged, &mut late)?;
    match late {
        None => Ok(admitted),
        Some(refusal) => Err(Rejection::Held(refusal)),
    }
}

/// Merges a change that the office approved: whatever it is allowed to write, it must be
/// well-formed and complete.
///
/// # Errors
/// As [`admit`], never `Held`.
pub(crate) fn admit_approved(
    push: &Push,
    change: Change,
    target: &Target<'_>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    if target.erased {
        return Err(Codigo::Apagado.into());
    }
    if push.generation != target.generation {
        return Err(Rejection::Stale(target.generation));
    }
    dependencies(&change, target, rules)?;
    let admitted = merge(push.document, change, target.merged, rules)?;
    for write in admitted.writes.iter().filter(|_| target.merged.is_some()) {
        // The office may approve what came too late, but not what nobody may ever write.
        let parte = write.parte(&admitted.writes);
        if policy::regra(parte, &admitted.merged.tipo).alterar.is_none() {
            return Err(Codigo::CampoProtegido.into());
        }
        existing_item(&admitted, write, target.merged)?;
    }
    bounds(&admitted.merged)?;
    Ok(admitted)
}
