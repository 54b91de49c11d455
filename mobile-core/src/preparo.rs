//! Before a command runs: what the catalogues on this device say of it. What the device does not
//! know it does not ask for; the office may.

use crate::{
    error::Error,
    store::{references, session::Quem},
};
use campo_domain::{
    command::{Command, NovoItem},
    origem,
    parte::Colecao,
    policy::{self, Parte},
    preenchimento::{self, Contexto, Dados},
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::client::{self, LocalDocument, View};
use chrono::Utc;
use rusqlite::Connection;

/// The command with what the record's origem says of its items, and what follows from it: client
/// and supplier, where it names another origem (R6). Refuses products that the origem does not have
/// (R6) and the contract of another client (R9).
///
/// # Errors
/// `produto_fora_da_origem`, `contrato_de_outro_cliente`; storage.
pub(crate) fn preparar(
    conn: &Connection,
    quem: &Quem,
    existing: Option<&LocalDocument>,
    mut command: Command,
) -> Result<(Command, Vec<Command>), Error> {
    let da_origem = |campos: &Campos| match origem::chave(campos) {
        Some(chave) => references::dados(conn, quem.account, origem::CATALOGO, &chave),
        None => Ok(None),
    };
    if let Command::Criar { tipo, campos, itens, .. } = &mut command {
        conferir_contrato(conn, quem, campos)?;
        if let (Some(dados), Ok(tipo)) = (da_origem(campos)?, quem.tipos.obter(tipo)) {
            itens.iter_mut().try_for_each(|item| do_produto(tipo, campos, &dados, item))?;
        }
        return Ok((command, Vec::new()));
    }
    let pergunta = match &command {
        Command::IncluirItem { em: Colecao::Itens, .. } => true,
        Command::EditarItem { em: Colecao::Itens, campo, .. } => campo == "produto",
        Command::Editar { campo, .. } => {
            ["cliente", "contrato", "origem", "origem_numero"].contains(&campo.as_str())
        }
        _ => false,
    };
    let Some(existing) = existing.filter(|_| pergunta) else { return Ok((command, Vec::new())) };
    let view = client::view(existing, &quem.ctx())?;
    let antes = &view.registro.campos;
    match &mut command {
        Command::IncluirItem { item, .. } => {
            if let Some(dados) = da_origem(antes)? {
                do_produto(&view.tipo, antes, &dados, item)?;
            }
        }
        Command::EditarItem { campo, valor, .. } => {
            if let Some(dados) = da_origem(antes)? {
                conferir(antes, &dados, &Campos::from([(campo.clone(), valor.clone())]))?;
            }
        }
        Command::Editar { campo, valor } => {
            let mut campos = antes.clone();
            campos.insert(campo.clone(), valor.clone());
            let mudou = antes.get(campo.as_str()) != Some(valor);
            if mudou && ["cliente", "contrato"].contains(&campo.as_str()) {
                conferir_contrato(conn, quem, &campos)?;
            }
            if origem::chave(antes) == origem::chave(&campos) {
                return Ok((command, Vec::new()));
            }
            let Some(dados) = da_origem(&campos)? else { return Ok((command, Vec::new())) };
            let mut itens = view.registro.vivos(Colecao::Itens);
            itens.try_for_each(|(_, item)| conferir(&campos, &dados, &item.campos))?;
            return Ok((command, da_outra_origem(quem, &view, &campos, &dados)));
        }
        _ => {}
    }
    Ok((command, Vec::new()))
}

fn do_produto(
    tipo: &Tipo,
    campos: &Campos,
    dados: &Dados,
    item: &mut NovoItem,
) -> Result<(), Refusal> {
    origem::completar(tipo, dados, item);
    conferir(campos, dados, &item.campos)
}

/// Only products of the document that the record comes from.
fn conferir(campos: &Campos, dados: &Dados, item: &Campos) -> Result<(), Refusal> {
    match item.get("produto").is_some_and(|produto| !produto.vazio()) {
        true => origem::conferir(campos, dados, item),
        false => Ok(()),
    }
}

fn conferir_contrato(conn: &Connection, quem: &Quem, campos: &Campos) -> Result<(), Error> {
    let Some(codigo) = campos.get("contrato").and_then(Valor::texto) else { return Ok(()) };
    let contrato = references::dados(conn, quem.account, "contrato", codigo)?;
    let cliente = campos.get("cliente").and_then(Valor::id);
    match contrato {
        Some(contrato) if !preenchimento::contrato_do_cliente(&contrato, cliente) => {
            Err(Refusal::new(Codigo::ContratoDeOutroCliente).into())
        }
        _ => Ok(()),
    }
}

/// Client and supplier of another document, where they are empty and the person may write them.
fn da_outra_origem(quem: &Quem, view: &View, campos: &Campos, dados: &Dados) -> Vec<Command> {
    let mut cheios = campos.clone();
    let contexto = Contexto {
        pessoa: &quem.pessoa,
        agora: Utc::now(),
        cliente: None,
        contrato: None,
        origem: Some(dados),
        assistencia: None,
    };
    preenchimento::completar(&view.tipo, &mut cheios, &contexto);
    let novos = ["cliente", "fornecedor"].into_iter().filter_map(|nome| {
        let campo = view.registro.kind.campo(nome)?;
        let parte = Parte::Campo(campo);
        policy::pode_alterar_registro(&quem.pessoa, &view.previsto, &view.tipo, parte).ok()?;
        let vazio = campos.get(nome).is_none_or(Valor::vazio);
        let valor = cheios.remove(nome).filter(|valor| vazio && !valor.vazio())?;
        Some(Command::Editar { campo: nome.to_owned(), valor })
    });
    novos.collect()
}
