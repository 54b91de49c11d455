//! What leaves Campo: actions for the company's ERP as signed webhooks (R100), and e-mails (R60,
//! R66, R87).
//!
//! Rows are written in the transaction that commits what they tell of ([`enqueue`]), so that
//! nothing is sent of what was not kept, and nothing that was kept goes untold. The [`worker`] of
//! any server sends them afterwards, at least once, with no transaction open meanwhile. What cannot
//! go out, for want of an endpoint, an address or an SMTP server, waits and says what it waits for.

mod cliente;
pub mod email;
mod enqueue;
mod esperas;
mod evento;
pub mod fila;
mod http;
mod modelo;
mod smtp;
#[cfg(test)]
mod tests;
pub mod webhook;
pub mod worker;

pub use enqueue::enqueue;
pub use evento::AcaoSolicitada;
pub use modelo::{CHARS_MAX, Modelo, PADROES, Texto, VARIAVEIS};
