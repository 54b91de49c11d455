//! What the catalogues on this device say of a command, before it runs. An entry that the device
//! does not have is not checked here; the office may know it.

use crate::{
    error::Error,
    store::{references, session::Account},
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
pub(crate) fn prepare(
    conn: &Connection,
    account: &Account,
    existing: Option<&LocalDocument>,
    mut command: Command,
) -> Result<(Command, Vec<Command>), Error> {
    let origin_data = |campos: &Campos| match origem::chave(campos) {
        Some(chave) => references::dados(conn, account.key, origem::CATALOGO, &chave),
        None => Ok(None),
    };
    if let Command::Criar { tipo, campos, itens, .. } = &mut command {
        check_contract(conn, account, campos)?;
        if let (Some(dados), Ok(tipo)) = (origin_data(campos)?, account.tipos.obter(tipo)) {
            itens.iter_mut().try_for_each(|item| of_product(tipo, campos, &dados, item))?;
        }
        return Ok((command, Vec::new()));
    }
    let asks = match &command {
        Command::IncluirItem { em: Colecao::Itens, .. } => true,
        Command::EditarItem { em: Colecao::Itens, campo, .. } => campo == "produto",
        Command::Editar { campo, .. } => {
            ["cliente", "contrato", "origem", "origem_numero"].contains(&campo.as_str())
        }
        _ => false,
    };
    let Some(existing) = existing.filter(|_| asks) else { return Ok((command, Vec::new())) };
    let view = client::view(existing, &account.ctx())?;
    let before = &view.registro.campos;
    match &mut command {
        Command::IncluirItem { item, .. } => {
            if let Some(dados) = origin_data(before)? {
                of_product(&view.tipo, before, &dados, item)?;
            }
        }
        Command::EditarItem { campo, valor, .. } => {
            if let Some(dados) = origin_data(before)? {
                let dito = Campos::from([(campo.clone(), valor.clone())]);
                origem::conferir(before, &dados, &dito)?;
            }
        }
        Command::Editar { campo, valor, .. } => {
            let mut campos = before.clone();
            campos.insert(campo.clone(), valor.clone());
            let changed = before.get(campo.as_str()) != Some(valor);
            if changed && ["cliente", "contrato"].contains(&campo.as_str()) {
                check_contract(conn, account, &campos)?;
            }
            if origem::chave(before) == origem::chave(&campos) {
                return Ok((command, Vec::new()));
            }
            let Some(dados) = origin_data(&campos)? else { return Ok((command, Vec::new())) };
            let mut itens = view.registro.vivos(Colecao::Itens);
            itens.try_for_each(|(_, item)| origem::conferir(&campos, &dados, &item.campos))?;
            return Ok((command, from_new_origin(account, &view, &campos, &dados)));
        }
        _ => {}
    }
    Ok((command, Vec::new()))
}

fn of_product(
    tipo: &Tipo,
    campos: &Campos,
    dados: &Dados,
    item: &mut NovoItem,
) -> Result<(), Refusal> {
    origem::completar(tipo, dados, item);
    origem::conferir(campos, dados, &item.campos)
}

fn check_contract(conn: &Connection, account: &Account, campos: &Campos) -> Result<(), Error> {
    let Some(codigo) = campos.get("contrato").and_then(Valor::texto) else { return Ok(()) };
    let contrato = references::dados(conn, account.key, "contrato", codigo)?;
    Ok(preenchimento::conferir_contrato(campos, contrato.as_ref())?)
}

/// Client and supplier of another document, where they are empty and the person may write them.
fn from_new_origin(account: &Account, view: &View, campos: &Campos, dados: &Dados) -> Vec<Command> {
    let View { previsto, tipo, .. } = view;
    let pode = |campo| {
        policy::pode_alterar_registro(&account.pessoa, previsto, tipo, Parte::Campo(campo)).is_ok()
    };
    let novos = origem::partes(tipo, campos, dados).into_iter().filter(|(campo, _)| pode(campo));
    novos
        .map(|(campo, valor)| Command::Editar { campo: campo.nome.to_owned(), valor, visto: None })
        .collect()
}
