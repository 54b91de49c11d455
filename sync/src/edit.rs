//! A command becomes exactly one change. `workflow::decide` has allowed it before; nothing is
//! decided here.

mod person;
mod server;
mod transaction;

pub use person::apply;
pub(crate) use server::{file_state, hand_to, in_name_of, received, request, verdict};
