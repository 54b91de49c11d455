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
    preenchimento::{self, Dados},
    refusal::Refusal,
    registro::Campos,
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::client::{self, LocalDocument, View};
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
                let dito = Campos::from([(campo.clone(), valor.clone())]);
                origem::conferir(antes, &dados, &dito)?;
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
            itens.try_for_each(|(_, item)| origem::conferir(&campos, &dados, &item.campos))?;
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
    origem::conferir(campos, dados, &item.campos)
}

fn conferir_contrato(conn: &Connection, quem: &Quem, campos: &Campos) -> Result<(), Error> {
    let Some(codigo) = campos.get("contrato").and_then(Valor::texto) else { return Ok(()) };
    let contrato = references::dados(conn, quem.account, "contrato", codigo)?;
    Ok(preenchimento::conferir_contrato(campos, contrato.as_ref())?)
}

/// Client and supplier of another document, where they are empty and the person may write them.
fn da_outra_origem(quem: &Quem, view: &View, campos: &Campos, dados: &Dados) -> Vec<Command> {
    let View { previsto, tipo, .. } = view;
    let pode = |campo| {
        policy::pode_alterar_registro(&quem.pessoa, previsto, tipo, Parte::Campo(campo)).is_ok()
    };
    let novos = origem::partes(tipo, campos, dados).into_iter().filter(|(campo, _)| pode(campo));
    novos.map(|(campo, valor)| Command::Editar { campo: campo.nome.to_owned(), valor }).collect()
}
