//! Commits work: changes of devices, commands of the office, decisions, states of files. What
//! arrives for a company while a commit runs is planned and committed together as the next batch,
//! so that one wait for the disk serves all of it.

mod attempt;
pub(crate) mod corretiva;
mod queue;
mod work;

pub use attempt::run;
pub use corretiva::{Linking, NewCorretiva};
pub use queue::Committers;
pub use work::{Answer, Work};
