//! What the server does by itself: it ends a wait, and says how far the bytes of files have come.

use super::{
    draft::Draft,
    requests::{judge_requests, verdict},
};
use crate::{admission::Merged, document, edit};
use automerge::ChangeHash;
use campo_domain::{
    fluxo::{Fase, Transicao},
    ids::{DocumentId, ItemId, PedidoId},
    pessoa::Pessoa,
    registro::SituacaoArquivo,
    workflow::{self, Asked, Onde},
};

/// Why the server asks for a transition by itself.
const INATIVIDADE: &str = "Sem movimentação no prazo de espera pelo cliente.";

/// `Planner::inactive`.
pub(super) fn inactive(
    draft: &mut Draft,
    document: DocumentId,
    heads: &[ChangeHash],
    pedido: PedidoId,
) -> bool {
    let Some(loaded) = draft.world.documents.get(&document) else { return false };
    let Merged { document: crdt, registro, tipo } = &loaded.merged;
    let sistema = Pessoa::servidor();
    let leads = |transicao: &&Transicao| {
        let asked = Asked { verb: &transicao.verbo, reason: Some(INATIVIDADE), brings: None };
        workflow::judge(registro, tipo, &sistema, asked, Onde::Servidor).is_ok()
    };
    let waits = registro.fase(tipo) == Fase::EsperaCliente && tipo.dias_inatividade.is_some();
    if document::heads(crdt) != heads || !waits {
        return false;
    }
    let Some(transicao) = tipo.fluxo.transicoes.iter().find(leads) else { return false };
    let (verbo, raiz) = (transicao.verbo.clone(), registro.raiz());
    draft.serve(document, |doc, actor, at| {
        edit::request(doc, actor, pedido, &verbo, INATIVIDADE, at)
    });
    verdict(draft, document, pedido, &sistema, Onde::Servidor);
    judge_requests(draft, document, None);
    let envolvidos = draft.registro(document).envolvidos();
    draft.involve(raiz, document, envolvidos);
    true
}

/// `Planner::file_state`.
pub(super) fn file_state(
    draft: &mut Draft,
    document: DocumentId,
    anexo: ItemId,
    situacao: SituacaoArquivo,
    motivo: Option<&str>,
) -> bool {
    let Some(loaded) = draft.world.documents.get(&document) else { return false };
    let registro = &loaded.merged.registro;
    if !registro.anexos.contains_key(&anexo) {
        return false;
    }
    let (raiz, atual) = (registro.raiz(), registro.arquivo(&anexo));
    if atual == situacao || atual == SituacaoArquivo::Verificada {
        return true;
    }
    draft.serve(document, |doc, actor, at| {
        edit::file_state(doc, actor, anexo, situacao, motivo, at)
    });
    judge_requests(draft, document, None);
    let envolvidos = draft.registro(document).envolvidos();
    draft.involve(raiz, document, envolvidos);
    true
}
