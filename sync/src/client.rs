//! The device's side, pure: a person's command becomes a change in the queue; the server's answer
//! becomes the new state of each document and the fate of each command. `mobile-core` loads what
//! these functions take and writes what they return, each in one transaction; they touch nothing
//! else.

mod absorb;
mod answer;
mod local;
mod run;

pub use absorb::{Absorbed, Fate, Settled, absorb};
pub use answer::{Decided, Event, Reference, Sorted, request, sort};
pub use local::{Context, LocalDocument, Queued, View, view};
pub use run::{Ran, RunError, Stamp, run};
