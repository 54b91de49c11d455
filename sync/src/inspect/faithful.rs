//! The gate's second look, at the record instead of at the operations.

use super::inspected::Write;
use campo_domain::{
    ids::{ItemId, UserId},
    parte::Colecao,
    registro::{Analise, Conflito, Nota, Pedido, Registro},
};
use std::collections::BTreeMap;

/// Whether the record changed only where the change says that it writes. The walk over the
/// operations is not enough: a change may name values as replaced that it does not write, and
/// Automerge removes those.
pub(crate) fn only_what_it_says(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    same_header(before, after)
        && Colecao::TODAS.into_iter().all(|colecao| parts(before, after, writes, colecao))
        && fields(before, after, writes)
        && people(before, after, writes)
        && facts(before, after, writes)
}

/// What no person's change writes is as it was.
fn same_header(before: &Registro, after: &Registro) -> bool {
    before.id == after.id
        && before.kind == after.kind
        && before.tipo == after.tipo
        && before.criacao == after.criacao
        && before.criado_em == after.criado_em
        && before.recebido_em == after.recebido_em
        && before.numero == after.numero
        && before.situacao == after.situacao
        && before.acoes == after.acoes
        && before.restricao == after.restricao
        && before.restricao_por == after.restricao_por
        && before.corretivas == after.corretivas
        && before.arquivos == after.arquivos
}

fn fields(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    let written = |nome: &str| {
        writes.iter().any(|write| match write {
            Write::Campo { campo, .. } => campo.nome == nome,
            _ => false,
        })
    };
    let several = |registro: &'_ Registro| -> BTreeMap<String, Conflito> {
        let all = registro.conflitos.iter().chain(&registro.juncoes);
        all.map(|conflito| (conflito.campo.clone(), conflito.clone())).collect()
    };
    let (old, new) = (several(before), several(after));
    let of_a_part = |nome: &str| nome.contains('/');
    let campos = before.kind.campos();
    campos.iter().all(|c| written(c.nome) || before.valor(c.nome) == after.valor(c.nome))
        && old
            .keys()
            .chain(new.keys())
            .all(|nome| of_a_part(nome) || written(nome) || old.get(nome) == new.get(nome))
}

fn parts(before: &Registro, after: &Registro, writes: &[Write], colecao: Colecao) -> bool {
    let written = |id: &ItemId| {
        writes.iter().any(|write| match write {
            Write::ItemNovo { em, item }
            | Write::ItemRemovido { em, item }
            | Write::ItemCampo { em, item, .. } => *em == colecao && item == id,
            _ => false,
        })
    };
    let (old, new) = (before.colecao(colecao), after.colecao(colecao));
    old.iter().all(|(id, part)| written(id) || new.get(id) == Some(part))
        && new.keys().all(|id| old.contains_key(id) || written(id))
}

fn people(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    let participante = |id: &UserId| {
        writes.iter().any(|w| matches!(w, Write::Participante { usuario, .. } if usuario == id))
    };
    let interessado = |id: &UserId| {
        writes.iter().any(|w| matches!(w, Write::Interessado { usuario, .. } if usuario == id))
    };
    before.participantes.symmetric_difference(&after.participantes).all(participante)
        && before.interessados.symmetric_difference(&after.interessados).all(interessado)
}

/// Notes, requests and analyses.
fn facts(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    let nota = |n: &Nota| writes.iter().any(|w| matches!(w, Write::Nota { id, .. } if *id == n.id));
    let pedido = |p: &Pedido| writes.contains(&Write::Pedido(p.id));
    let analise =
        |a: &Analise| writes.iter().any(|w| matches!(w, Write::Analise { id, .. } if *id == a.id));
    kept(&before.notas, &after.notas, |n| n.id, nota)
        && kept(&before.pedidos, &after.pedidos, |p| p.id, pedido)
        && kept(&before.analises, &after.analises, |a| a.id, analise)
}

/// Whether everything old is still there as it was, and everything new is among what was written.
fn kept<T: PartialEq, K: Ord>(
    before: &[T],
    after: &[T],
    key: impl Fn(&T) -> K,
    written: impl Fn(&T) -> bool,
) -> bool {
    let old: BTreeMap<K, &T> = before.iter().map(|part| (key(part), part)).collect();
    let (same, new): (Vec<&T>, Vec<&T>) =
        after.iter().partition(|part| old.get(&key(part)).is_some_and(|old| old == part));
    same.len() == before.len() && new.into_iter().all(written)
}
