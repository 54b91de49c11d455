//! What travels between device and server, and who may change what. Sans-IO: no clock, socket or
//! disk; `mobile-core` and `server` are the shells, `tests` runs both sides in one seeded loop.

pub mod admission;
pub mod client;
mod columns;
pub mod document;
pub mod edit;
pub mod exchange;
pub mod history;
mod inspect;
pub mod wire;
