//! The terminal client's commands that only show something.

use crate::{
    args::{ListArgs, LookCommand},
    failure::Failure,
    output::Output,
};
use campo_mobile_core::{Filtro, Ordem, Phone, View};
use chrono::Utc;

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &LookCommand) -> Result<(), Failure> {
    let id = |texto: &str| phone.resolver(texto, None);
    match command {
        LookCommand::Agenda { dia, todos } => {
            let today = || Utc::now().with_timezone(&output.fuso).date_naive();
            let dia = dia.unwrap_or_else(today);
            let rows =
                if *todos { phone.agenda_de_todos(dia)? } else { phone.agenda_do_dia(dia)? };
            output.agenda(&rows);
        }
        LookCommand::Assistencias(list) => {
            let page = phone.assistencias(&filter(list))?;
            output.rows(&page, &page.linhas);
        }
        LookCommand::Ocorrencias(list) => {
            let page = phone.ocorrencias(&filter(list))?;
            output.rows(&page, &page.linhas);
        }
        LookCommand::Clientes { busca } => {
            let rows = phone.clientes(busca)?;
            output.rows(&rows, &rows);
        }
        LookCommand::Search { texto } => {
            let rows = phone.search(texto)?;
            output.rows(&rows, &rows);
        }
        LookCommand::Show { id: texto } => {
            let id = id(texto)?;
            output.record(&phone.show(id)?, &phone.acompanhamento(id, View::Tudo)?);
        }
        LookCommand::Acompanhamento { id: texto, vista } => {
            output.history(&phone.acompanhamento(id(texto)?, *vista)?);
        }
        LookCommand::Catalogos => output.catalogues(&phone.catalogos()?),
        LookCommand::Catalogo { nome } => output.catalogue(&phone.catalogo(nome)?),
        LookCommand::Tipos { kind } => output.tipos(&phone.tipos(*kind)?),
        LookCommand::Form { tipo, kind } => output.form(&phone.formulario(*kind, tipo)?),
        LookCommand::Origem { origem, numero } => {
            output.origem(phone.produtos_da_origem(origem, numero)?.as_deref());
        }
    }
    Ok(())
}

fn filter(list: &ListArgs) -> Filtro {
    Filtro {
        busca: list.busca.clone(),
        apenas_minhas: list.minhas,
        situacao: list.situacao.clone(),
        tipo: list.tipo.clone(),
        atrasadas: list.atrasadas,
        ordem: Ordem {
            coluna: list.ordem.trim_start_matches('-').to_owned(),
            decrescente: list.ordem.starts_with('-'),
        },
        depois_de: None,
        limite: list.limite,
    }
}
