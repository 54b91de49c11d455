//! The people of a record: participantes (R4), interessados (R87), and who alone may see it (R86).

use super::{
    inputs,
    load::RecordRead,
    shown::{moment, person},
};
use crate::web::{
    form::{Choice, Draft},
    format::Moment,
};
use campo_domain::{ids::UserId, kind::Kind, registro::Restricao};
use campo_screens::{Look, May};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A list of people that somebody may be added to.
pub struct ListView {
    /// Of the button, and of the section.
    pub route: &'static str,
    pub id: &'static str,
    pub title: &'static str,
    pub empty: &'static str,
    pub people: Vec<Choice>,
    /// Who may be added, where the person may add somebody.
    pub others: Option<Vec<Choice>>,
    pub error: Option<String>,
}

/// Who alone may see the record.
pub struct RestrictionView {
    /// The listed ones; `None` where it is open to everybody who may see such records.
    pub listed: Option<String>,
    pub by: String,
    pub at: Option<Moment>,
    /// The form, where the person may restrict it.
    pub form: Option<RestrictionForm>,
}

/// The form that restricts a record.
pub struct RestrictionForm {
    /// Which restriction the form was drawn from.
    pub seen: String,
    pub people: Vec<Choice>,
    pub groups: Vec<Choice>,
    pub error: Option<String>,
}

/// Participantes and interessados.
pub fn lists(
    look: &Look<'_>,
    may: &May,
    read: &RecordRead,
    draft: Option<&Draft>,
) -> Vec<ListView> {
    let record = look.record;
    if record.kind == Kind::Cliente {
        return Vec::new();
    }
    let choice = |id: &UserId| inputs::person(id, look.names.person_or_unknown(*id));
    let others = |already: &BTreeSet<UserId>| -> Vec<Choice> {
        let people = read.pickers.people.eligible(None);
        let people = people.filter(|(id, _)| !already.contains(&UserId::from(*id)));
        people.map(|(id, name)| inputs::person(id, name)).collect()
    };
    let error = |form: &str| Draft::error(Draft::of(draft, form));
    vec![
        ListView {
            route: "participante",
            id: "participantes",
            title: "Participantes",
            empty: "Só quem criou e o responsável acompanham este registro.",
            people: record.participantes.iter().map(choice).collect(),
            others: may.participants.is_ok().then(|| others(&record.envolvidos())),
            error: error("participantes"),
        },
        ListView {
            route: "interessado",
            id: "interessados",
            title: "Interessados",
            empty: "Ninguém é avisado por e-mail da abertura e da conclusão.",
            people: record.interessados.iter().map(choice).collect(),
            others: may.interested.is_ok().then(|| others(&record.interessados)),
            error: error("interessados"),
        },
    ]
}

/// Who alone may see the record; nothing where that is said elsewhere.
pub fn restriction(
    look: &Look<'_>,
    may: &May,
    read: &RecordRead,
    draft: Option<&Draft>,
) -> Option<RestrictionView> {
    let record = look.record;
    if record.kind == Kind::Cliente || record.raiz() != record.id {
        return None;
    }
    let restriction = record.restricao.as_ref();
    let listed = restriction.map(|restriction| {
        let people = restriction.usuarios.iter().map(|id| person(look, *id));
        let name = |code: &String| look.names.entry("grupo", code).unwrap_or(code).to_owned();
        let groups = restriction.grupos.iter().map(|code| format!("grupo {}", name(code)));
        people.chain(groups).collect::<Vec<_>>().join(", ")
    });
    let form = may.restrict.is_ok().then(|| form(look, read, draft));
    if listed.is_none() && form.is_none() {
        return None;
    }
    Some(RestrictionView {
        listed,
        by: restriction.map(|restriction| person(look, restriction.por)).unwrap_or_default(),
        at: restriction.map(|restriction| moment(look, restriction.quando)),
        form,
    })
}

/// A restriction as a form carries it: since when it is. Empty where there is none.
pub fn seen(restriction: Option<&Restricao>) -> String {
    restriction.map_or_else(String::new, |restriction| restriction.quando.to_rfc3339())
}

fn form(look: &Look<'_>, read: &RecordRead, draft: Option<&Draft>) -> RestrictionForm {
    let error = Draft::error(Draft::of(draft, "restricao"));
    // Of a list that somebody else changed meanwhile, what stands now is shown.
    let draft = Draft::of(draft, "restricao").filter(|draft| !draft.outdated);
    let restriction = read.record.restricao.as_ref();
    let listed = |name: &str, value: &str, now: bool| match draft {
        Some(draft) => draft.sent.all(name).any(|sent| sent == value),
        None => now,
    };
    let person = |(id, name): (Uuid, &str)| {
        let now = restriction.is_some_and(|r| r.usuarios.contains(&UserId::from(id)));
        let selected = listed("usuario", &id.to_string(), now);
        Choice { selected, ..inputs::person(id, name) }
    };
    let known = read.pickers.catalogues.entries("grupo").iter().filter(|entry| entry.active);
    let mut groups: Vec<(&str, &str)> = known.map(|g| (g.code.as_str(), g.name.as_str())).collect();
    for code in restriction.iter().flat_map(|r| &r.grupos) {
        if !groups.iter().any(|(known, _)| known == code) {
            groups.push((code, code));
        }
    }
    let group = |(code, name): (&str, &str)| {
        let now = restriction.is_some_and(|r| r.grupos.contains(code));
        Choice { value: code.into(), label: name.into(), selected: listed("grupo", code, now) }
    };
    let mut people: Vec<(Uuid, &str)> = read.pickers.people.eligible(None).collect();
    // Who is listed stays in the form, also if nobody may choose that person any more.
    for id in restriction.iter().flat_map(|r| &r.usuarios) {
        if !people.iter().any(|(known, _)| *known == id.uuid()) {
            people.push((id.uuid(), look.names.person_or_unknown(*id)));
        }
    }
    RestrictionForm {
        seen: seen(restriction),
        people: people.into_iter().map(person).collect(),
        groups: groups.into_iter().map(group).collect(),
        error,
    }
}
