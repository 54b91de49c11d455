//! The people of a record: participantes (R4), interessados (R87), and who alone may see it (R86).

use super::{fields, load::Loaded};
use crate::web::{
    form::{Choice, Draft},
    format::Moment,
    page::Visit,
};
use campo_domain::{
    command::Command,
    ids::UserId,
    kind::Kind,
    pessoa::Pessoa,
    policy::{self, Parte},
    workflow::{self, Onde},
};
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
    pub people: Vec<Choice>,
    pub groups: Vec<Choice>,
    pub error: Option<String>,
}

/// Participantes and interessados.
pub fn lists(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<ListView> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    if registro.kind == Kind::Cliente {
        return Vec::new();
    }
    let pessoa = &visit.auth.pessoa;
    let may = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok();
    let choice =
        |id: &UserId| fields::person(id.uuid(), &loaded.names.people.name_or_unknown(id.uuid()));
    let others = |already: &BTreeSet<UserId>| -> Vec<Choice> {
        let people = loaded.names.people.eligible(None);
        let people = people.filter(|(id, _)| !already.contains(&UserId::from(*id)));
        people.map(|(id, name)| fields::person(id, name)).collect()
    };
    let error = |form: &str| Draft::error(Draft::of(draft, form));
    vec![
        ListView {
            route: "participante",
            id: "participantes",
            title: "Participantes",
            empty: "Só quem criou e o responsável acompanham este registro.",
            people: registro.participantes.iter().map(choice).collect(),
            others: may(Parte::Participante).then(|| others(&registro.envolvidos())),
            error: error("participantes"),
        },
        ListView {
            route: "interessado",
            id: "interessados",
            title: "Interessados",
            empty: "Ninguém é avisado por e-mail da abertura e da conclusão.",
            people: registro.interessados.iter().map(choice).collect(),
            others: may(Parte::Interessado).then(|| others(&registro.interessados)),
            error: error("interessados"),
        },
    ]
}

/// Who alone may see the record; nothing where that is said elsewhere.
pub fn restriction(
    visit: &Visit,
    loaded: &Loaded,
    draft: Option<&Draft>,
) -> Option<RestrictionView> {
    let registro = &loaded.registro;
    if registro.kind == Kind::Cliente || registro.raiz() != registro.id {
        return None;
    }
    let name = |id: UserId| loaded.names.people.name_or_unknown(id.uuid());
    let group = |code: &str| loaded.names.catalogues.name("grupo", code).unwrap_or(code).to_owned();
    let restricao = registro.restricao.as_ref();
    let listed = restricao.map(|restricao| {
        let people = restricao.usuarios.iter().map(|id| name(*id));
        let groups = restricao.grupos.iter().map(|code| format!("grupo {}", group(code)));
        people.chain(groups).collect::<Vec<_>>().join(", ")
    });
    let form = may_restrict(&visit.auth.pessoa, loaded).then(|| form(loaded, draft));
    if listed.is_none() && form.is_none() {
        return None;
    }
    Some(RestrictionView {
        listed,
        by: restricao.map(|restricao| name(restricao.por)).unwrap_or_default(),
        at: restricao.map(|r| Moment::new(r.quando, visit.now, loaded.fuso)),
        form,
    })
}

fn may_restrict(pessoa: &Pessoa, loaded: &Loaded) -> bool {
    let free = Command::Restringir { para: None };
    workflow::decide(Some(&loaded.registro), &loaded.tipo, pessoa, &free, Onde::Servidor).is_ok()
}

fn form(loaded: &Loaded, draft: Option<&Draft>) -> RestrictionForm {
    let draft = Draft::of(draft, "restricao");
    let restricao = loaded.registro.restricao.as_ref();
    let listed = |name: &str, value: &str, now: bool| match draft {
        Some(draft) => draft.sent.all(name).any(|sent| sent == value),
        None => now,
    };
    let person = |(id, name): (Uuid, &str)| {
        let now = restricao.is_some_and(|r| r.usuarios.contains(&UserId::from(id)));
        let selected = listed("usuario", &id.to_string(), now);
        Choice { selected, ..fields::person(id, name) }
    };
    let known = loaded.names.catalogues.entries("grupo").iter().filter(|entry| entry.active);
    let mut groups: Vec<(&str, &str)> = known.map(|g| (g.code.as_str(), g.name.as_str())).collect();
    for code in restricao.iter().flat_map(|r| &r.grupos) {
        if !groups.iter().any(|(known, _)| known == code) {
            groups.push((code, code));
        }
    }
    let group = |(code, name): (&str, &str)| {
        let now = restricao.is_some_and(|r| r.grupos.contains(code));
        Choice { value: code.into(), label: name.into(), selected: listed("grupo", code, now) }
    };
    RestrictionForm {
        people: loaded.names.people.eligible(None).map(person).collect(),
        groups: groups.into_iter().map(group).collect(),
        error: Draft::error(draft),
    }
}
