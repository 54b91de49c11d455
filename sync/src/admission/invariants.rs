//! What always holds of a record, and how large a document may grow.

use super::case::{Admitted, Merged, Rejection, Requester};
use crate::{document, wire::Push};
use automerge::ReadDoc;
use campo_domain::{
    ids::DeviceId,
    invariantes,
    parte::Colecao,
    pessoa::Pessoa,
    refusal::{Codigo, Refusal},
    registro::Registro,
    workflow,
};

/// Bytes of all notes, reasons and analyses of a document.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Operations in the history of a document. With the above it keeps a snapshot well below what a
/// client unpacks.
const OPERATIONS_MAX: u64 = 500_000;

/// Whether the change leaves the record no worse, now or where it was made.
pub(super) fn invariants(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    before: Option<&Merged>,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    bounds(&admitted.merged)?;
    let Merged { registro, tipo, .. } = &admitted.merged;
    let Some(before) = before else { return Ok(invariantes::verificar(registro, tipo)?) };
    // As in `authorise`: on a phone, what the situação asks for is asked where its owner's own
    // requests lead to as well.
    let worse = |antes: &Registro, depois: &Registro, pessoa: &Pessoa| {
        let Err(refusal) = invariantes::piora(antes, depois, tipo) else { return Ok(()) };
        if requester.device == DeviceId::ESCRITORIO || antes.pedidos_pendentes().next().is_none() {
            return Err(refusal);
        }
        let situacao = workflow::predict(antes, tipo, pessoa).situacao;
        let em = |registro: &Registro| Registro { situacao: situacao.clone(), ..registro.clone() };
        invariantes::piora(&em(antes), &em(depois), tipo).map_err(|_| refusal)
    };
    let Err(refusal) = worse(&before.registro, registro, &requester.pessoa) else { return Ok(()) };
    // Hold the change if it was right on the record as its author knew it, and is wrong only
    // together with later changes.
    let mut then =
        before.document.fork_at(admitted.change.deps()).map_err(|_| Codigo::AlteracaoInvalida)?;
    let registro_before = document::read(&then)?;
    then.apply_changes([admitted.change.clone()]).map_err(|_| Codigo::AlteracaoInvalida)?;
    let pessoa = requester.as_of(push.seen);
    if worse(&registro_before, &document::read(&then)?, &pessoa).is_err() {
        return Err(refusal.into());
    }
    // Two people who said the same relationship said it once too often, and nothing else.
    if refusal.codigo != Codigo::VinculoRepetido {
        late.get_or_insert(refusal);
    }
    Ok(())
}

/// Bounds on the whole document, which no single operation shows.
pub(super) fn bounds(merged: &Merged) -> Result<(), Refusal> {
    let registro = &merged.registro;
    let over = |o_que: &str, max: usize| {
        let detalhes = vec![o_que.to_owned(), max.to_string()];
        Err(Refusal { codigo: Codigo::LimiteExcedido, detalhes })
    };
    for campo in registro.kind.campos().iter().filter(|campo| campo.longo()) {
        campo.validar(registro.valor(campo.nome))?;
    }
    let notas = registro.notas.iter().map(|nota| nota.texto.len());
    let motivos = registro.pedidos.iter().filter_map(|p| p.motivo.as_ref()).map(String::len);
    let analises = registro.analises.iter().map(|analise| analise.texto.len());
    if notas.chain(motivos).chain(analises).sum::<usize>() > TEXT_BYTES_MAX {
        return over("bytes de texto", TEXT_BYTES_MAX);
    }
    if merged.document.stats().num_ops > OPERATIONS_MAX {
        return over("operações no histórico", OPERATIONS_MAX as usize);
    }
    for colecao in Colecao::TODAS {
        if registro.colecao(colecao).len() > workflow::ITENS_MAX {
            return over(colecao.codigo(), workflow::ITENS_MAX);
        }
    }
    if registro.analises.len() > workflow::ANALISES_MAX {
        return over("análises", workflow::ANALISES_MAX);
    }
    if registro.notas.len() > workflow::NOTAS_MAX {
        return over("anotações", workflow::NOTAS_MAX);
    }
    if registro.pedidos.len() > workflow::PEDIDOS_MAX {
        return over("pedidos", workflow::PEDIDOS_MAX);
    }
    if registro.participantes.len() > workflow::PARTICIPANTES_MAX {
        return over("participantes", workflow::PARTICIPANTES_MAX);
    }
    if registro.interessados.len() > workflow::PARTICIPANTES_MAX {
        return over("interessados", workflow::PARTICIPANTES_MAX);
    }
    Ok(())
}
