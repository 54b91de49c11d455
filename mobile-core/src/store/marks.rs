//! What a document is marked with besides its state: `stale` while a first sync has not named it,
//! `damaged` while it cannot be read. A saved document keeps its marks.

use super::{columns::id, error::Stored};
use campo_domain::ids::DocumentId;
use rusqlite::{Connection, params};

/// A first sync begins: whatever it does not name is out of sight at its end. A document that was
/// never sent cannot be named, and is not marked.
///
/// # Errors
/// Storage.
pub fn all_stale(conn: &Connection, account: i64) -> Stored<()> {
    conn.prepare_cached(
        "UPDATE documents SET stale = 1 WHERE account = ?1 AND stale = 0 \
             AND (length(chunks) > 0 OR NOT EXISTS \
                 (SELECT 1 FROM queue q WHERE q.account = ?1 AND q.document = documents.id))",
    )?
    .execute([account])?;
    Ok(())
}

/// What the first sync did not name.
///
/// # Errors
/// Storage.
pub fn stale(conn: &Connection, account: i64) -> Stored<Vec<DocumentId>> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM documents WHERE account = ? AND stale = 1")?;
    let rows = statement.query_map([account], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The server named a document, or it has been swept.
///
/// # Errors
/// Storage.
pub fn not_stale(conn: &Connection, account: i64, document: DocumentId) -> Stored<()> {
    conn.prepare_cached(
        "UPDATE documents SET stale = 0 WHERE account = ? AND id = ? AND stale = 1",
    )?
    .execute(params![account, document.bytes()])?;
    Ok(())
}

/// A document could not be read. One that is not on the device yet gets an empty row, so that it is
/// asked for.
///
/// # Errors
/// Storage.
pub fn damage(conn: &Connection, account: i64, document: DocumentId, why: &str) -> Stored<()> {
    conn.prepare_cached(
        "INSERT INTO documents (account, id, generation, chunks, in_scope, damaged) \
         VALUES (?1, ?2, 1, x'', 1, ?3) ON CONFLICT (account, id) DO UPDATE SET damaged = ?3",
    )?
    .execute(params![account, document.bytes(), why])?;
    Ok(())
}

/// A snapshot made a document whole.
///
/// # Errors
/// Storage.
pub fn whole(conn: &Connection, account: i64, document: DocumentId) -> Stored<()> {
    conn.prepare_cached(
        "UPDATE documents SET damaged = NULL WHERE account = ? AND id = ? AND damaged IS NOT NULL",
    )?
    .execute(params![account, document.bytes()])?;
    Ok(())
}

/// Whether a document is damaged.
///
/// # Errors
/// Storage.
pub fn is_damaged(conn: &Connection, account: i64, document: DocumentId) -> Stored<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM documents WHERE account = ? AND id = ? AND damaged IS NOT NULL",
    )?;
    Ok(statement.exists(params![account, document.bytes()])?)
}

/// How many documents in sight are damaged. Others are not counted, since the server never sends a
/// snapshot of them.
///
/// # Errors
/// Storage.
pub fn damaged(conn: &Connection, account: i64) -> Stored<u32> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FROM documents WHERE account = ? AND damaged IS NOT NULL AND in_scope",
    )?;
    Ok(statement.query_row([account], |row| row.get(0))?)
}
