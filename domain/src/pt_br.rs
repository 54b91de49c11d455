//! How days, moments and numbers read in Brazil, and when a day begins there.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// `dd/mm/aaaa`.
pub fn day(date: NaiveDate) -> String {
    date.format("%d/%m/%Y").to_string()
}

/// `dd/mm/aaaa HH:MM`, by the clock of the zone.
pub fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%d/%m/%Y %H:%M").to_string()
}

/// `HH:MM`, by the clock of the zone.
pub fn hour(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%H:%M").to_string()
}

/// A number with points between thousands: `-1.234`.
pub fn thousands(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(n.unsigned_abs()))
}

/// A number that counts 1/10^`places`, with points between thousands and a comma: `1.234,50`.
pub fn decimal(n: i64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let (whole, rest) = (n.unsigned_abs() / scale, n.unsigned_abs() % scale);
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{},{rest:0width$}", grouped(whole), width = places as usize)
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// The first moment of a day. Where the clock jumps over midnight, the first one after it.
pub fn day_start(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=3)
        .find_map(|hours| {
            zone.from_local_datetime(&(midnight + TimeDelta::hours(hours))).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |start| start.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_local_midnight_or_after_the_gap() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let start = |y, m, d| {
            let day = NaiveDate::from_ymd_opt(y, m, d).unwrap();
            day_start(day, chrono_tz::America::Sao_Paulo)
        };
        assert_eq!(start(2026, 10, 5), at("2026-10-05T03:00:00Z"));
        // Daylight saving began at midnight: that day had no 00:00.
        assert_eq!(start(2018, 11, 4), at("2018-11-04T03:00:00Z"));
    }

    #[test]
    fn numbers_have_points_between_thousands_and_a_comma() {
        assert_eq!(thousands(-1_234_567), "-1.234.567");
        assert_eq!(thousands(999), "999");
        assert_eq!(decimal(125_000, 2), "1.250,00");
        assert_eq!(decimal(-5, 3), "-0,005");
    }
}
