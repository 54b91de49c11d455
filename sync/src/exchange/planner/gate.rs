//! One change after the other through the gate: merged, held or refused.

use super::{
    draft::Draft,
    requests::{hand, judge_requests},
};
use crate::{
    admission::{self, Admitted, Rejection, Requester, Rules, Target},
    edit,
    exchange::{
        plan::{HeldWrite, LogWrite},
        world::{Branch, genesis, parents},
    },
    inspect::{self, Write},
    wire::{Hash, Outcome, Push, Reason, Verdict},
};
use automerge::Change;
use campo_domain::{
    ids::{DeviceId, DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    policy,
    refusal::{Codigo, Refusal},
    registro::Registro,
};

/// `Planner::push`.
pub(super) fn push(draft: &mut Draft, requester: &Requester, push: &Push) -> Verdict {
    let parsed = inspect::parse(&push.change, &draft.world.limits);
    let hash = inspect::hash_of(&push.change);
    let outcome = match parsed {
        Err(refusal) => refuse(draft, refusal),
        Ok(change) => judge(draft, requester, push, change, hash),
    };
    Verdict { document: push.document, hash, outcome }
}

/// Judges a change that could be read.
fn judge(
    draft: &mut Draft,
    requester: &Requester,
    push: &Push,
    change: Change,
    hash: Hash,
) -> Outcome {
    // A change that was answered before gets the same answer, before any other check (ff01). This
    // reveals nothing: only those who have the change know its hash.
    let key = (push.document, hash);
    if let Some(place) = draft.merged_now.get(&key) {
        return Outcome::Accepted { seq: *place };
    }
    if let Some(seq) = draft.world.logged.get(&key) {
        return Outcome::Known { seq: *seq };
    }
    if let Some(branch) = draft.world.branches.get(&key) {
        return Outcome::Held { id: branch.id, reason: branch.reason.clone() };
    }
    let deps: Vec<Hash> = change.deps().iter().map(|dep| Hash::from(*dep)).collect();
    let bytes_hash = change.hash();
    let registro = registro_of(draft, push);
    let misplaced = registro.as_ref().and_then(|registro| misplaced(draft, registro));
    let raiz = registro.map(|registro| registro.raiz());
    let admitted = target(draft, push.document, raiz, requester.pessoa.id, |target, rules| {
        inspect::guarded(|| admission::admit(push, change, requester, target, rules))
    });
    let admitted = admitted.unwrap_or_else(|| Err(Codigo::AlteracaoInvalida.into()));
    let admitted = admitted.and_then(|admitted| match out_of_reach(draft, &admitted) {
        // The office can correct it at once. A phone could not know, so its work is held.
        Some(refusal) if requester.device == DeviceId::ESCRITORIO => Err(refusal.into()),
        Some(refusal) => Err(Rejection::Held(refusal)),
        None => Ok(admitted),
    });
    match (admitted, misplaced) {
        // Only said to somebody who may create such a record, since it reveals what the parent is.
        (Ok(_) | Err(Rejection::Held(_)), Some(refusal)) => refuse(draft, refusal),
        (Ok(admitted), None) => {
            let seq = merge(draft, push, requester, admitted);
            draft.merged_now.insert((push.document, bytes_hash.into()), seq);
            Outcome::Accepted { seq }
        }
        (Err(Rejection::Held(refusal)), None) => {
            hold(draft, requester, push, hash, &deps, &refusal)
        }
        (Err(Rejection::Missing(deps)), _) => Outcome::Missing { deps },
        (Err(Rejection::Refused(refusal)), _) => refuse(draft, refusal),
        (Err(Rejection::Stale(now)), _) => Outcome::StaleGeneration { now },
    }
}

/// `Planner::approve`.
pub(super) fn approve(
    draft: &mut Draft,
    held: HeldId,
    author: &Requester,
    changes: &[Push],
) -> Result<(), Refusal> {
    // The branch is merged as a whole, or nothing of it.
    let before = draft.state();
    let done = approve_each(draft, author, changes);
    if done.is_ok() {
        decided(draft, held, author.pessoa.id);
    } else {
        draft.restore(before);
    }
    done
}

fn approve_each(draft: &mut Draft, author: &Requester, changes: &[Push]) -> Result<(), Refusal> {
    for push in changes {
        let change = inspect::parse(&push.change, &draft.world.limits)?;
        let hash: Hash = change.hash().into();
        let key = (push.document, hash);
        if draft.world.logged.contains_key(&key) || draft.merged_now.contains_key(&key) {
            continue;
        }
        let raiz = registro_of(draft, push).map(|registro| registro.raiz());
        let admitted = target(draft, push.document, raiz, author.pessoa.id, |target, rules| {
            let alone = Target { on_branch: &|_| false, ..*target };
            inspect::guarded(|| admission::admit_approved(push, change, &alone, rules))
        });
        let admitted = admitted.unwrap_or_else(|| Err(Codigo::AlteracaoInvalida.into()));
        let admitted = admitted.map_err(|rejection| match rejection {
            Rejection::Refused(refusal) | Rejection::Held(refusal) => refusal,
            Rejection::Missing(_) | Rejection::Stale(_) => Refusal::new(Codigo::AlteracaoInvalida),
        })?;
        if let Some(refusal) = misplaced(draft, &admitted.merged.registro) {
            return Err(refusal);
        }
        let seq = merge(draft, push, author, admitted);
        draft.merged_now.insert(key, seq);
    }
    Ok(())
}

/// `Planner::decided`.
pub(super) fn decided(draft: &mut Draft, held: HeldId, author: UserId) {
    draft.plan.log.push(LogWrite::HeldDecided { user: author, held });
}

/// Judges what is to be written to a document, as it stands in the draft.
fn target<T>(
    draft: &Draft,
    id: DocumentId,
    raiz: Option<DocumentId>,
    user: UserId,
    judge: impl FnOnce(&Target<'_>, &Rules<'_>) -> T,
) -> T {
    let loaded = draft.world.documents.get(&id);
    let involved = raiz.map(|raiz| draft.involved(raiz)).unwrap_or_default();
    let target = Target {
        merged: loaded.map(|loaded| &loaded.merged),
        generation: loaded.map_or(1, |loaded| loaded.generation),
        erased: draft.world.erased.contains(&id),
        involved: &involved,
        restriction: raiz.and_then(|raiz| draft.world.restrictions.get(&raiz)),
        revoked_at: raiz.and_then(|raiz| draft.world.revoked.get(&(user, raiz)).copied()),
        on_branch: &|hash| draft.world.branches.contains_key(&(id, *hash)),
    };
    let rules = Rules { tipos: &draft.world.tipos, skip_dependencies: draft.skip_dependencies };
    judge(&target, &rules)
}

/// Adds an admitted change to the draft, then what the server writes because of it: the number and
/// the verdicts. Returns its place in the plan's log, from 1.
fn merge(draft: &mut Draft, push: &Push, requester: &Requester, admitted: Admitted) -> u64 {
    let new = !draft.world.documents.contains_key(&push.document);
    let raiz = admitted.merged.registro.raiz();
    if new && !draft.world.cases.contains_key(&raiz) {
        // A new case: everybody who sees it gets all its changes, so nobody needs a snapshot.
        draft.involve(raiz, push.document, admitted.merged.registro.envolvidos());
    }
    let handed = admitted.writes.iter().find_map(|write| match write {
        Write::Analise { encaminhar, .. } => *encaminhar,
        _ => None,
    });
    let generation = push.generation;
    let seq = draft.write(push.document, generation, admitted);
    if new {
        receive(draft, push.document);
    }
    if let Some(usuario) = handed {
        hand(draft, push.document, usuario);
    }
    judge_requests(draft, push.document, Some(requester));
    let envolvidos = draft.registro(push.document).envolvidos();
    draft.involve(raiz, push.document, envolvidos);
    seq
}

/// Writes when a new document arrived, and the number of a kind that has numbers.
fn receive(draft: &mut Draft, id: DocumentId) {
    let kind = draft.registro(id).kind;
    let numero = kind.numerado().then(|| {
        let before = draft.world.last_number;
        let next = before + 1;
        draft.world.last_number = next;
        draft.plan.last_number.get_or_insert((before, next)).1 = next;
        format!("{}/{next:06}", draft.world.year)
    });
    draft.serve(id, |doc, actor, at| edit::received(doc, actor, numero.as_deref(), at));
}

/// Holds a change: in the branch that it builds on, or in a new one.
fn hold(
    draft: &mut Draft,
    requester: &Requester,
    push: &Push,
    hash: Hash,
    deps: &[Hash],
    refusal: &Refusal,
) -> Outcome {
    // A branch that was approved is merged already; a change that builds on it gets a new branch.
    let on = |dep: &Hash| {
        let key = (push.document, *dep);
        let merged = draft.world.logged.contains_key(&key) || draft.merged_now.contains_key(&key);
        draft.world.branches.get(&key).filter(|_| !merged).cloned()
    };
    let continued = deps.iter().find_map(on);
    let new = continued.is_none();
    let mut branch = continued.unwrap_or_else(|| Branch {
        id: (draft.mint)(),
        decided: false,
        reason: Reason::from(refusal),
    });
    branch.decided = false;
    let registro = registro_of(draft, push);
    let write = HeldWrite {
        held: branch.id,
        new,
        case: registro.as_ref().map_or(push.document, Registro::raiz),
        kind: registro.map_or(Kind::Assistencia, |registro| registro.kind),
        author: requester.pessoa.id,
        device: requester.device,
        reason: branch.reason.clone(),
        hash,
        push: push.clone(),
    };
    draft.plan.held.push(write);
    draft.said = Some(refusal.clone());
    let outcome = Outcome::Held { id: branch.id, reason: branch.reason.clone() };
    draft.world.branches.insert((push.document, hash), branch);
    outcome
}

/// Whether a new record names parents of the wrong kind: it would belong to a case that it has
/// nothing to do with. The links never change afterwards, so existing records pass.
fn misplaced(draft: &Draft, registro: &Registro) -> Option<Refusal> {
    if draft.world.documents.contains_key(&registro.id) {
        return None;
    }
    let wrong = parents(registro).find(|(parent, kind)| {
        let parent = draft.world.documents.get(parent);
        parent.is_some_and(|parent| parent.merged.registro.kind != *kind)
    });
    if let Some((_, kind)) = wrong {
        let detalhes = vec![kind.rotulo().to_owned()];
        return Some(Refusal { codigo: Codigo::ValorInvalido, detalhes });
    }
    // An agenda of an ocorrência belongs to the same case, so it names the same assistência.
    let ocorrencia = registro.referencia("ocorrencia").map(DocumentId::from);
    let ocorrencia = ocorrencia.and_then(|id| draft.world.documents.get(&id))?;
    let assistencia = ocorrencia.merged.registro.referencia("assistencia");
    let nomeada = registro.referencia("assistencia");
    let codigo = match nomeada {
        None => Codigo::CamposObrigatorios,
        Some(_) => Codigo::ValorInvalido,
    };
    let detalhes = vec![Kind::Assistencia.rotulo().to_owned()];
    let wrong = assistencia.is_some() && nomeada != assistencia;
    wrong.then_some(Refusal { codigo, detalhes })
}

/// Refuses to assign the record to a person who left the company or may not see it (R86), since
/// nobody would work on it.
fn out_of_reach(draft: &Draft, admitted: &Admitted) -> Option<Refusal> {
    let handed = admitted.writes.iter().find_map(|write| match write {
        Write::Campo { campo, valor } if campo.nome == "responsavel" => valor.id(),
        Write::Analise { encaminhar, .. } => encaminhar.map(UserId::uuid),
        _ => None,
    })?;
    let restricao = draft.world.restrictions.get(&admitted.merged.registro.raiz());
    let pessoa = draft.world.assignees.get(&handed.into());
    let opens = |pessoa: &Pessoa| pessoa.pode(Permissao::Ver) && policy::listado(pessoa, restricao);
    (!pessoa.is_some_and(opens)).then(|| Refusal::new(Codigo::ResponsavelSemAcesso))
}

fn refuse(draft: &mut Draft, refusal: Refusal) -> Outcome {
    let reason = Reason::from(&refusal);
    draft.said = Some(refusal);
    Outcome::Refused { reason }
}

/// The record that a push concerns: as merged, or as its genesis makes it.
fn registro_of(draft: &Draft, push: &Push) -> Option<Registro> {
    if let Some(loaded) = draft.world.documents.get(&push.document) {
        return Some(loaded.merged.registro.clone());
    }
    let change = inspect::parse(&push.change, &draft.world.limits).ok()?;
    inspect::guarded(|| genesis(change)).flatten()
}
