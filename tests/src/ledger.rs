//! The one storage trait of Campo, and only for tests: what the simulator asks of a server, so that
//! the same seeds run on the memory ledger and on PostgreSQL. Production code has none.

use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DocumentId, HeldId, ItemId, UserId},
    pessoa::Pessoa,
    refusal::Refusal,
    registro::SituacaoArquivo,
    tipo::Tipo,
};
use campo_sync::{
    exchange::ActionWrite,
    wire::{Hash, SyncRequest, SyncResponse},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// The reference data that everyone gets, as it was published last: by collection and key, whether
/// new records may use the entry, and what it says.
pub type References = BTreeMap<(String, String), (bool, Value)>;

/// A request that a server process has begun to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// One row of the log, as the checkers read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its position.
    pub seq: u64,
    /// What it says.
    pub what: What,
}

/// What a row of the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A change was merged.
    Change {
        /// The document.
        document: DocumentId,
        /// Its generation.
        generation: u32,
        /// Its hash.
        hash: Hash,
        /// The uncompressed chunk.
        bytes: Vec<u8>,
    },
    /// The person now sees the case.
    Granted {
        /// The person.
        usuario: UserId,
        /// The case.
        raiz: DocumentId,
    },
    /// The person no longer sees the case.
    Revoked {
        /// The person.
        usuario: UserId,
        /// The case.
        raiz: DocumentId,
    },
    /// Reference data.
    Reference {
        /// For whom; everybody when `None`.
        usuario: Option<UserId>,
        /// Its collection.
        collection: String,
        /// Its key.
        key: String,
    },
    /// The office decided on a branch of this person.
    HeldDecided {
        /// The person.
        usuario: UserId,
        /// The branch.
        held: HeldId,
    },
    /// The person sees more than before: the devices of this person start over with snapshots.
    Reset {
        /// The person.
        usuario: UserId,
    },
}

/// A held branch as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBranch {
    /// Its id.
    pub id: HeldId,
    /// The document.
    pub document: DocumentId,
    /// Whose.
    pub author: UserId,
    /// Whether the office has decided: `true` approved, `false` discarded.
    pub decided: Option<bool>,
    /// The changes in order, each with its bytes.
    pub changes: Vec<(Hash, Vec<u8>)>,
}

/// A record whose wait for the client one of the server's processes has found to be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The record.
    pub document: DocumentId,
    /// Its heads when it was found.
    pub heads: Vec<ChangeHash>,
}

/// An e-mail that follows a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The record.
    pub document: DocumentId,
    /// By which template.
    pub modelo: String,
    /// To whom; the client when `None`.
    pub usuario: Option<UserId>,
}

/// What a process says of the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of which record.
    pub document: DocumentId,
    /// Which file.
    pub anexo: ItemId,
    /// How far they have come.
    pub situacao: SituacaoArquivo,
    /// Why they were discarded: a code.
    pub motivo: Option<&'static str>,
}

/// A server that the simulator can drive. Every method is one transaction; an error is a failure of
/// the machinery, never a refusal.
pub trait Ledger {
    /// Prepares an empty company with these people and presets, and versions of its tipos after
    /// those.
    ///
    /// # Errors
    /// Storage.
    fn found(
        &mut self,
        at: DateTime<Utc>,
        people: &[Pessoa],
        presets: &[&str],
        newer: &[Tipo],
    ) -> anyhow::Result<()>;

    /// One of the server's processes takes a request of this person and begins to work on it. Other
    /// requests may be begun and finished before this one is.
    ///
    /// # Errors
    /// Storage.
    fn begin(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        request: SyncRequest,
    ) -> anyhow::Result<Ticket>;

    /// The process commits and answers.
    ///
    /// # Errors
    /// Storage.
    fn finish(&mut self, at: DateTime<Utc>, ticket: Ticket) -> anyhow::Result<SyncResponse>;

    /// A person in the office does something to a document: all of it or nothing.
    ///
    /// # Errors
    /// Storage.
    fn office(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        document: DocumentId,
        commands: &[Command],
    ) -> anyhow::Result<Result<(), Refusal>>;

    /// A person in the office approves or discards a held branch.
    ///
    /// # Errors
    /// Storage.
    fn decide(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        held: HeldId,
        approve: bool,
    ) -> anyhow::Result<Result<(), Refusal>>;

    /// An administrator publishes an entry of the reference data for everyone, or withdraws it.
    ///
    /// # Errors
    /// Storage.
    fn publish(
        &mut self,
        at: DateTime<Utc>,
        collection: &str,
        key: &str,
        offered: bool,
        data: &Value,
    ) -> anyhow::Result<()>;

    /// An administrator changes what a person may do, the person's groups, or whether the person is
    /// there at all.
    ///
    /// # Errors
    /// Storage.
    fn change(&mut self, at: DateTime<Utc>, pessoa: &Pessoa) -> anyhow::Result<()>;

    /// One of the server's processes looks for records that have waited too long (R54).
    ///
    /// # Errors
    /// Storage.
    fn waited(&mut self, at: DateTime<Utc>) -> anyhow::Result<Vec<Wait>>;

    /// The process ends such a wait, if nothing moved since it looked. Says whether it did.
    ///
    /// # Errors
    /// Storage.
    fn end_wait(&mut self, at: DateTime<Utc>, wait: &Wait) -> anyhow::Result<bool>;

    /// One of the server's processes has received the bytes of a file, or looked at them. Says
    /// whether the record has such a file.
    ///
    /// # Errors
    /// Storage.
    fn arquivo(&mut self, at: DateTime<Utc>, told: Told) -> anyhow::Result<bool>;

    /// Every e-mail that was ever to be sent, in no particular order.
    ///
    /// # Errors
    /// Storage.
    fn emails(&mut self) -> anyhow::Result<Vec<Email>>;

    /// Every action that was ever to go to the ERP, in no particular order.
    ///
    /// # Errors
    /// Storage.
    fn acoes(&mut self) -> anyhow::Result<Vec<ActionWrite>>;

    /// The rows of the log in the order in which they became visible, but for the first `known`.
    ///
    /// # Errors
    /// Storage.
    fn rows(&mut self, known: usize) -> anyhow::Result<Vec<Row>>;

    /// Every held branch, by id.
    ///
    /// # Errors
    /// Storage.
    fn held(&mut self) -> anyhow::Result<Vec<HeldBranch>>;

    /// Every document as it is stored, by id: concatenated chunks.
    ///
    /// # Errors
    /// Storage.
    fn documents(&mut self) -> anyhow::Result<Vec<(DocumentId, Vec<u8>)>>;

    /// Checker 5: where the projection differs from what a rebuild from the log gives. A ledger
    /// without a projection has nothing to say.
    ///
    /// # Errors
    /// Storage.
    fn projection_differs(&mut self) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
