//! The commands that bring a record from what it was read as to what somebody asks for.

use campo_domain::{
    command::Command,
    ids::ItemId,
    parte::Colecao,
    registro::Registro,
    valor::{Campo, Valor},
};
use campo_screens::located;

/// One command for each field that changes. A field with a conflict is written even with the value
/// that shows: that settles it.
pub fn edits(record: &Registro, values: Vec<(&'static Campo, Valor)>) -> Vec<Command> {
    let changes = |(campo, value): &(&Campo, Valor)| {
        let disputed = record.conflitos.iter().any(|conflict| conflict.campo == campo.nome);
        disputed || record.valor(campo.nome) != value
    };
    let command = |(campo, value): (&'static Campo, Valor)| {
        let name = campo.nome.to_owned();
        if !campo.longo() {
            return Command::Editar { campo: name, valor: value, visto: None };
        }
        let text = |value: &Valor| value.texto().unwrap_or_default().to_owned();
        let from = text(record.valor(campo.nome));
        Command::EditarTexto { campo: name, de: from, para: text(&value) }
    };
    values.into_iter().filter(changes).map(command).collect()
}

/// As [`edits`], of a part; `None` where the record has no such part any more.
pub(crate) fn part_edits(
    record: &Registro,
    collection: Colecao,
    item: ItemId,
    values: Vec<(&'static Campo, Valor)>,
) -> Option<Vec<Command>> {
    let part = record.colecao(collection).get(&item).filter(|part| !part.removido)?;
    let disputed = |campo: &Campo| {
        let conflicts = record.conflitos.iter();
        let mut located = conflicts.filter_map(|conflict| located(record.kind, &conflict.campo));
        located.any(|at| at.part == Some((collection, item)) && at.campo.nome == campo.nome)
    };
    let changes =
        |(campo, value): &(&Campo, Valor)| part.valor(campo.nome) != value || disputed(campo);
    let command = |(campo, valor): (&'static Campo, Valor)| Command::EditarItem {
        em: collection,
        item,
        campo: campo.nome.to_owned(),
        valor,
        visto: None,
    };
    Some(values.into_iter().filter(changes).map(command).collect())
}
