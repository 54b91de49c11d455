//! Where an account stands in the server's log, and when it tries again after a failure (ff41).

use super::{columns::instant_or_none, error::Stored};
use campo_sync::wire::{self, Cursor, Limits};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

const BYTES_MAX: usize = 4096;

/// Where an account stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The cursor.
    pub cursor: Cursor,
    /// Its epoch.
    pub epoch: u64,
    /// What the server takes.
    pub limits: Limits,
    /// When a synchronisation last came to its end.
    pub last_sync_at: Option<DateTime<Utc>>,
    /// When the next try is due; `None` unless the last one failed.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: u32,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// When the device last started over.
    pub restarted_at: Option<DateTime<Utc>>,
}

/// Reads it; an account that never synchronised stands at the beginning.
///
/// # Errors
/// Storage.
pub fn load(conn: &Connection, account: i64) -> Stored<Place> {
    let mut statement = conn.prepare_cached(
        "SELECT cursor, epoch, limits, last_sync_at, next_try_at, failures, last_error, \
             restarted_at FROM cursor WHERE account = ?",
    )?;
    let mut rows = statement.query([account])?;
    let Some(row) = rows.next()? else {
        return Ok(Place {
            cursor: Cursor::default(),
            epoch: 0,
            limits: Limits::DEFAULT,
            last_sync_at: None,
            next_try_at: None,
            failures: 0,
            last_error: None,
            restarted_at: None,
        });
    };
    let cursor: Option<Vec<u8>> = row.get(0)?;
    let limits: Option<Vec<u8>> = row.get(2)?;
    Ok(Place {
        cursor: cursor.map_or(Ok(Cursor::default()), |bytes| wire::unpack(&bytes, BYTES_MAX))?,
        epoch: row.get::<_, i64>(1)?.cast_unsigned(),
        limits: limits
            .and_then(|bytes| wire::unpack(&bytes, BYTES_MAX).ok())
            .unwrap_or(Limits::DEFAULT),
        last_sync_at: instant_or_none(row, 3)?,
        next_try_at: instant_or_none(row, 4)?,
        failures: row.get(5)?,
        last_error: row.get(6)?,
        restarted_at: instant_or_none(row, 7)?,
    })
}

/// Stores the place that an answer leads to, in the transaction that applies it.
///
/// # Errors
/// Storage.
pub fn advance(
    conn: &Connection,
    account: i64,
    cursor: &Cursor,
    epoch: u64,
    limits: &Limits,
) -> Stored<()> {
    conn.prepare_cached(
        "INSERT INTO cursor (account, cursor, epoch, limits) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account) DO UPDATE SET cursor = ?2, epoch = ?3, limits = ?4",
    )?
    .execute(params![
        account,
        wire::pack(cursor)?,
        epoch.cast_signed(),
        wire::pack(limits)?
    ])?;
    Ok(())
}

/// Empties the cursor: the next exchange starts over, with every document and the queue in place.
///
/// # Errors
/// Storage.
pub fn restart(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<()> {
    conn.execute(
        "UPDATE cursor SET cursor = NULL, restarted_at = ?2 WHERE account = ?1",
        params![account, now.timestamp_millis()],
    )?;
    Ok(())
}

/// A synchronisation came to its end.
///
/// # Errors
/// Storage.
pub fn succeeded(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<()> {
    conn.execute(
        "INSERT INTO cursor (account, last_sync_at) VALUES (?1, ?2) \
         ON CONFLICT (account) DO UPDATE SET last_sync_at = ?2, next_try_at = NULL, \
             failures = 0, last_error = NULL",
        params![account, now.timestamp_millis()],
    )?;
    Ok(())
}

/// A synchronisation failed and will be tried again.
///
/// # Errors
/// Storage.
pub fn failed(
    conn: &Connection,
    account: i64,
    failures: u32,
    next_try_at: DateTime<Utc>,
    error: &str,
) -> Stored<()> {
    conn.execute(
        "INSERT INTO cursor (account, failures, next_try_at, last_error) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account) DO UPDATE SET failures = ?2, next_try_at = ?3, last_error = ?4",
        params![account, failures, next_try_at.timestamp_millis(), error],
    )?;
    Ok(())
}
