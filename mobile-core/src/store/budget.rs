//! What photos may cost a person, as the person's account keeps it.

use super::error::Stored;
use rusqlite::{Connection, OptionalExtension, params};

/// The budget's code; `None` where nothing was ever chosen.
///
/// # Errors
/// Storage.
pub fn load(conn: &Connection, account: i64) -> Stored<Option<String>> {
    let mut statement = conn.prepare_cached("SELECT orcamento FROM account WHERE id = ?")?;
    Ok(statement.query_row([account], |row| row.get(0)).optional()?)
}

/// Stores it.
///
/// # Errors
/// Storage.
pub fn save(conn: &Connection, account: i64, code: &str) -> Stored<()> {
    conn.execute("UPDATE account SET orcamento = ? WHERE id = ?", params![code, account])?;
    Ok(())
}
