//! The simulator: devices, one server and the office as one seeded loop with a virtual clock, and
//! the checkers that watch it. `src/bin/simulate.rs` runs it by the thousand; `tests/campo` a few
//! hundred.
//!
//! Nothing here takes part in production. The engine under test is `campo_sync`.

pub mod checkers;
pub mod device;
pub mod dice;
pub mod faulty_store;
pub mod ledger;
pub mod memory;
pub mod memory_use;
pub mod network;
pub mod oracle;
pub mod pictures;
pub mod postgres;
pub mod proxy;
pub mod s3;
pub mod script;
pub mod staff;
pub mod trace;
pub mod world;

/// A mistake built in on purpose, to prove that the checkers find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The server merges a change whose dependencies are not there.
    SkipDependencies,
    /// The server takes its place in the log before the work, so that a reader may pass it by.
    SequenceBeforeWork,
    /// The device forgets the rest of a document's queue when something in it is held or refused.
    DropOutboxOnRefusal,
    /// The server compares only the heads of documents when it commits, not who is involved.
    CompareOnlyHeads,
    /// The server sends a restricted case to whoever would see it if it were not.
    PullIgnoresRestriction,
    /// The server takes photos for verified that were only declared.
    BelieveDeclaredPhotos,
    /// The server does not look again at the requests that waited for photos.
    ForgetWhoWaits,
}

impl Sabotage {
    /// Every one.
    pub const ALL: [Sabotage; 7] = [
        Sabotage::SkipDependencies,
        Sabotage::SequenceBeforeWork,
        Sabotage::DropOutboxOnRefusal,
        Sabotage::CompareOnlyHeads,
        Sabotage::PullIgnoresRestriction,
        Sabotage::BelieveDeclaredPhotos,
        Sabotage::ForgetWhoWaits,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Sabotage::SkipDependencies => "skip-dependencies",
            Sabotage::SequenceBeforeWork => "sequence-before-work",
            Sabotage::DropOutboxOnRefusal => "drop-outbox-on-refusal",
            Sabotage::CompareOnlyHeads => "compare-only-heads",
            Sabotage::PullIgnoresRestriction => "pull-ignores-restriction",
            Sabotage::BelieveDeclaredPhotos => "believe-declared-photos",
            Sabotage::ForgetWhoWaits => "forget-who-waits",
        }
    }
}
