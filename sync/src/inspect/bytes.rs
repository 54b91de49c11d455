//! A change as bytes: read within limits, without looking into any document.

use super::refuse::over;
use crate::{
    columns::{self, Fault},
    wire::{Hash, Limits},
};
use automerge::{
    Change, ScalarValue,
    legacy::{Key, OpType},
};
use campo_domain::{
    ids::UserId,
    refusal::{Codigo, Refusal},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Reads one change, without looking into any document: limits, chunk type, hash.
///
/// # Errors
/// `alteracao_invalida` or `limite_excedido`.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Change, Refusal> {
    let invalid = || Refusal::new(Codigo::AlteracaoInvalida);
    if bytes.len() > limits.change_bytes_max as usize {
        return Err(over("bytes", limits.change_bytes_max));
    }
    // Chunk type 1 is an uncompressed change; a compressed one can be a bomb.
    if bytes.get(8) != Some(&1) {
        return Err(invalid());
    }
    columns::within(bytes, limits).map_err(|fault| match fault {
        Fault::TooMuch => over("operações", limits.change_ops_max),
        Fault::Malformed => invalid(),
    })?;
    let change = guarded(|| Change::try_from(bytes).ok()).flatten().ok_or_else(invalid)?;
    // Reading a single change does not look at its checksum; loading the document again does.
    if bytes[4..8] != change.hash().0[..4] {
        return Err(invalid());
    }
    if change.raw_bytes() != bytes || !change.extra_bytes().is_empty() || change.author().is_some()
    {
        return Err(invalid());
    }
    if change.is_empty() || change.message().is_some_and(|message| !message.is_empty()) {
        return Err(invalid());
    }
    Ok(change)
}

/// Runs what reads bytes from outside. Automerge asserts where a change is inconsistent with itself
/// or with the document; to us that is one more way of being invalid. Nothing that is shared may be
/// written inside.
pub(crate) fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()
}

/// The hash of a change's bytes as Automerge computes it: of all that follows magic bytes and
/// checksum. It needs no reading, so a verdict can name a change that cannot or may not be read.
pub(crate) fn hash_of(bytes: &[u8]) -> Hash {
    <[u8; 32]>::from(Sha256::digest(bytes.get(8..).unwrap_or_default())).into()
}

/// The person to whom the change assigns a record, before it is checked.
pub(crate) fn handed(change: &Change) -> Option<UserId> {
    const KEYS: [&str; 2] = ["responsavel", "encaminhar"];
    // Keys are not encoded in a change, so most changes need not be parsed for this.
    let bytes = change.raw_bytes();
    let named = KEYS.iter().any(|k| bytes.windows(k.len()).any(|part| part == k.as_bytes()));
    let expanded = named.then(|| guarded(|| change.decode())).flatten()?;
    expanded.operations.iter().find_map(|op| match (&op.key, &op.action) {
        (Key::Map(key), OpType::Put(ScalarValue::Bytes(id))) if KEYS.contains(&key.as_str()) => {
            Some(Uuid::from_slice(id).ok()?.into())
        }
        _ => None,
    })
}
