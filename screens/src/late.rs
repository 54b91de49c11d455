//! Whether a record is late, and why (R4, R70).

use campo_domain::pt_br;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

/// Why work that may still happen is late, in words; `None` where it is not. `day` is the day by
/// which the record should be done, `stage_until` the moment by which it should have left its
/// situação.
pub fn late(
    open: bool,
    day: Option<NaiveDate>,
    stage_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Option<String> {
    let today = now.with_timezone(&zone).date_naive();
    let of_record = day.filter(|day| *day < today);
    let of_record = of_record.map(|day| format!("Prazo: {}", pt_br::day(day)));
    let of_stage = stage_until.filter(|until| *until <= now);
    let of_stage = of_stage.map(|until| format!("Prazo da etapa: {}", pt_br::moment(until, zone)));
    of_record.or(of_stage).filter(|_| open)
}

/// From which moment on [`late`] says so; `None` where it never will.
pub fn late_from(
    open: bool,
    day: Option<NaiveDate>,
    stage_until: Option<DateTime<Utc>>,
    zone: Tz,
) -> Option<DateTime<Utc>> {
    let next = day.and_then(|day| day.checked_add_days(Days::new(1)));
    let day_over = next.map(|day| pt_br::day_start(day, zone));
    stage_until.into_iter().chain(day_over).min().filter(|_| open)
}
