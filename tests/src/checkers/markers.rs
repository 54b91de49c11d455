//! What an accepted command wrote is found in the record, or somebody wrote over it.

use super::{Checked, Checker, ensure, violated};
use crate::oracle::Oracle;
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId},
    registro::Registro,
    valor::Valor,
};

/// 2: looks for everything that the command wrote.
pub(super) fn found(oracle: &Oracle, id: DocumentId, command: &Command) -> Checked {
    let Some((registro, _)) = oracle.registro(id) else {
        return Err(violated(Checker::NothingLost, format!("the document {id} is gone")));
    };
    ensure(part(registro, command), Checker::NothingLost, || {
        format!("accepted and not found in {id}: {command:?}")
    })?;
    for (place, valor) in writes(command) {
        let shown = value(registro, &place) == valor;
        let beside = registro.conflitos.iter().any(|conflito| {
            conflito.campo == place && conflito.versoes.iter().any(|v| v.valor == valor)
        });
        let rewritten = || {
            let others = oracle.commands(id);
            others.filter(|other| writes(other).iter().any(|(p, _)| *p == place)).count() > 1
        };
        ensure(shown || beside || rewritten(), Checker::NothingLost, || {
            format!("{place} of {id} was accepted as {valor:?} and nobody wrote over it")
        })?;
    }
    Ok(())
}

/// What is only ever added.
fn part(registro: &Registro, command: &Command) -> bool {
    let judged = |pedido| registro.pedidos.iter().any(|p| p.id == pedido && p.veredito.is_some());
    match command {
        Command::Anotar { id, texto } => {
            registro.notas.iter().any(|nota| nota.id == *id && nota.texto == *texto)
        }
        Command::IncluirItem { item } => registro.itens.contains_key(&item.id),
        Command::RemoverItem { item } => registro.itens.get(item).is_some_and(|i| i.removido),
        Command::Transicionar { pedido, .. } => judged(*pedido),
        Command::EmitirLaudo { pedido, laudo, .. } => {
            registro.laudos.iter().any(|l| l.id == *laudo) && judged(*pedido)
        }
        Command::Criar { itens, .. } => {
            itens.iter().all(|item| registro.itens.contains_key(&item.id))
        }
        Command::Editar { .. }
        | Command::EditarTexto { .. }
        | Command::EditarItem { .. }
        | Command::Participar { .. } => true,
    }
}

fn of_item(item: ItemId, campo: &str) -> String {
    format!("itens/{}/{campo}", item.uuid().simple())
}

/// What the command writes that others may write over, by place.
fn writes(command: &Command) -> Vec<(String, Valor)> {
    let item = |item: &NovoItem| -> Vec<(String, Valor)> {
        let campos = item.campos.iter();
        campos.map(|(campo, valor)| (of_item(item.id, campo), valor.clone())).collect()
    };
    let writes = match command {
        Command::Criar { campos, itens, .. } => {
            let campos = campos.iter().map(|(campo, valor)| (campo.clone(), valor.clone()));
            campos.chain(itens.iter().flat_map(item)).collect()
        }
        Command::IncluirItem { item: new } => item(new),
        Command::Editar { campo, valor } => vec![(campo.clone(), valor.clone())],
        Command::EditarTexto { campo, para, .. } => {
            vec![(campo.clone(), Valor::Texto(para.clone()))]
        }
        Command::EditarItem { item, campo, valor } => {
            vec![(of_item(*item, campo), valor.clone())]
        }
        Command::Participar { usuario, participa } => {
            vec![(format!("participantes/{usuario}"), Valor::Logico(*participa))]
        }
        _ => Vec::new(),
    };
    writes.into_iter().map(|(place, valor)| (place, plain(valor))).collect()
}

/// Empty text and nothing are the same.
fn plain(valor: Valor) -> Valor {
    match valor {
        Valor::Texto(texto) if texto.is_empty() => Valor::Nulo,
        valor => valor,
    }
}

fn value(registro: &Registro, place: &str) -> Valor {
    if let Some(usuario) = place.strip_prefix("participantes/") {
        let takes_part = registro.participantes.iter().any(|p| p.to_string() == usuario);
        return Valor::Logico(takes_part);
    }
    let item = registro.itens.iter().find_map(|(id, item)| {
        let campo = place.strip_prefix(&of_item(*id, ""))?;
        Some(item.campos.get(campo).cloned().unwrap_or(Valor::Nulo))
    });
    item.unwrap_or_else(|| registro.valor(place).clone())
}
