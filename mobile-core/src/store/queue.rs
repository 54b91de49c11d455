//! Commands that wait for their fate. A row leaves only when the server settled it.

use super::{
    columns::{id, instant},
    error::Stored,
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId},
};
use campo_sync::client::Queued;
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// What a request offers of one queued command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The command.
    pub command: CommandId,
    /// Its document.
    pub document: DocumentId,
    /// The document's generation.
    pub generation: u32,
    /// The change.
    pub change: Vec<u8>,
    /// Its hash.
    pub hash: [u8; 32],
    /// The cursor's `seq` when it was written.
    pub seen: u64,
}

/// The queue of one document, oldest first.
///
/// # Errors
/// Storage; a command that this version cannot read.
pub fn of_document(conn: &Connection, account: i64, document: DocumentId) -> Stored<Vec<Queued>> {
    let mut statement = conn.prepare_cached(
        "SELECT command_id, command, at, seen, change, hash FROM queue \
         WHERE account = ? AND document = ? ORDER BY ordem",
    )?;
    let mut rows = statement.query(params![account, document.bytes()])?;
    let mut queue = Vec::new();
    while let Some(row) = rows.next()? {
        queue.push(queued(row)?);
    }
    Ok(queue)
}

fn queued(row: &Row<'_>) -> Stored<Queued> {
    Ok(Queued {
        id: id(row, 0)?,
        command: serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
        at: instant(row, 2)?,
        seen: row.get::<_, i64>(3)?.cast_unsigned(),
        change: row.get(4)?,
        hash: row.get::<_, [u8; 32]>(5)?.into(),
    })
}

/// Makes the stored queue of a document equal to `queue`; what is stored as it is stays untouched.
///
/// # Errors
/// Storage.
pub fn replace(
    conn: &Connection,
    account: i64,
    document: DocumentId,
    queue: &[Queued],
) -> Stored<()> {
    let mut statement = conn
        .prepare_cached("SELECT command_id, hash FROM queue WHERE account = ? AND document = ?")?;
    let mut before: BTreeMap<CommandId, [u8; 32]> = statement
        .query_map(params![account, document.bytes()], |row| Ok((id(row, 0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut upsert = conn.prepare_cached(
        "INSERT INTO queue (account, command_id, document, command, at, seen, change, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (account, command_id) DO UPDATE SET command = ?4, seen = ?6, change = ?7, \
             hash = ?8",
    )?;
    for queued in queue {
        // A command that was written again has become another change.
        if before.remove(&queued.id) == Some(*queued.hash.bytes()) {
            continue;
        }
        upsert.execute(params![
            account,
            queued.id.bytes(),
            document.bytes(),
            serde_json::to_string(&queued.command)?,
            queued.at.timestamp_millis(),
            queued.seen.cast_signed(),
            queued.change,
            queued.hash.bytes(),
        ])?;
    }
    let mut delete =
        conn.prepare_cached("DELETE FROM queue WHERE account = ? AND command_id = ?")?;
    for settled in before.into_keys() {
        delete.execute(params![account, settled.bytes()])?;
    }
    Ok(())
}

/// What waits to be sent, oldest first: at most `items_max` commands.
///
/// # Errors
/// Storage.
pub fn offers(
    conn: &Connection,
    account: i64,
    except: &BTreeSet<DocumentId>,
    items_max: u32,
) -> Stored<Vec<Offer>> {
    let mut statement = conn.prepare_cached(
        "SELECT q.command_id, q.document, d.generation, q.change, q.hash, q.seen \
         FROM queue q JOIN documents d ON d.account = q.account AND d.id = q.document \
         WHERE q.account = ? ORDER BY q.ordem",
    )?;
    let mut rows = statement.query([account])?;
    let mut offers = Vec::new();
    while let Some(row) = rows.next()? {
        let document = id(row, 1)?;
        if except.contains(&document) {
            continue;
        }
        if offers.len() >= items_max as usize {
            break;
        }
        offers.push(Offer {
            command: id(row, 0)?,
            document,
            generation: row.get(2)?,
            change: row.get(3)?,
            hash: row.get(4)?,
            seen: row.get::<_, i64>(5)?.cast_unsigned(),
        });
    }
    Ok(offers)
}

/// A queued command as the list of pending work shows it.
pub struct Waiting {
    /// The command's id.
    pub id: CommandId,
    /// Its document.
    pub document: DocumentId,
    /// What the person did.
    pub command: Command,
    /// When.
    pub at: chrono::DateTime<chrono::Utc>,
}

/// Everything that waits, oldest first.
///
/// # Errors
/// Storage; a command that this version cannot read.
pub fn waiting(conn: &Connection, account: i64) -> Stored<Vec<Waiting>> {
    let mut statement = conn.prepare_cached(
        "SELECT command_id, document, command, at FROM queue WHERE account = ? ORDER BY ordem",
    )?;
    let mut rows = statement.query([account])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        waiting.push(Waiting {
            id: id(row, 0)?,
            document: id(row, 1)?,
            command: serde_json::from_str(&row.get::<_, String>(2)?)?,
            at: instant(row, 3)?,
        });
    }
    Ok(waiting)
}

/// How many commands wait, for the account or for one document of it.
///
/// # Errors
/// Storage.
pub fn count(conn: &Connection, account: i64, document: Option<DocumentId>) -> Stored<u32> {
    let document = document.map(|document| *document.bytes());
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FROM queue WHERE account = ?1 AND (?2 IS NULL OR document = ?2)",
    )?;
    Ok(statement.query_row(params![account, document], |row| row.get(0))?)
}

/// How many commands wait, of everybody who ever signed in here.
///
/// # Errors
/// Storage.
pub fn count_of_all(conn: &Connection) -> Stored<u32> {
    let mut statement = conn.prepare_cached("SELECT count(*) FROM queue")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
