//! Runs a command of the person: checks the rules first (ff30), then writes document, queue and
//! list row in one transaction. Everything that a person changes in a record goes through here.

use crate::{
    error::Error,
    phone::Phone,
    prepare,
    store::{cursor, documents, rows, session::Account},
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId},
    refusal::{Codigo, Refusal},
};
use campo_sync::client::{self, LocalDocument, Stamp, View};
use chrono::{SubsecRound, Utc};
use rusqlite::Connection;
use uuid::Uuid;

impl Phone {
    /// Runs a command on a document; on none for `Criar`. Durable when it returns.
    ///
    /// # Errors
    /// `Recusa` with the sentence to show; `NaoEncontrado`, `NinguemEntrou`, storage. Nothing has
    /// changed then.
    pub fn run(&self, document: Option<DocumentId>, command: Command) -> Result<DocumentId, Error> {
        self.run_with(document, |_, _, _| Ok(command))
    }

    /// Runs the command that `make` derives from the document as it reads now.
    pub(crate) fn run_on(
        &self,
        document: DocumentId,
        make: impl FnOnce(&Account, View) -> Result<Command, Error>,
    ) -> Result<(), Error> {
        self.run_with(Some(document), |_, account, existing| {
            let existing = existing.ok_or_else(|| Error::NaoEncontrado(document.to_string()))?;
            if !existing.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            make(account, client::view(existing, &account.ctx())?)
        })?;
        Ok(())
    }

    /// One transaction: load, decide, write document, queue and list row.
    pub(crate) fn run_with(
        &self,
        document: Option<DocumentId>,
        make: impl FnOnce(&Connection, &Account, Option<&LocalDocument>) -> Result<Command, Error>,
    ) -> Result<DocumentId, Error> {
        self.run_and(document, make, |_, _, _| Ok(()))
    }

    /// As [`Phone::run_with`]; `more` writes what belongs to the command in the same transaction.
    pub(crate) fn run_and(
        &self,
        document: Option<DocumentId>,
        make: impl FnOnce(&Connection, &Account, Option<&LocalDocument>) -> Result<Command, Error>,
        more: impl FnOnce(&Connection, &Account, &LocalDocument) -> Result<(), Error>,
    ) -> Result<DocumentId, Error> {
        self.write_as(|tx, account| {
            let load = |id| documents::load(tx, account.key, id);
            let existing = document.map(load).transpose()?.flatten();
            let command = make(tx, account, existing.as_ref())?.limpo();
            let existing = match (&command, existing) {
                (Command::Criar { id, .. }, None) => load(*id)?,
                (_, existing) => existing,
            };
            if let (None, Some(id)) = (&existing, document) {
                return Err(Error::NaoEncontrado(id.to_string()));
            }
            let (command, following) = prepare::prepare(tx, account, existing.as_ref(), command)?;
            let (at, seen) =
                (Utc::now().trunc_subsecs(3), cursor::load(tx, account.key)?.cursor.seq);
            let stamp =
                || Stamp { id: CommandId::from(Uuid::now_v7()), at, seen, nonce: rand::random() };
            let mut ran = client::run(existing, &account.ctx(), command, stamp())?;
            let mut changed = ran.changed;
            for command in following {
                ran = client::run(Some(ran.document), &account.ctx(), command, stamp())?;
                changed |= ran.changed;
            }
            if changed {
                let name = documents::Name::from(&ran.view.registro);
                documents::save(tx, account.key, &ran.document, Some(&name))?;
                let waiting = ran.document.queue.len();
                let (eu, fuso) = (account.pessoa.id, account.conta.fuso);
                rows::write(tx, account.key, &ran.view, waiting, eu, fuso)?;
            }
            more(tx, account, &ran.document)?;
            Ok(ran.document.id)
        })
    }
}
