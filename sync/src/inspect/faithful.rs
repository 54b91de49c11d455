//! The gate's second look, at the record instead of at the operations.

use super::Write;
use campo_domain::{
    ids::{ItemId, UserId},
    parte::Colecao,
    registro::Registro,
};
use std::collections::BTreeMap;

/// Whether the record changed only where the change says that it writes. Independent of the walk
/// over the operations: a change may name as replaced what it does not write, and Automerge obeys.
pub(crate) fn only_what_it_says(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    let campo = |nome: &str| {
        writes.iter().any(|write| match write {
            Write::Campo { campo, .. } | Write::Texto { campo } => campo.nome == nome,
            _ => false,
        })
    };
    let parte = |colecao: Colecao, id: &ItemId| {
        writes.iter().any(|write| match write {
            Write::ItemNovo { em, item }
            | Write::ItemRemovido { em, item }
            | Write::ItemCampo { em, item, .. } => *em == colecao && item == id,
            _ => false,
        })
    };
    let partes = |colecao: Colecao| {
        let (old, new) = (before.colecao(colecao), after.colecao(colecao));
        old.iter().all(|(id, part)| parte(colecao, id) || new.get(id) == Some(part))
            && new.keys().all(|id| old.contains_key(id) || parte(colecao, id))
    };
    let participante = |id: &UserId| {
        writes.iter().any(|w| matches!(w, Write::Participante { usuario, .. } if usuario == id))
    };
    let interessado = |id: &UserId| {
        writes.iter().any(|w| matches!(w, Write::Interessado { usuario, .. } if usuario == id))
    };
    let untouched = |campo_do_item: bool, nome: &str| {
        let of = |registro: &Registro| {
            registro.conflitos.iter().find(|conflito| conflito.campo == nome).cloned()
        };
        campo_do_item || campo(nome) || of(before) == of(after)
    };
    let conflitos = before.conflitos.iter().chain(&after.conflitos);
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
        && before
            .kind
            .campos()
            .iter()
            .all(|c| campo(c.nome) || before.valor(c.nome) == after.valor(c.nome))
        && before.participantes.symmetric_difference(&after.participantes).all(participante)
        && before.interessados.symmetric_difference(&after.interessados).all(interessado)
        && Colecao::TODAS.into_iter().all(partes)
        && kept(
            &before.notas,
            &after.notas,
            |n| n.id,
            |n| writes.iter().any(|w| matches!(w, Write::Nota { id, .. } if *id == n.id)),
        )
        && kept(
            &before.pedidos,
            &after.pedidos,
            |p| p.id,
            |p| writes.contains(&Write::Pedido(p.id)),
        )
        && kept(
            &before.analises,
            &after.analises,
            |a| a.id,
            |a| writes.iter().any(|w| matches!(w, Write::Analise { id, .. } if *id == a.id)),
        )
        && conflitos.into_iter().all(|c| untouched(c.campo.contains('/'), &c.campo))
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
