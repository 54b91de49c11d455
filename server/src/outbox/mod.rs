//! What leaves Campo: actions for the company's ERP as signed webhooks (R100), and e-mails (R60,
//! R66, R87).
//!
//! Rows are written in the transaction that commits what they tell of ([`enqueue`]), so that
//! nothing is sent of what was not kept, and nothing that was kept goes untold. The [`worker`] of
//! any server sends them afterwards, at least once, with no transaction open meanwhile. What cannot
//! go out, for want of an endpoint, an address or an SMTP server, waits and says what it waits for.

pub mod email;
mod enqueue;
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

use std::time::Duration;

/// How long to wait after each failed try; after the last there is no other.
struct Esperas([u64; 9]);

/// As the Standard Webhooks specification suggests: 5 s, 5 min, 30 min, then hours, up to three
/// days in all.
const ESPERAS: Esperas = Esperas([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);

impl Esperas {
    /// The wait after so many tries, stretched at random by up to a fifth, so that what failed
    /// together does not come back together.
    fn depois(&self, tentativas: i32) -> Option<Duration> {
        let place = usize::try_from(tentativas).ok()?.checked_sub(1)?;
        let seconds = *self.0.get(place)? as f64;
        Some(Duration::from_secs_f64(seconds * (1.0 + 0.2 * rand::random::<f64>())))
    }
}
