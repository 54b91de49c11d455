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
pub use edits::edits;
pub(crate) use edits::part_edits;
pub use error::OfficeError;
pub(crate) use held::held_branch;
pub(crate) use held::may_decide_held;
pub use held::{HeldBranch, HeldView, decide_held, held};
pub(crate) use portal::{client_answer, client_channel, client_may_fill};
pub use record::{load, merged};
pub(crate) use record::{seen, sees};
pub use transition::brings;
