//! What the office reads of one record and does to it: through the same gate as a device.

mod case;
mod commands;
pub(crate) mod corretivas;
mod edits;
mod error;
mod held;
mod portal;
pub(crate) mod preparo;
mod record;
mod transition;

pub use case::{Case, case};
pub use commands::{run, run_all};
pub use edits::{edits, part_edits};
pub use error::OfficeError;
pub use held::{HeldBranch, HeldView, decide_held, held, held_branch};
pub use portal::{client_answer, client_channel, client_may_fill};
pub(crate) use record::seen;
pub use record::{load, merged};
pub use transition::brings;
