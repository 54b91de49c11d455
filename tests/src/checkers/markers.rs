//! What an accepted command wrote must be in the record, unless somebody else wrote over it.

use super::violation::{Checked, Checker, ensure, violated};
use crate::oracle::Oracle;
use campo_domain::{
    command::{Command, NovoItem},
    fluxo::Consequencia,
    ids::{DocumentId, ItemId},
    parte::Colecao,
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};

/// 2: looks for everything that the command wrote.
pub(super) fn found(oracle: &Oracle, id: DocumentId, command: &Command) -> Checked {
    let Some((registro, tipo)) = oracle.registro(id) else {
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
        let assigned = place == "responsavel" && assigned(registro, tipo);
        ensure(shown || beside || assigned || rewritten(), Checker::NothingLost, || {
            format!("{place} of {id} was accepted as {valor:?} and nobody wrote over it")
        })?;
    }
    Ok(())
}

/// Whether an accepted transition may have set the responsável (R60).
fn assigned(registro: &Registro, tipo: &Tipo) -> bool {
    registro.feitos().any(|(pedido, _)| {
        let transicao = tipo.fluxo.transicao(&pedido.verbo);
        transicao.is_some_and(|t| t.efeitos.contains(&Consequencia::AtribuirSeVazio))
    })
}

/// Whether the record has the notes, parts, requests and analyses that the command adds. Nobody can
/// write over these.
fn part(registro: &Registro, command: &Command) -> bool {
    // The oracle checks the verdict.
    let asked = |pedido| registro.pedidos.iter().any(|p| p.id == pedido);
    match command {
        Command::Anotar { id, texto, visibilidade, resposta_a } => {
            let mut notas = registro.notas.iter();
            notas.any(|nota| {
                (nota.id, &nota.texto, nota.visibilidade, nota.resposta_a)
                    == (*id, texto, *visibilidade, *resposta_a)
            })
        }
        Command::IncluirItem { em, item } => registro.colecao(*em).contains_key(&item.id),
        Command::RemoverItem { em, item } => {
            registro.colecao(*em).get(item).is_some_and(|i| i.removido)
        }
        Command::Transicionar { pedido, .. } => asked(*pedido),
        Command::Analisar { analise, tipo, texto, procedente, pedido, .. } => {
            let found = registro.analises.iter().find(|a| a.id == *analise);
            let same = found.is_some_and(|a| {
                (a.tipo, &a.texto, a.procedente, a.pedido)
                    == (*tipo, texto, *procedente, pedido.map(|pedido| pedido.id))
            });
            same && pedido.is_none_or(|pedido| asked(pedido.id))
        }
        Command::Criar { itens, .. } => {
            itens.iter().all(|item| registro.itens.contains_key(&item.id))
        }
        Command::Editar { .. }
        | Command::EditarTexto { .. }
        | Command::EditarItem { .. }
        | Command::Participar { .. }
        | Command::Interessar { .. }
        | Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => true,
    }
}

fn of_part(em: Colecao, item: ItemId, campo: &str) -> String {
    format!("{em}/{}/{campo}", item.uuid().simple())
}

/// The values that the command writes and others may write over, each with its place: the name of
/// a field, or a path to it within a part.
fn writes(command: &Command) -> Vec<(String, Valor)> {
    let part = |em: Colecao, item: &NovoItem| -> Vec<(String, Valor)> {
        let campos = item.campos.iter();
        campos.map(|(campo, valor)| (of_part(em, item.id, campo), valor.clone())).collect()
    };
    let writes = match command {
        Command::Criar { campos, itens, .. } => {
            let campos = campos.iter().map(|(campo, valor)| (campo.clone(), valor.clone()));
            let itens = itens.iter().flat_map(|item| part(Colecao::Itens, item));
            campos.chain(itens).collect()
        }
        Command::IncluirItem { em, item: new } => part(*em, new),
        Command::Editar { campo, valor, .. } => vec![(campo.clone(), valor.clone())],
        Command::EditarTexto { campo, para, .. } => {
            vec![(campo.clone(), Valor::Texto(para.clone()))]
        }
        Command::EditarItem { em, item, campo, valor, .. } => {
            vec![(of_part(*em, *item, campo), valor.clone())]
        }
        Command::Analisar { encaminhar: Some(usuario), .. } => {
            vec![("responsavel".to_owned(), Valor::Id(usuario.uuid()))]
        }
        Command::Participar { usuario, participa } => {
            vec![(format!("participantes/{usuario}"), Valor::Logico(*participa))]
        }
        Command::Interessar { usuario, interessado } => {
            vec![(format!("interessados/{usuario}"), Valor::Logico(*interessado))]
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
    for (prefix, people) in
        [("participantes/", &registro.participantes), ("interessados/", &registro.interessados)]
    {
        if let Some(usuario) = place.strip_prefix(prefix) {
            return Valor::Logico(people.iter().any(|p| p.to_string() == usuario));
        }
    }
    let part = Colecao::TODAS.into_iter().find_map(|em| {
        registro.colecao(em).iter().find_map(|(id, part)| {
            let campo = place.strip_prefix(&of_part(em, *id, ""))?;
            Some(part.campos.get(campo).cloned().unwrap_or(Valor::Nulo))
        })
    });
    part.unwrap_or_else(|| registro.valor(place).clone())
}
