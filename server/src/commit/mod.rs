//! From pushes and office commands to one transaction. Work of a company that arrives together is
//! planned and committed together: one wait for the disk serves all of it.

mod attempt;
mod corretiva;
mod queue;
mod work;

pub use attempt::run;
pub use corretiva::{Nova, Vinculacao};
pub use queue::Committers;
pub use work::{Answer, Work};
