//! What leaves Campo: actions for the company's ERP as signed webhooks (R100), and e-mails (R60,
//! R66, R87). See ADR 0015.
//!
//! Messages are queued in the transaction that commits their cause ([`enqueue`]): what is rolled
//! back is never sent, and what is committed is never forgotten. The [`worker`] of any server sends
//! them afterwards, at least once, with no transaction open meanwhile. A message that lacks an
//! endpoint, an address or an SMTP server waits, and its row says what it waits for.

mod backoff;
mod cliente;
pub(crate) mod delivery;
pub(crate) mod email;
mod enqueue;
mod evento;
mod http;
mod lease;
pub(crate) mod queue;
mod smtp;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod webhook;
pub mod worker;

pub(crate) use enqueue::enqueue;
pub(crate) use evento::AcaoSolicitada;
pub(crate) use template::{Modelo, Texto};
