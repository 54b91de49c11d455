//! How moments, counts and sizes read on a page, in the company's time zone.

use campo_domain::pt_br::{self, day, moment, thousands};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

/// A moment, for `<time>`: exact for the title, relative for the eye, ISO for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339.
    pub iso: String,
    /// `dd/mm/aaaa HH:MM`.
    pub exact: String,
    /// `há 5 min`, `ontem às 14:10`, or the date.
    pub relative: String,
}

impl Moment {
    /// The moment as it reads at `now`.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>, fuso: Tz) -> Self {
        Self { iso: at.to_rfc3339(), exact: moment(at, fuso), relative: relative(at, now, fuso) }
    }
}

/// `segunda-feira, 05/10/2026`.
pub fn weekday(date: NaiveDate) -> String {
    let name = match date.format("%u").to_string().as_str() {
        "1" => "segunda-feira",
        "2" => "terça-feira",
        "3" => "quarta-feira",
        "4" => "quinta-feira",
        "5" => "sexta-feira",
        "6" => "sábado",
        _ => "domingo",
    };
    format!("{name}, {}", day(date))
}

fn relative(at: DateTime<Utc>, now: DateTime<Utc>, fuso: Tz) -> String {
    let minutes = (now - at).num_minutes();
    let (then, today) = (at.with_timezone(&fuso), now.with_timezone(&fuso).date_naive());
    if minutes < -1 {
        return moment(at, fuso);
    }
    match minutes {
        ..1 => "agora".into(),
        1..60 => format!("há {minutes} min"),
        60..360 => format!("há {} h", minutes / 60),
        _ if then.date_naive() == today => format!("hoje às {}", pt_br::hour(at, fuso)),
        _ if Some(then.date_naive()) == today.checked_sub_days(Days::new(1)) => {
            format!("ontem às {}", pt_br::hour(at, fuso))
        }
        _ => day(then.date_naive()),
    }
}

/// A count with its noun: `1 assistência`, `1.234 assistências`.
pub fn count(n: i64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(n)) }
}

/// A size as people say it: `812 KB`, `4,1 MB`.
pub fn bytes(n: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = (n * 10 + unit / 2) / unit;
        if tenths >= 100 {
            format!("{}", (tenths + 5) / 10)
        } else {
            format!("{},{}", tenths / 10, tenths % 10)
        }
    };
    match n {
        ..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} KB", (n + 500) / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// Percent-encodes a value of a query.
pub fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_reads_as_a_person_would_say_it() {
        let now = at("2026-10-05T18:00:00Z");
        for (then, says) in [
            ("2026-10-05T17:59:40Z", "agora"),
            ("2026-10-05T17:48:00Z", "há 12 min"),
            ("2026-10-05T14:30:00Z", "há 3 h"),
            ("2026-10-05T11:05:00Z", "hoje às 08:05"),
            ("2026-10-05T02:30:00Z", "ontem às 23:30"),
            ("2026-09-30T12:00:00Z", "30/09/2026"),
            ("2026-10-06T12:00:00Z", "06/10/2026 09:00"),
        ] {
            assert_eq!(Moment::new(at(then), now, FUSO).relative, says, "{then}");
        }
    }

    #[test]
    fn a_size_reads_as_a_person_would_say_it() {
        for (n, says) in [
            (512, "512 B"),
            (48_213, "48 KB"),
            (4_100_000, "4,1 MB"),
            (104_857_600, "105 MB"),
            (2_147_483_648, "2,1 GB"),
        ] {
            assert_eq!(bytes(n), says);
        }
    }

    #[test]
    fn counts_follow_their_noun() {
        assert_eq!(count(1, "assistência", "assistências"), "1 assistência");
        assert_eq!(count(1_234, "assistência", "assistências"), "1.234 assistências");
    }
}
