//! [`Phone`]: the open database, the files beside it and the connections to the server. Modules
//! above add what a person does and sees; nothing here knows them.

use crate::{
    budget::Allowance,
    error::Error,
    files::Files,
    http::Http,
    store::{
        database::Database,
        session::{self, Account},
    },
    transfer::Transfer,
};
use rusqlite::{Connection, Transaction};
use std::{path::Path, sync::Mutex};

/// Campo on one device. Every call blocks until it is done and its changes are on the disk.
pub struct Phone {
    pub(crate) database: Database,
    pub(crate) files: Files,
    pub(crate) http: Http,
    pub(crate) transfer: Transfer,
    pub(crate) allowance: Allowance,
    /// One synchronisation at a time; never held together with the database across HTTP.
    pub(crate) syncing: Mutex<()>,
}

impl Phone {
    /// Opens the database file, or makes it. A key needs a build with the feature `sqlcipher`.
    ///
    /// # Errors
    /// `SemCifra`, `ChaveErrada`, `VersaoMaisNova`, `MigracaoFalhou`, `Armazenamento`; the file is
    /// as it was then.
    pub fn open(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let phone = Phone {
            database: Database::open(path, key)?,
            files: Files::new(path),
            http: Http::new(),
            transfer: Transfer::new(),
            allowance: Allowance::new(),
            syncing: Mutex::new(()),
        };
        // What a crash left behind costs space and nothing else; the next opening tries again.
        let _ = phone.files.sweep(&phone.database);
        Ok(phone)
    }

    /// Reads one snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.database.read(work)
    }

    /// Reads one snapshot as the person who is signed in.
    pub(crate) fn read_as<T>(
        &self,
        work: impl FnOnce(&Connection, &Account) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read(|conn| work(conn, &signed_in(conn)?))
    }

    /// Writes in one transaction: all of it, or on an error nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.database.write(work)
    }

    /// Writes in one transaction as the person who is signed in.
    pub(crate) fn write_as<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Account) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.write(|tx| work(tx, &signed_in(tx)?))
    }
}

fn signed_in(conn: &Connection) -> Result<Account, Error> {
    session::signed_in(conn)?.ok_or(Error::NinguemEntrou)
}
