//! The messages of `POST /v1/sync`, their encoding (CBOR, one zstd frame a body) and their limits.
//! `docs/protocol.md` says it in prose; golden fixtures in `tests/` keep every released version.
//!
//! A position in a message never changes its meaning and is never used again. What is added goes to
//! the end and is optional: an old reader skips it, a new one reads its absence as `None`. A new
//! variant of an enumeration needs a new [`PROTOCOL`].

use campo_domain::{
    ids::{DeviceId, DocumentId, HeldId, UserId},
    refusal::Refusal,
};
use chrono::{DateTime, Utc};
use minicbor::{Decode, Encode};
use std::io::Read;

/// The protocol's version. An old client may be refused pulls, never uploads.
pub const PROTOCOL: u16 = 1;

/// The media type of both bodies.
pub const CONTENT_TYPE: &str = "application/vnd.campo.sync+cbor+zstd";

/// SHA-256 of a change, as Automerge computes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Hash(#[n(0)] minicbor::bytes::ByteArray<32>);

impl From<automerge::ChangeHash> for Hash {
    fn from(hash: automerge::ChangeHash) -> Self {
        Hash(hash.0.into())
    }
}

impl From<Hash> for automerge::ChangeHash {
    fn from(hash: Hash) -> Self {
        automerge::ChangeHash(*hash.0)
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Hash(bytes.into())
    }
}

impl Hash {
    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What one message may hold. The server advertises its own with every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Limits {
    /// Bytes of one change.
    #[n(0)]
    pub change_bytes_max: u32,
    /// Changes in one request.
    #[n(1)]
    pub push_items_max: u32,
    /// Bytes of all changes in one request, before compression.
    #[n(2)]
    pub push_bytes_max: u32,
    /// Bytes of all entries in one answer, before compression.
    #[n(3)]
    pub page_bytes_max: u32,
    /// Operations in one change.
    #[n(4)]
    pub change_ops_max: u32,
}

impl Limits {
    /// What this version of the server takes, and what a client assumes until it was told.
    pub const DEFAULT: Limits = Limits {
        change_bytes_max: 256 * 1024,
        push_items_max: 2_000,
        push_bytes_max: 1024 * 1024,
        page_bytes_max: 1024 * 1024,
        change_ops_max: 100_000,
    };

    /// Longest request body once decompressed: the changes and what frames them.
    pub const fn request_bytes_max(&self) -> usize {
        self.push_bytes_max as usize + self.push_items_max as usize * 128 + 4096
    }
}

/// Longest answer that a client unpacks, in bytes. One document may exceed a page by itself.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where a device stands in the log. Opaque to the client but for `seq`, which never decreases
/// within an epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Cursor {
    /// Every entry up to here has been delivered, except what `bootstrap` still has to bring.
    #[n(0)]
    pub seq: u64,
    /// Present while a first sync is under way, or a case that entered sight.
    #[n(1)]
    pub bootstrap: Option<Bootstrap>,
}

/// How far a first sync has come, or a case that entered sight; then the log from `Cursor::seq`.
/// What a rank stands for is the server's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Bootstrap {
    /// Which part of it is under way.
    #[n(0)]
    pub rank: u8,
    /// The last that was delivered of this part.
    #[cbor(n(1), with = "uuid16")]
    pub after: DocumentId,
}

/// One change, offered to the server.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Push {
    /// The document.
    #[cbor(n(0), with = "uuid16")]
    pub document: DocumentId,
    /// The generation that the change builds on, from 1.
    #[n(1)]
    pub generation: u32,
    /// One uncompressed Automerge change chunk.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub change: Vec<u8>,
    /// The `Cursor::seq` that the device had applied when the person wrote it.
    #[n(3)]
    pub seen: u64,
}

/// `POST /v1/sync`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SyncRequest {
    /// The client's [`PROTOCOL`].
    #[n(0)]
    pub protocol: u16,
    /// The device; must be the one that the token belongs to.
    #[cbor(n(1), with = "uuid16")]
    pub device: DeviceId,
    /// The epoch of the cursor; 0 before the first answer.
    #[n(2)]
    pub epoch: u64,
    /// Where the device stands.
    #[n(3)]
    pub cursor: Cursor,
    /// Changes in causal order within a document.
    #[n(4)]
    pub push: Vec<Push>,
    /// What the client takes in one answer.
    #[n(5)]
    pub limits: Limits,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// Merged, durably, at this position.
    #[n(0)]
    Accepted {
        /// Its position in the log.
        #[n(0)]
        seq: u64,
    },
    /// Was merged before.
    #[n(1)]
    Known {
        /// Its position in the log.
        #[n(0)]
        seq: u64,
    },
    /// The server lacks these; offer them, then this one again.
    #[n(2)]
    Missing {
        /// The dependencies that are not there.
        #[n(0)]
        deps: Vec<Hash>,
    },
    /// Kept apart for the office to decide.
    #[n(3)]
    Held {
        /// The branch that it is part of.
        #[cbor(n(0), with = "uuid16")]
        id: HeldId,
        /// Why.
        #[n(1)]
        reason: Reason,
    },
    /// Not taken in. The device keeps and shows it.
    #[n(4)]
    Refused {
        /// Why.
        #[n(0)]
        reason: Reason,
    },
    /// The document was rebuilt; replay on this generation.
    #[n(5)]
    StaleGeneration {
        /// The present generation.
        #[n(0)]
        now: u32,
    },
}

/// A code for programs and a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reason {
    /// Stable code.
    #[n(0)]
    pub code: String,
    /// pt-BR sentence.
    #[n(1)]
    pub message: String,
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        Reason { code: refusal.codigo.codigo().to_owned(), message: refusal.mensagem() }
    }
}

/// The outcome of the change with this hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Verdict {
    /// The document.
    #[cbor(n(0), with = "uuid16")]
    pub document: DocumentId,
    /// SHA-256 of the change; of its raw bytes where they are not a change at all.
    #[n(1)]
    pub hash: Hash,
    /// What became of it.
    #[n(2)]
    pub outcome: Outcome,
}

/// One entry of the log, as a device receives it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Entry {
    /// One change that was merged.
    #[n(0)]
    Change {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// The document.
        #[cbor(n(1), with = "uuid16")]
        document: DocumentId,
        /// Its generation.
        #[n(2)]
        generation: u32,
        /// One uncompressed change chunk.
        #[cbor(n(3), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// A whole document, because it entered scope or in a first sync.
    #[n(1)]
    Snapshot {
        /// The document.
        #[cbor(n(0), with = "uuid16")]
        document: DocumentId,
        /// Its generation.
        #[n(1)]
        generation: u32,
        /// Concatenated uncompressed chunks: documents and changes.
        #[cbor(n(2), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// The person no longer sees this document: forget it, keep unsent work.
    #[n(2)]
    Revoked {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// The document.
        #[cbor(n(1), with = "uuid16")]
        document: DocumentId,
    },
    /// Reference data: the newest version of one entry.
    #[n(3)]
    Reference {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// Its collection: `eu`, `tipo`, `usuario`, or a catalogue.
        #[n(1)]
        collection: String,
        /// Its key in the collection.
        #[n(2)]
        key: String,
        /// False once it is no longer offered.
        #[n(3)]
        active: bool,
        /// JSON.
        #[n(4)]
        data: String,
    },
    /// The office decided on a held branch of this person.
    #[n(4)]
    HeldDecided {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// The branch.
        #[cbor(n(1), with = "uuid16")]
        held: HeldId,
        /// Whether it was merged.
        #[n(2)]
        approved: bool,
        /// What the office said, in its own words.
        #[n(3)]
        note: Option<String>,
    },
    /// The document was rebuilt without its history (reserved: no server of this version sends it).
    #[n(5)]
    Generation {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// The document.
        #[cbor(n(1), with = "uuid16")]
        document: DocumentId,
        /// The new generation.
        #[n(2)]
        generation: u32,
        /// The whole document.
        #[cbor(n(3), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// The document was erased for good: drop every byte of it (reserved likewise).
    #[n(6)]
    Erased {
        /// Position in the log.
        #[n(0)]
        seq: u64,
        /// The document.
        #[cbor(n(1), with = "uuid16")]
        document: DocumentId,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SyncResponse {
    /// The server's [`PROTOCOL`].
    #[n(0)]
    pub protocol: u16,
    /// One for each change of the request, in its order.
    #[n(1)]
    pub verdicts: Vec<Verdict>,
    /// What the device did not have.
    #[n(2)]
    pub entries: Vec<Entry>,
    /// To store in the same transaction as the entries.
    #[n(3)]
    pub cursor: Cursor,
    /// Whether another page waits.
    #[n(4)]
    pub more: bool,
    /// The present epoch.
    #[n(5)]
    pub epoch: u64,
    /// What the server takes.
    #[n(6)]
    pub limits: Limits,
    /// Milliseconds since 1970 by the server's clock.
    #[n(7)]
    pub server_time: i64,
    /// Whose answer this is: a queue is never mixed with another person's.
    #[cbor(n(8), with = "uuid16")]
    pub user: UserId,
}

impl SyncResponse {
    /// The server's clock.
    pub fn server_time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.server_time).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// Largest window that a frame may ask memory for, as a power of two.
const WINDOW_LOG_MAX: u32 = 24;

/// A body that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It unpacks to more than allowed.
    #[error("the body unpacks to more than {max} bytes")]
    TooLarge {
        /// The cap.
        max: usize,
    },
    /// Not one zstd frame.
    #[error("the body is not valid zstd")]
    Compression(#[source] std::io::Error),
    /// Not the message that was expected.
    #[error("the body is not a valid message: {0}")]
    Encoding(String),
}

/// Encodes and compresses a message.
///
/// # Errors
/// Only if compression itself fails.
pub fn pack<T: Encode<()>>(message: &T) -> Result<Vec<u8>, WireError> {
    let cbor = minicbor::to_vec(message).map_err(|error| WireError::Encoding(error.to_string()))?;
    zstd::bulk::compress(&cbor, 3).map_err(WireError::Compression)
}

/// Unpacks up to `bytes_max` and decodes. Never allocates beyond the cap, whatever the body claims.
///
/// # Errors
/// [`WireError`].
pub fn unpack<T: for<'b> Decode<'b, ()>>(body: &[u8], bytes_max: usize) -> Result<T, WireError> {
    let mut decoder =
        zstd::Decoder::with_buffer(body).map_err(WireError::Compression)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(WireError::Compression)?;
    let mut cbor = Vec::new();
    let cap = bytes_max as u64 + 1;
    decoder.take(cap).read_to_end(&mut cbor).map_err(WireError::Compression)?;
    if cbor.len() > bytes_max {
        return Err(WireError::TooLarge { max: bytes_max });
    }
    let mut decoder = minicbor::Decoder::new(&cbor);
    let message = decoder.decode().map_err(|error| WireError::Encoding(error.to_string()))?;
    if decoder.position() == cbor.len() {
        Ok(message)
    } else {
        Err(WireError::Encoding("trailing bytes".into()))
    }
}

/// Typed ids as 16 bytes.
mod uuid16 {
    use minicbor::{Decoder, Encoder};
    use uuid::Uuid;

    pub fn encode<C, T: Copy + Into<Uuid>, W: minicbor::encode::Write>(
        id: &T,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let uuid: Uuid = (*id).into();
        e.bytes(uuid.as_bytes())?.ok()
    }

    pub fn decode<C, T: From<Uuid>>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<T, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        let uuid = Uuid::from_slice(bytes)
            .map_err(|_| minicbor::decode::Error::message("an id is 16 bytes"))?;
        Ok(uuid.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_stopped_at_the_cap() {
        let bomb = zstd::bulk::compress(&vec![0_u8; 200 * 1024 * 1024], 19).unwrap();
        assert!(bomb.len() < 64 * 1024);
        let error = unpack::<SyncRequest>(&bomb, Limits::DEFAULT.request_bytes_max()).unwrap_err();
        assert!(matches!(error, WireError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic() {
        for body in [&b""[..], b"x", &[0xff; 64], &zstd::bulk::compress(b"\x9f\x9f", 3).unwrap()] {
            assert!(unpack::<SyncRequest>(body, 1024).is_err());
        }
    }
}
