//! The request that a device sends, and the answer sorted by what it concerns.

use crate::wire::{
    Cursor, Entry, Hash, Limits, Outcome, PROTOCOL, Push, SyncRequest, SyncResponse,
};
use campo_domain::ids::{DeviceId, DocumentId, HeldId, UserId};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Something that the server said of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of a change that this device offered.
    Verdict {
        /// The change.
        hash: Hash,
        /// What became of it.
        outcome: Outcome,
    },
    /// A change that was merged.
    Change {
        /// The document's generation.
        generation: u32,
        /// One change chunk.
        bytes: Vec<u8>,
    },
    /// The whole document.
    Snapshot {
        /// The document's generation.
        generation: u32,
        /// Concatenated chunks.
        bytes: Vec<u8>,
    },
    /// Out of sight.
    Revoked,
    /// Erased for good.
    Erased,
}

/// Reference data as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `eu`, `tipo`, `usuario`, or a catalogue.
    pub collection: String,
    /// Key in the collection.
    pub key: String,
    /// False once it is no longer offered.
    pub active: bool,
    /// JSON.
    pub data: String,
}

/// The office's decision on a held branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The branch.
    pub held: HeldId,
    /// Whether it was merged.
    pub approved: bool,
    /// What the office said.
    pub note: Option<String>,
}

/// An answer, sorted by what it concerns. Apply the references first: documents may need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// Reference data, in log order.
    pub references: Vec<Reference>,
    /// Events of each document, in order; documents in the order of their first event.
    pub documents: Vec<(DocumentId, Vec<Event>)>,
    /// Decisions on held branches.
    pub decided: Vec<Decided>,
    /// To store in the same transaction.
    pub cursor: Cursor,
    /// Whether another page waits.
    pub more: bool,
    /// The present epoch.
    pub epoch: u64,
    /// What the server takes.
    pub limits: Limits,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
    /// Whose answer it is.
    pub user: UserId,
}

/// Assembles a request from unsettled commands, oldest first, as many as the limits allow. A
/// document from which one change was left out gives no later one. At least one change is always
/// taken.
pub fn request<'a>(
    device: DeviceId,
    epoch: u64,
    cursor: Cursor,
    limits: Limits,
    queued: impl IntoIterator<Item = (DocumentId, u32, &'a [u8], u64)>,
) -> SyncRequest {
    let mut push = Vec::new();
    let mut bytes = 0;
    for (document, generation, change, seen) in queued {
        bytes += change.len();
        let full =
            push.len() == limits.push_items_max as usize || bytes > limits.push_bytes_max as usize;
        if full && !push.is_empty() {
            break;
        }
        push.push(Push { document, generation, change: change.to_vec(), seen });
    }
    SyncRequest { protocol: PROTOCOL, device, epoch, cursor, push, limits }
}

/// Sorts an answer by what it concerns.
pub fn sort(response: SyncResponse) -> Sorted {
    let server_time = response.server_time();
    let mut sorted = Sorted {
        references: Vec::new(),
        documents: Vec::new(),
        decided: Vec::new(),
        cursor: response.cursor,
        more: response.more,
        epoch: response.epoch,
        limits: response.limits,
        server_time,
        user: response.user,
    };
    let mut positions = BTreeMap::new();
    let mut add = |document: DocumentId, event: Event| {
        let documents: &mut Vec<(DocumentId, Vec<Event>)> = &mut sorted.documents;
        let position = *positions.entry(document).or_insert_with(|| {
            documents.push((document, Vec::new()));
            documents.len() - 1
        });
        documents[position].1.push(event);
    };
    for verdict in response.verdicts {
        add(verdict.document, Event::Verdict { hash: verdict.hash, outcome: verdict.outcome });
    }
    for entry in response.entries {
        match entry {
            Entry::Change { document, generation, bytes, .. } => {
                add(document, Event::Change { generation, bytes });
            }
            Entry::Snapshot { document, generation, bytes }
            | Entry::Generation { document, generation, bytes, .. } => {
                add(document, Event::Snapshot { generation, bytes });
            }
            Entry::Revoked { document, .. } => add(document, Event::Revoked),
            Entry::Erased { document, .. } => add(document, Event::Erased),
            Entry::Reference { collection, key, active, data, .. } => {
                sorted.references.push(Reference { collection, key, active, data });
            }
            Entry::HeldDecided { held, approved, note, .. } => {
                sorted.decided.push(Decided { held, approved, note });
            }
        }
    }
    sorted
}
