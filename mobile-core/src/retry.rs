//! How long something that failed waits until it is tried again.

use chrono::TimeDelta;

const RETRY_MIN: TimeDelta = TimeDelta::seconds(5);
const RETRY_MAX: TimeDelta = TimeDelta::minutes(15);
/// Longest wait that a server may ask for. A try that is scheduled further ahead than this was
/// scheduled by a clock that was wrong, and is due at once.
pub const RETRY_AFTER_MAX: TimeDelta = TimeDelta::hours(1);

/// 5 s after the first failure, doubling up to 15 min, with jitter so that a company's phones do
/// not come back all at once; longer if the server asked for it (seconds, at most an hour).
pub fn delay(failures: u32, retry_after: Option<u32>) -> TimeDelta {
    let doubled = RETRY_MIN * 2_i32.pow(failures.clamp(1, 12) - 1);
    let most = doubled.min(RETRY_MAX);
    let jitter = TimeDelta::milliseconds(rand::random_range(0..=most.num_milliseconds() / 2));
    let asked = TimeDelta::seconds(i64::from(retry_after.unwrap_or(0))).min(RETRY_AFTER_MAX);
    (most - jitter).max(RETRY_MIN).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_5_s_to_15_min_and_honour_the_server() {
        for failures in 1..40 {
            let delay = delay(failures, None);
            assert!((RETRY_MIN..=RETRY_MAX).contains(&delay), "{failures}: {delay}");
        }
        assert_eq!(delay(1, None), RETRY_MIN);
        assert!(delay(20, None) >= RETRY_MAX / 2);
        assert_eq!(delay(1, Some(120)), TimeDelta::seconds(120));
        assert_eq!(delay(1, Some(u32::MAX)), RETRY_AFTER_MAX);
    }
}
