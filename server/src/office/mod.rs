//! What the office reads of one record and does to it: through the same gate as a device.

mod commands;
pub(crate) mod corretivas;
mod error;
mod held;
pub(crate) mod preparo;
mod record;
mod transition;

pub use commands::{run, run_all};
pub use error::OfficeError;
pub use held::{HeldBranch, HeldView, decide_held, held, held_branch};
pub(crate) use record::seen;
pub use record::{load, merged};
pub use transition::brings;
