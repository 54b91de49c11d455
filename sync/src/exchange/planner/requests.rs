//! Requests of transition: judged as they come, or once the photos that they need have been
//! verified; and what follows them.

use super::draft::Draft;
use crate::{
    admission::Requester,
    edit,
    exchange::plan::{EmailWrite, Recipients},
};
use campo_domain::{
    fluxo::Consequencia,
    ids::{DeviceId, DocumentId, PedidoId, UserId},
    pessoa::{Permissao, Pessoa},
    registro::Registro,
    workflow::{self, Asked, Onde},
};
use std::collections::BTreeSet;

/// Judges the requests of a record that have no verdict yet, in causal order, each by its author's
/// permissions of today. A request whose photos are on their way waits. Later requests of the same
/// author on a phone wait with it, because the phone shows it as done; requests of the office or of
/// other people do not.
pub(super) fn judge_requests(draft: &mut Draft, id: DocumentId, requester: Option<&Requester>) {
    let pending = |registro: &Registro| -> Vec<(PedidoId, UserId, DeviceId)> {
        let pending = registro.pedidos_pendentes();
        pending.map(|pedido| (pedido.id, pedido.autoria.por, pedido.autoria.em)).collect()
    };
    if let Some(Requester { pessoa, .. }) = requester {
        // A request that waits may be judged after a later push of the same batch.
        draft.world.authors.insert(pessoa.id, pessoa.clone());
    }
    // Requests of a branch that the office approves are judged as if made in the office.
    let in_office = requester.filter(|r| r.device == DeviceId::ESCRITORIO);
    let in_office = in_office.map(|requester| requester.pessoa.id);
    loop {
        let before = pending(draft.registro(id));
        let mut waiting = BTreeSet::new();
        for (pedido, por, em) in &before {
            let Some(pessoa) = draft.world.authors.get(por).cloned() else { continue };
            let there = *em == DeviceId::ESCRITORIO;
            let office = there || in_office == Some(*por);
            let onde = if office { Onde::Servidor } else { Onde::Aparelho };
            let behind = !there && waiting.contains(por);
            if behind || !verdict(draft, id, *pedido, &pessoa, onde) {
                waiting.insert(*por);
            }
        }
        // A verdict may let an earlier request be judged that had to wait.
        let left = pending(draft.registro(id)).len();
        if left == 0 || left == before.len() {
            return;
        }
    }
}

/// Judges a request, unless it waits for photos. Says whether it was judged.
pub(super) fn verdict(
    draft: &mut Draft,
    id: DocumentId,
    pedido: PedidoId,
    por: &Pessoa,
    onde: Onde,
) -> bool {
    let merged = &draft.world.documents[&id].merged;
    let (registro, tipo) = (&merged.registro, merged.tipo.clone());
    let Some(request) = registro.pedidos.iter().find(|p| p.id == pedido) else { return true };
    let (email, verbo) = (request.email, request.verbo.clone());
    let de = registro.situacao(&tipo).map_or(String::new(), |s| s.codigo.clone());
    let traz = registro.analises.iter().find(|a| a.pedido == Some(pedido)).map(|a| a.tipo);
    let asked = Asked { verb: &verbo, reason: request.motivo.as_deref(), brings: traz };
    let resultado = workflow::judge_request(registro, &tipo, por, asked, onde);
    if resultado.is_ok() && workflow::photos_on_their_way(registro, &tipo, &verbo).is_some() {
        return false;
    }
    draft.serve(id, |doc, actor, at| edit::verdict(doc, actor, pedido, &de, &resultado, at));
    if let (Ok(_), Some(transicao)) = (resultado, tipo.fluxo.transicao(&verbo)) {
        for efeito in &transicao.efeitos {
            follow(draft, id, efeito, email, por);
        }
    }
    true
}

/// What follows a transition that was done.
fn follow(draft: &mut Draft, id: DocumentId, efeito: &Consequencia, email: bool, por: &Pessoa) {
    let registro = draft.registro(id);
    let (template, to) = match efeito {
        Consequencia::NotificarInteressados(template) => {
            (template, Recipients::Users(registro.interessados.clone()))
        }
        Consequencia::OferecerEmail(template) if email => (template, Recipients::Client),
        Consequencia::OferecerEmail(_) => return,
        Consequencia::AtribuirSeVazio => {
            if registro.responsavel().is_none() && por.pode(Permissao::Ver) {
                hand(draft, id, por.id);
            }
            return;
        }
    };
    if to != Recipients::Users(BTreeSet::new()) {
        draft.plan.emails.push(EmailWrite { document: id, template: template.clone(), to });
    }
}

/// Hands the record to somebody, where its tipo knows a responsável.
pub(super) fn hand(draft: &mut Draft, id: DocumentId, usuario: UserId) {
    let merged = &draft.world.documents[&id].merged;
    let known = merged.registro.kind.campo("responsavel").is_some();
    if known && merged.tipo.tem_campo("responsavel") {
        draft.serve(id, |doc, actor, at| edit::hand_to(doc, actor, usuario, at));
    }
}
