//! Commands that the server held or refused: shown with their content until the person dismisses
//! them or the office decides.

use super::{
    columns::{id, id_or_none, instant},
    documents::Name,
    error::Stored,
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId, HeldId},
    kind::Kind,
};
use campo_sync::{
    client::{Decided, Fate, Queued},
    wire::Reason,
};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

/// A command that was not simply accepted.
pub struct Ended {
    /// The command's id.
    pub id: CommandId,
    /// Its document.
    pub document: DocumentId,
    /// The document's kind, where it was known.
    pub kind: Option<Kind>,
    /// How the document was called.
    pub label: String,
    /// What the person did.
    pub command: Command,
    /// When.
    pub at: DateTime<Utc>,
    /// When the device heard of it.
    pub settled_at: DateTime<Utc>,
    /// Discarded by the office, after having been held.
    pub discarded: bool,
    /// The held branch.
    pub held: Option<HeldId>,
    /// Why.
    pub reason: Reason,
    /// What the office said.
    pub note: Option<String>,
}

/// Records the end of a command; an accepted one leaves no row.
///
/// # Errors
/// Storage.
pub fn record(
    conn: &Connection,
    account: i64,
    document: DocumentId,
    name: &Name,
    queued: &Queued,
    fate: &Fate,
    now: DateTime<Utc>,
) -> Stored<()> {
    let (end, held, reason) = match fate {
        Fate::Accepted => return Ok(()),
        Fate::Held { held, reason } => ("held", Some(*held.bytes()), reason),
        Fate::Refused { reason } => ("refused", None, reason),
    };
    let kind = match &queued.command {
        Command::Criar { kind, .. } => Some(*kind),
        _ => name.kind,
    };
    conn.prepare_cached(
        "INSERT INTO fates (account, command_id, document, kind, rotulo, command, at, \
             settled_at, fate, held_id, code, message) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (account, command_id) DO UPDATE SET settled_at = ?8, fate = ?9, \
             held_id = ?10, code = ?11, message = ?12",
    )?
    .execute(params![
        account,
        queued.id.bytes(),
        document.bytes(),
        kind.map(Kind::codigo),
        name.label,
        serde_json::to_string(&queued.command)?,
        queued.at.timestamp_millis(),
        now.timestamp_millis(),
        end,
        held,
        reason.code,
        reason.message,
    ])?;
    Ok(())
}

/// Applies the office's decision on a held branch.
///
/// # Errors
/// Storage.
pub fn decide(
    conn: &Connection,
    account: i64,
    decided: &Decided,
    now: DateTime<Utc>,
) -> Stored<usize> {
    let fate = if decided.approved { "approved" } else { "discarded" };
    let changed = conn
        .prepare_cached(
            "UPDATE fates SET fate = ?3, nota = ?4, settled_at = ?5 \
             WHERE account = ?1 AND held_id = ?2 AND fate = 'held'",
        )?
        .execute(params![
            account,
            decided.held.bytes(),
            fate,
            decided.note,
            now.timestamp_millis()
        ])?;
    Ok(changed)
}

/// What is held (`held`), or refused and discarded and not dismissed, oldest first.
///
/// # Errors
/// Storage; a command that this version cannot read.
pub fn shown(conn: &Connection, account: i64, held: bool) -> Stored<Vec<Ended>> {
    let which = if held { "('held')" } else { "('refused', 'discarded')" };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT command_id, document, kind, rotulo, command, at, settled_at, fate, held_id, code, \
             message, nota FROM fates \
         WHERE account = ? AND fate IN {which} AND dismissed = 0 ORDER BY at, command_id"
    ))?;
    let mut rows = statement.query([account])?;
    let mut ended = Vec::new();
    while let Some(row) = rows.next()? {
        ended.push(Ended {
            id: id(row, 0)?,
            document: id(row, 1)?,
            kind: row.get::<_, Option<String>>(2)?.and_then(|kind| kind.parse().ok()),
            label: row.get(3)?,
            command: serde_json::from_str(&row.get::<_, String>(4)?)?,
            at: instant(row, 5)?,
            settled_at: instant(row, 6)?,
            discarded: row.get::<_, String>(7)? == "discarded",
            held: id_or_none(row, 8)?,
            reason: Reason { code: row.get(9)?, message: row.get(10)? },
            note: row.get(11)?,
        });
    }
    Ok(ended)
}

/// Stops showing a refused or discarded command. False if there is none of that id.
///
/// # Errors
/// Storage.
pub fn dismiss(conn: &Connection, account: i64, command: CommandId) -> Stored<bool> {
    let changed = conn.execute(
        "UPDATE fates SET dismissed = 1 \
         WHERE account = ? AND command_id = ? AND fate IN ('refused', 'discarded')",
        params![account, command.bytes()],
    )?;
    Ok(changed > 0)
}

/// How many are held, and how many are refused or discarded and not dismissed.
///
/// # Errors
/// Storage.
pub fn counts(conn: &Connection, account: i64, document: Option<DocumentId>) -> Stored<(u32, u32)> {
    let document = document.map(|document| *document.bytes());
    let mut statement = conn.prepare_cached(
        "SELECT coalesce(sum(fate = 'held'), 0), \
             coalesce(sum(fate IN ('refused', 'discarded') AND dismissed = 0), 0) \
         FROM fates WHERE account = ?1 AND (?2 IS NULL OR document = ?2)",
    )?;
    let both =
        statement.query_row(params![account, document], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(both)
}

/// How a command ended that the server did not simply take in.
pub struct End {
    /// It waits for the office.
    pub held: bool,
    /// The person has seen that it was refused.
    pub dismissed: bool,
    /// Why.
    pub reason: String,
}

/// The end of a command; `None` if it waits to be sent, or was taken in.
///
/// # Errors
/// Storage.
pub fn end(conn: &Connection, account: i64, command: CommandId) -> Stored<Option<End>> {
    let mut statement = conn.prepare_cached(
        "SELECT fate = 'held', dismissed, coalesce(nota, message) FROM fates \
         WHERE account = ? AND command_id = ? AND fate <> 'approved'",
    )?;
    let row = statement.query_row(params![account, command.bytes()], |row| {
        Ok(End { held: row.get(0)?, dismissed: row.get(1)?, reason: row.get(2)? })
    });
    Ok(row.optional()?)
}

/// How many are held, and how many are refused or discarded and not dismissed, of everybody who
/// ever signed in here.
///
/// # Errors
/// Storage.
pub fn counts_of_all(conn: &Connection) -> Stored<(u32, u32)> {
    let mut statement = conn.prepare_cached(
        "SELECT coalesce(sum(fate = 'held'), 0), \
             coalesce(sum(fate IN ('refused', 'discarded') AND dismissed = 0), 0) FROM fates",
    )?;
    Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
