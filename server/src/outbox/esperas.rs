//! How long the outbox waits before it tries again.

use std::time::Duration;

/// How long to wait after each failed try; after the last there is no other.
pub(super) struct Esperas([u64; 9]);

/// As the Standard Webhooks specification suggests: 5 s, 5 min, 30 min, then hours, up to three
/// days in all.
pub(super) const ESPERAS: Esperas =
    Esperas([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);

impl Esperas {
    /// The wait after so many tries, stretched at random by up to a fifth, so that what failed
    /// together does not come back together.
    pub(super) fn depois(&self, tentativas: i32) -> Option<Duration> {
        let place = usize::try_from(tentativas).ok()?.checked_sub(1)?;
        let seconds = *self.0.get(place)? as f64;
        Some(Duration::from_secs_f64(seconds * (1.0 + 0.2 * rand::random::<f64>())))
    }
}
