//! The SQL of the log: what a plan needs is loaded, what a plan says is written, what a device
//! lacks is read. Nothing is decided here; `campo_sync::exchange` plans, this obeys.

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
