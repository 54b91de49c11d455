//! The simulator: devices, one server and the office as one seeded loop with a virtual clock, and
//! the checkers that watch it. `src/bin/simulate.rs` runs it by the thousand; `tests/campo` a few
//! hundred.
//!
//! Nothing here takes part in production. The engine under test is `campo_sync`.

pub mod checkers;
pub mod device;
pub mod dice;
pub mod ledger;
pub mod memory;
pub mod network;
pub mod oracle;
pub mod postgres;
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
}

impl Sabotage {
    /// Every one.
    pub const ALL: [Sabotage; 5] = [
        Sabotage::SkipDependencies,
        Sabotage::SequenceBeforeWork,
        Sabotage::DropOutboxOnRefusal,
        Sabotage::CompareOnlyHeads,
        Sabotage::PullIgnoresRestriction,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Sabotage::SkipDependencies => "skip-dependencies",
            Sabotage::SequenceBeforeWork => "sequence-before-work",
            Sabotage::DropOutboxOnRefusal => "drop-outbox-on-refusal",
            Sabotage::CompareOnlyHeads => "compare-only-heads",
            Sabotage::PullIgnoresRestriction => "pull-ignores-restriction",
        }
    }
}
