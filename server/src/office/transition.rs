//! What a request for a transition brings with it.

use campo_domain::{
    ids::PedidoId,
    refusal::{Codigo, Refusal},
    registro::{Registro, TipoAnalise},
    tipo::Tipo,
    workflow,
};

/// The analysis that comes with a transition; none where none does. The rules find the transition
/// by its analysis, from where the record stands: it must be the one that was asked for. What the
/// record was asked for already is not looked at again.
///
/// # Errors
/// `transicao_nao_permitida`.
pub fn brings(
    record: &Registro,
    tipo: &Tipo,
    verb: &str,
    request: PedidoId,
) -> Result<Option<TipoAnalise>, Refusal> {
    let transition = tipo.fluxo.transicao(verb);
    let Some(analysis) = transition.and_then(|transition| transition.traz) else {
        return Ok(None);
    };
    let found = workflow::transition_bringing(record, tipo, analysis);
    let repeated = record.pedidos.iter().any(|asked| asked.id == request);
    if !repeated && found.is_ok_and(|found| found.verbo != verb) {
        let situacao = record.situacao(tipo).map_or(String::new(), |s| s.nome.clone());
        return Err(Refusal::with(Codigo::TransicaoNaoPermitida, [situacao, verb.to_owned()]));
    }
    Ok(Some(analysis))
}
