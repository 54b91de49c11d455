//! The SQL of the log: loads what a plan needs, writes what it says, reads what a device lacks.
//! Nothing is decided here; `campo_sync::exchange` makes the plans.

mod clock;
mod load;
mod locks;
mod publish;
mod pull;
mod scope;
mod write;

pub use clock::CHANNEL;
pub(crate) use clock::notify;
pub use load::{Caso, caso, chunks, heads, held_pushes, needs_of, pessoa, requester, tipos, world};
pub use locks::{Conflict, Frame};
pub(crate) use locks::{Share, lock_company};
pub use publish::{Publication, publish};
pub use pull::{Page, Pull, page};
pub use scope::rescope;
pub use write::{INCREMENTS_MAX, append, eventos, finish, prepare};
