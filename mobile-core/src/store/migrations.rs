//! Brings a database file to the newest version: each step in one transaction, so that a step that
//! fails leaves the file as it was (ff43). Never touches a file from a newer app.

use super::schema::Step;
use rusqlite::{Connection, TransactionBehavior};

/// Why a file could not be brought to the newest version. Nothing in it was changed by the step.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer app wrote the file.
    #[error("the file has version {found}, this app knows up to {known}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that this app knows.
        known: i64,
    },
    /// A step failed and was rolled back.
    #[error("the step to version {version} failed")]
    Failed {
        /// Where the step would have led.
        version: i64,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The version could not even be read.
    #[error("the version could not be read")]
    Unreadable(#[source] rusqlite::Error),
}

/// The file's version.
///
/// # Errors
/// The file cannot be read (also: another key).
pub fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Refuses a file that is newer than `steps`.
///
/// # Errors
/// `Newer` or `Unreadable`.
pub fn check(conn: &Connection, steps: &[Step]) -> Result<(), MigrationError> {
    let found = version(conn).map_err(MigrationError::Unreadable)?;
    let known = steps.last().map_or(0, |step| step.version);
    if found > known {
        return Err(MigrationError::Newer { found, known });
    }
    Ok(())
}

/// Runs the steps that the file lacks.
///
/// # Errors
/// The first step that fails; those before it stay done.
pub fn run(conn: &mut Connection, steps: &[Step]) -> Result<(), MigrationError> {
    check(conn, steps)?;
    for step in steps {
        let failed = |source| MigrationError::Failed { version: step.version, source };
        // Another process may be doing the same: the version is read inside the transaction.
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        if version(&tx).map_err(failed)? < step.version {
            tx.execute_batch(step.sql).map_err(failed)?;
            tx.pragma_update(None, "user_version", step.version).map_err(failed)?;
            tx.commit().map_err(failed)?;
        }
    }
    Ok(())
}
