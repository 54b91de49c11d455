//! Documents as bytes: chunks of Automerge's format, one after the other.

use super::shape::DocumentError;
use automerge::{Automerge, Change, ChangeHash, ReadDoc};

/// Loads concatenated chunks.
///
/// # Errors
/// Unreadable chunks, or a change whose dependencies are not there.
pub fn load(chunks: &[u8]) -> Result<Automerge, DocumentError> {
    let mut document = Automerge::new();
    extend(&mut document, chunks)?;
    Ok(document)
}

/// Adds concatenated chunks to a document. A chunk that cannot be read is an error: Automerge's own
/// incremental loading would pass over it and what follows.
///
/// # Errors
/// As [`load`].
pub fn extend(document: &mut Automerge, chunks: &[u8]) -> Result<(), DocumentError> {
    if !chunks.is_empty() {
        let mut other = Automerge::load(chunks).map_err(|error| match error {
            automerge::AutomergeError::MissingDeps => DocumentError::Gap,
            error => DocumentError::Automerge(error),
        })?;
        if document.is_empty() {
            *document = other;
        } else {
            document.merge(&mut other)?;
        }
    }
    if document.get_missing_deps(&[]).is_empty() { Ok(()) } else { Err(DocumentError::Gap) }
}

/// Adds one change to a document.
///
/// # Errors
/// As [`load`].
pub fn append(document: &mut Automerge, change: &[u8]) -> Result<(), DocumentError> {
    document.apply_changes([Change::try_from(change)?])?;
    if document.get_missing_deps(&[]).is_empty() { Ok(()) } else { Err(DocumentError::Gap) }
}

/// The whole document as one uncompressed chunk: what is stored, and sent inside a compressed page.
pub fn save(document: &Automerge) -> Vec<u8> {
    if document.is_empty() { Vec::new() } else { document.save_nocompress() }
}

/// The hashes of the latest changes, sorted: equal for equal documents.
pub fn heads(document: &Automerge) -> Vec<ChangeHash> {
    let mut heads = document.get_heads();
    heads.sort_unstable();
    heads
}
