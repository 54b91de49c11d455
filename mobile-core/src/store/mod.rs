//! The device's database: documents, queue, fates, lists, reference data and session in one SQLite
//! file. What belongs together is written in one transaction; callers own the transaction. Holds no
//! rule: `campo_sync::client` decides what is written here.

pub mod anexos;
pub mod arquivos;
pub mod cursor;
pub mod documents;
pub mod fates;
pub mod lists;
pub mod marks;
pub mod migrations;
pub mod order;
pub mod queue;
pub mod references;
pub mod rows;
pub mod schema;
pub mod session;
#[cfg(test)]
mod tests;

use crate::error::Error;
use campo_domain::busca;
use chrono::{DateTime, Utc};
use migrations::MigrationError;
use rusqlite::{Connection, ErrorCode, Row, functions::FunctionFlags};
use std::{path::Path, time::Duration};
use uuid::Uuid;

/// Reading or writing the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored command or reference could not be read.
    #[error("a stored value could not be read")]
    Json(#[from] serde_json::Error),
    /// A photo's file could not be read or written.
    #[error("a file failed")]
    File(#[from] std::io::Error),
    /// A stored cursor could not be written.
    #[error("the cursor could not be stored")]
    Wire(#[from] campo_sync::wire::WireError),
}

/// The result of a storage function.
pub type Stored<T> = Result<T, StoreError>;

/// Opens the file, brings it to the newest version and mints the device's id if there is none.
///
/// # Errors
/// `SemCifra`, `ChaveErrada`, `VersaoMaisNova`, `MigracaoFalhou` or `Armazenamento`.
pub fn open(path: &Path, key: Option<&str>) -> Result<Connection, Error> {
    if key.is_some() && !cfg!(feature = "sqlcipher") {
        return Err(Error::SemCifra);
    }
    let mut conn = Connection::open(path).map_err(unreadable)?;
    prepare(&mut conn, key)?;
    session::mint_device(&conn)?;
    Ok(conn)
}

fn prepare(conn: &mut Connection, key: Option<&str>) -> Result<(), Error> {
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

/// With another key, SQLCipher reads noise: "file is not a database", or "out of memory".
fn unreadable(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => Error::ChaveErrada,
        _ => StoreError::from(error).into(),
    }
}

impl From<MigrationError> for Error {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::Newer { found, known } => Error::VersaoMaisNova { found, known },
            MigrationError::Unreadable(source) => unreadable(source),
            failed @ MigrationError::Failed { .. } => Error::MigracaoFalhou(failed),
        }
    }
}

/// An id in a column.
fn id<T: From<Uuid>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get::<_, [u8; 16]>(column).map(|bytes| Uuid::from_bytes(bytes).into())
}

/// An id in a column that may be empty.
fn id_or_none<T: From<Uuid>>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let bytes = row.get::<_, Option<[u8; 16]>>(column)?;
    Ok(bytes.map(|bytes| Uuid::from_bytes(bytes).into()))
}

/// An instant in a column.
fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    row.get(column).map(from_ms)
}

/// An instant in a column that may be empty.
fn instant_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_ms))
}

fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH)
}
