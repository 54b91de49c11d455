//! Files of records: upload, verification, smaller pictures, download, clean-up (ADR 0017). What is
//! known of a file is in its document; its bytes are in the object store, once for each company and
//! hash.

pub mod cleanup;
mod declared;
pub mod derivatives;
pub(crate) mod download;
pub(crate) mod file_ref;
pub(crate) mod signature;
mod state;
pub mod sweep;
pub(crate) mod upload;
pub mod verify;

use crate::app::App;
use anyhow::{Context, Result};

/// Runs `look`, which decodes an image, on a thread that may block, one at a time in a process:
/// decoding may take half a gigabyte of memory.
///
/// # Errors
/// `look` panicked.
async fn decode_in_turn<T: Send + 'static>(
    app: &App,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let turn = app.decoding_turns.clone().acquire_owned().await?;
    let looking = tokio::task::spawn_blocking(move || {
        // Held until decoding is done, even if the caller is gone.
        let _turn = turn;
        look()
    });
    looking.await.context("looking at an image broke off")
}

#[cfg(test)]
mod tests;
