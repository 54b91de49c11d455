//! The open database file, and its transactions.

use super::{
    error::StoreError,
    migrations::{self, MigrationError},
    schema, session,
};
use campo_domain::busca;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, functions::FunctionFlags};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Why the file could not be opened. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A key was given to a build without the feature `sqlcipher`.
    #[error("this build reads no encrypted file")]
    NoCipher,
    /// The file was made with another key, or is no database.
    #[error("the file does not open with this key")]
    WrongKey,
    /// A newer app wrote the file, or a step to the newest version failed.
    #[error(transparent)]
    Migration(MigrationError),
    /// SQLite failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<MigrationError> for OpenError {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::Unreadable(source) => unreadable(source),
            other => OpenError::Migration(other),
        }
    }
}

/// With another key, SQLCipher reads noise: "file is not a database", or "out of memory".
fn unreadable(error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => OpenError::WrongKey,
        _ => StoreError::from(error).into(),
    }
}

/// One connection, used by one thread at a time.
pub struct Database(Mutex<Connection>);

impl Database {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(path: &Path, key: Option<&str>) -> Result<Self, OpenError> {
        Ok(Database(Mutex::new(open(path, key)?)))
    }

    /// Reads one snapshot, even if another process writes meanwhile.
    ///
    /// # Errors
    /// What `work` returns, and storage.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = self.lock();
        let tx = conn.transaction().map_err(StoreError::from)?;
        let result = work(&tx)?;
        tx.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// Writes in one transaction: all of it, or on an error nothing.
    ///
    /// # Errors
    /// What `work` returns, and storage.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = self.lock();
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let result = work(&tx)?;
        tx.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// A panic elsewhere rolled its transaction back: the connection is good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the file, brings it to the newest version and mints the device's id if there is none.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path, key: Option<&str>) -> Result<Connection, OpenError> {
    if key.is_some() && !cfg!(feature = "sqlcipher") {
        return Err(OpenError::NoCipher);
    }
    let mut conn = Connection::open(path).map_err(unreadable)?;
    prepare(&mut conn, key)?;
    session::mint_device(&conn)?;
    Ok(conn)
}

fn prepare(conn: &mut Connection, key: Option<&str>) -> Result<(), OpenError> {
    conn.busy_timeout(Duration::from_secs(10)).map_err(unreadable)?;
    if let Some(key) = key {
        conn.pragma_update(None, "key", key).map_err(unreadable)?;
    }
    // Before any pragma that writes: a newer file, or one with another key, stays untouched.
    migrations::check(conn, schema::STEPS)?;
    conn.pragma_update(None, "journal_mode", "WAL").map_err(unreadable)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(unreadable)?;
    conn.pragma_update(None, "foreign_keys", true).map_err(unreadable)?;
    conn.set_prepared_statement_cache_capacity(64);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("dobrar", 1, flags, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|texto| busca::dobrar(&texto)))
    })
    .map_err(unreadable)?;
    migrations::run(conn, schema::STEPS)?;
    Ok(())
}
