//! The SQL of the log: loads what a plan needs, writes what it says, reads what a device lacks.
//! Nothing is decided here; `campo_sync::exchange` makes the plans.

mod clock;
mod load;
mod locks;
mod publish;
mod pull;
mod scope;
mod write;

pub(crate) use clock::{CHANNEL, notify};
pub(crate) use load::held_pushes;
pub use load::{Caso, caso, chunks, heads, pessoa, requester, tipos, world};
pub use locks::Frame;
pub(crate) use locks::{Conflict, Share, lock_company};
pub use publish::{Publication, publish};
pub use pull::{Page, Pull, page};
pub use scope::rescope;
pub use write::{append, eventos, finish, prepare};
