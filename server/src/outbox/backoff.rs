//! How long the outbox waits before the next attempt.

use std::time::Duration;

/// Seconds to wait after each failed attempt; after the last there is no other attempt.
pub(super) struct Backoff([u64; 9]);

/// As the Standard Webhooks specification suggests: 5 s, 5 min, 30 min, then hours, up to three
/// days in all.
pub(super) const BACKOFF: Backoff =
    Backoff([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);

impl Backoff {
    /// The wait after so many attempts (from 1), `None` after the last. It is lengthened at random
    /// by up to 20 %, so that messages that failed together are not all sent again at once.
    pub(super) fn after(&self, attempts: i32) -> Option<Duration> {
        let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
        let seconds = *self.0.get(place)? as f64;
        Some(Duration::from_secs_f64(seconds * (1.0 + 0.2 * rand::random::<f64>())))
    }
}
