//! Reads what a device lacks, a page at a time. The caller's transaction is a snapshot; what is
//! committed after it is part of the next page.

mod first_sync;
mod log;
mod reader;

pub use reader::Pull;

use super::load::pessoa;
use anyhow::Result;
use campo_sync::wire::{Cursor, Entry, Limits};
use first_sync::{GRANTED, START};
use reader::Reader;
use sqlx::PgTransaction;

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The cursor of the device after it.
    pub cursor: Cursor,
    /// Whether there is another page.
    pub more: bool,
    /// The epoch of the log.
    pub epoch: u64,
}

/// Reads one page.
///
/// # Errors
/// PostgreSQL's, or something stored cannot be read.
pub async fn page(tx: &mut PgTransaction<'_>, pull: Pull<'_>) -> Result<Page> {
    let (head, epoch): (i64, i64) =
        sqlx::query_as("SELECT seq, epoch FROM tenant_clock WHERE tenant = $1")
            .bind(pull.tenant.uuid())
            .fetch_one(&mut **tx)
            .await?;
    let (head, epoch) = (head as u64, epoch as u64);
    let pessoa = pessoa(tx, pull.tenant, pull.user).await?;
    let bytes_max = pull.limits.page_bytes_max.min(Limits::DEFAULT.page_bytes_max) as usize;
    let mut reader = Reader::new(tx, pull, pessoa, head, bytes_max);
    // A position beyond the end belongs to a log that was replaced (a restored backup).
    let foreign = pull.epoch != epoch || pull.cursor.seq > head;
    let (cursor, more) = match pull.cursor.bootstrap {
        _ if foreign || pull.cursor.seq == 0 => reader.bootstrap(head, START).await?,
        Some(at) if at.rank == GRANTED => reader.log(Some(at.after.uuid())).await?,
        Some(at) => reader.bootstrap(pull.cursor.seq, at).await?,
        None => reader.log(None).await?,
    };
    reader.unseen().await?;
    reader.decided().await?;
    Ok(Page { entries: reader.entries, cursor, more, epoch })
}
