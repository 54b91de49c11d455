//! How ids, instants and codes stand in columns: 16 bytes, milliseconds since 1970, text.

use campo_domain::parte::Variante;
use chrono::{DateTime, Utc};
use rusqlite::Row;
use uuid::Uuid;

/// An id in a column.
pub fn id<T: From<Uuid>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get::<_, [u8; 16]>(column).map(|bytes| Uuid::from_bytes(bytes).into())
}

/// An id in a column that may be empty.
pub fn id_or_none<T: From<Uuid>>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let bytes = row.get::<_, Option<[u8; 16]>>(column)?;
    Ok(bytes.map(|bytes| Uuid::from_bytes(bytes).into()))
}

/// An instant in a column.
pub fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    row.get(column).map(from_ms)
}

/// An instant in a column that may be empty.
pub fn instant_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_ms))
}

/// Which picture of a file a row is about.
pub fn variant(row: &Row<'_>, column: usize) -> rusqlite::Result<Variante> {
    Ok(row.get::<_, String>(column)?.parse().unwrap_or(Variante::Original))
}

fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH)
}
