//! `/agenda?dia=AAAA-MM-DD`: the commitments of a day, by responsável and hour.

use super::{
    format,
    page::{self, PageResult, Shell, Visit},
};
use crate::{
    app::App,
    reading::{
        agenda::{self, Commitment},
        record::label,
    },
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use campo_domain::pt_br;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

/// The years that the agenda shows.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2200;

/// The query string.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    dia: String,
}

#[derive(Template)]
#[template(path = "agenda.html")]
struct AgendaPage {
    shell: Shell,
    day: NaiveDate,
    previous: NaiveDate,
    next: NaiveDate,
    is_today: bool,
    heading: String,
    count: String,
    people: Vec<PersonDay>,
}

struct PersonDay {
    name: String,
    commitments: Vec<CommitmentView>,
}

struct CommitmentView {
    id: Uuid,
    start: String,
    end: Option<String>,
    overlaps: bool,
    parent: Option<(String, String)>,
    row: Commitment,
}

/// `GET /agenda`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn day(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<PageQuery>,
) -> PageResult {
    let fuso = visit.auth.fuso;
    let today = visit.now.with_timezone(&fuso).date_naive();
    let asked = NaiveDate::parse_from_str(&asked.dia, "%Y-%m-%d").ok();
    let day = asked.filter(|day| YEARS.contains(&day.year())).unwrap_or(today);
    let previous = day.checked_sub_days(Days::new(1)).unwrap_or(day);
    let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
    let (from, to) = (pt_br::day_start(day, fuso), pt_br::day_start(next, fuso));

    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let shell = visit.shell(&mut tx, "Agenda", "/agenda").await?;
    let found = agenda::between(&mut tx, visit.viewer(), from, to).await?;
    tx.commit().await?;

    let page = AgendaPage {
        shell,
        day,
        previous,
        next,
        is_today: day == today,
        heading: format::weekday(day),
        count: format::count(found.len().try_into().unwrap_or(0), "compromisso", "compromissos"),
        people: by_person(found, from, to, fuso),
    };
    page::answer_shell(StatusCode::OK, &page.shell, &page)
}

/// Groups what comes ordered by person and hour.
fn by_person(
    found: Vec<Commitment>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    fuso: Tz,
) -> Vec<PersonDay> {
    let mut people: Vec<PersonDay> = Vec::new();
    let mut current: Option<Option<Uuid>> = None;
    let mut busy_until: Option<DateTime<Utc>> = None;
    for row in found {
        if current != Some(row.responsavel) {
            current = Some(row.responsavel);
            busy_until = None;
            let name = row.responsavel_nome.clone().unwrap_or("Sem responsável".into());
            people.push(PersonDay { name, commitments: Vec::new() });
        }
        let counts = row.fase != "cancelado" && row.fase != "negado";
        let overlaps = counts && busy_until.is_some_and(|until| row.inicio < until);
        if counts {
            busy_until = busy_until.max(row.fim);
        }
        let view = CommitmentView {
            id: row.id,
            start: hour_of_day(row.inicio, from, to, fuso),
            end: row.fim.map(|fim| hour_of_day(fim, from, to, fuso)),
            overlaps,
            parent: parent(&row),
            row,
        };
        if let Some(person) = people.last_mut() {
            person.commitments.push(view);
        }
    }
    people
}

/// The hour; with the date where it is of another day.
fn hour_of_day(at: DateTime<Utc>, from: DateTime<Utc>, to: DateTime<Utc>, fuso: Tz) -> String {
    if at >= from && at <= to { pt_br::hour(at, fuso) } else { pt_br::moment(at, fuso) }
}

fn parent(row: &Commitment) -> Option<(String, String)> {
    let (kind, id) = (row.pai_kind.as_deref()?, row.pai_id?);
    Some((format!("/registros/{kind}/{id}"), label(id, row.pai_numero.as_deref())))
}
