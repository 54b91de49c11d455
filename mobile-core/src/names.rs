//! Names of what a record, its history or a command mentions, out of the phone's own copy.

use crate::{
    error::Error,
    store::{lists, references, session::Account},
};
use campo_domain::{command::Command, ids::UserId, kind::Kind, registro::Registro, tipo::Tipo};
use campo_screens::{Cited, Link, Names, link_label};
use rusqlite::Connection;
use serde::Serialize;

/// A label and its value, both as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// What the person reads before it.
    pub rotulo: String,
    /// The value.
    pub valor: String,
}

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonShown {
    /// The person.
    pub id: UserId,
    /// Name.
    pub nome: String,
}

/// Reads the names of all that is cited. What is not on the phone stays without one.
///
/// # Errors
/// Storage.
pub(crate) fn load(conn: &Connection, account: &Account, cited: &Cited) -> Result<Names, Error> {
    let mut names = Names::default();
    for id in &cited.people {
        let name = match *id == account.pessoa.id {
            true => Some(account.pessoa.nome.clone()),
            false => references::nome(conn, account.key, "usuario", &id.to_string())?,
        };
        names.people.extend(name.map(|name| (*id, name)));
    }
    for id in &cited.documents {
        let Some(row) = lists::uma(conn, account.key, *id)? else { continue };
        let label = link_label(Some(row.kind), &row.rotulo, &row.titulo);
        names.documents.insert(*id, Link { kind: row.kind, id: *id, label });
    }
    for (catalogue, code) in &cited.entries {
        if let Some(name) = references::nome(conn, account.key, catalogue, code)? {
            names.entries.entry((*catalogue).to_owned()).or_default().insert(code.clone(), name);
        }
    }
    Ok(names)
}

/// The names of everything that a record mentions.
///
/// # Errors
/// Storage.
pub(crate) fn of_record(
    conn: &Connection,
    account: &Account,
    registro: &Registro,
) -> Result<Names, Error> {
    load(conn, account, &Cited::of(registro))
}

/// What a command says, whatever became of it.
///
/// # Errors
/// Storage.
pub(crate) fn content(
    conn: &Connection,
    account: &Account,
    command: &Command,
    kind: Option<Kind>,
    tipo: Option<&Tipo>,
) -> Result<Vec<Labelled>, Error> {
    let mut cited = Cited::default();
    cited.command(command, kind);
    let names = load(conn, account, &cited)?;
    let said = campo_screens::content(command, kind, tipo, &names, account.conta.fuso);
    Ok(said.into_iter().map(Labelled::from).collect())
}

impl From<campo_screens::Labelled> for Labelled {
    fn from(said: campo_screens::Labelled) -> Self {
        Labelled { rotulo: said.label, valor: said.value }
    }
}
