//! Whether the person may see the record, and write each part that the change writes: now, or then,
//! as far as the device could know.

use super::case::{Admitted, Merged, Rejection, Requester, Target};
use crate::{document, inspect::Write, wire::Push};
use campo_domain::{
    ids::DeviceId,
    pessoa::Pessoa,
    policy::{self, Caso},
    refusal::{Codigo, Refusal},
    registro::Registro,
    workflow,
};
use std::cell::LazyCell;

/// Whether the person sees the case.
pub(super) fn scope(
    push: &Push,
    requester: &Requester,
    target: &Target<'_>,
    merged: &Merged,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let (registro, tipo) = (&merged.registro, &merged.tipo);
    let caso = Caso { envolvidos: target.involved, restricao: target.restriction };
    if policy::alcanca(&requester.pessoa, registro, tipo, &caso) {
        return Ok(());
    }
    let then = requester.as_of(push.seen);
    let lost_later = target.revoked_at.is_some_and(|revoked_at| revoked_at > push.seen);
    let mut envolvidos = target.involved.clone();
    let mut restricao = target.restriction;
    if lost_later {
        envolvidos.insert(then.id);
        restricao = None;
    }
    let caso = Caso { envolvidos: &envolvidos, restricao };
    if policy::alcanca(&then, registro, tipo, &caso) {
        late.get_or_insert(Refusal::new(Codigo::ForaDeAlcance));
        Ok(())
    } else {
        Err(Codigo::NaoEncontrado.into())
    }
}

/// What is not allowed now is late where it was then, else refused.
fn now_or_then(
    now: Result<(), Refusal>,
    then: impl FnOnce() -> Result<(), Refusal>,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let Err(refusal) = now else { return Ok(()) };
    match then() {
        Ok(()) => {
            late.get_or_insert(refusal);
            Ok(())
        }
        Err(_) => Err(Rejection::Refused(refusal)),
    }
}

/// Whether the person may write everything that the change writes.
pub(super) fn authorise(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    before: Option<&Merged>,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    match before {
        Some(before) => edit(push, admitted, requester, before, late),
        None => creation(push, admitted, requester, late),
    }
}

fn creation(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let Merged { registro, tipo, .. } = &admitted.merged;
    let (now, then) = (&requester.pessoa, requester.as_of(push.seen));
    let may = |pessoa| policy::pode_criar_registro(pessoa, registro, tipo);
    now_or_then(may(now), || may(&then), late)?;
    for write in &admitted.writes {
        let parte = write.parte(&admitted.writes);
        let may = |pessoa| policy::pode_criar(pessoa, tipo, parte);
        now_or_then(may(now), || may(&then), late)?;
    }
    Ok(())
}

fn edit(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    before: &Merged,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let tipo = &admitted.merged.tipo;
    let now = &requester.pessoa;
    let then = requester.as_of(push.seen);
    let situacao_now = before.registro.situacao(tipo);
    let situacao_then = || {
        let codigo = document::situacao(&before.document, Some(admitted.change.deps()));
        tipo.situacao(codigo.as_deref())
    };
    // A phone lets the person write as if the person's open requests were accepted. While they wait
    // for photos, such a change is right; afterwards it is held, since the person could not know.
    let on_phone = requester.device != DeviceId::ESCRITORIO;
    let predicted = |registro: &Registro, pessoa: &Pessoa| {
        on_phone.then(|| workflow::predict(registro, tipo, pessoa).situacao)
    };
    let predicted_now = LazyCell::new(|| predicted(&before.registro, now));
    let predicted_then = LazyCell::new(|| {
        let at_deps = before.document.fork_at(admitted.change.deps()).ok()?;
        predicted(&document::read(&at_deps).ok()?, &then)
    });
    let either = |pessoa: &Pessoa, real, predicted: &dyn Fn() -> Option<Option<String>>, parte| {
        let refused = match policy::pode_alterar(pessoa, tipo, real, parte) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let allowed = predicted().is_some_and(|codigo| {
            policy::pode_alterar(pessoa, tipo, tipo.situacao(codigo.as_deref()), parte).is_ok()
        });
        if allowed { Ok(()) } else { Err(refused) }
    };
    for write in &admitted.writes {
        existing_item(admitted, write, Some(before))?;
        if matches!(write, Write::Analise { encaminhar: Some(_), .. }) && on_phone {
            return Err(Codigo::ExigeConexao.into());
        }
        let parte = write.parte(&admitted.writes);
        let may_now = either(now, situacao_now, &|| predicted_now.clone(), parte);
        let may_then = || either(&then, situacao_then(), &|| predicted_then.clone(), parte);
        now_or_then(may_now, may_then, late)?;
    }
    Ok(())
}

/// A part that is written is there, and was not removed as far as its writer could know.
pub(super) fn existing_item(
    admitted: &Admitted,
    write: &Write,
    before: Option<&Merged>,
) -> Result<(), Rejection> {
    let (Write::ItemCampo { em, item, .. } | Write::ItemRemovido { em, item }) = write else {
        return Ok(());
    };
    if admitted.writes.contains(&Write::ItemNovo { em: *em, item: *item }) {
        return Ok(());
    }
    let gone = before.is_none_or(|before| {
        let deps = admitted.change.deps();
        !before.registro.colecao(*em).contains_key(item)
            || document::removido(&before.document, *em, *item, deps)
    });
    if gone { Err(Codigo::ItemInexistente.into()) } else { Ok(()) }
}
