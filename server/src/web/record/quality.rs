//! The corrective actions that a record belongs to, and those that it may join or open once it is
//! concluded (R76, R77).

use super::{
    load::RecordRead,
    shown::{moment, person},
};
use crate::{
    reading::record::Corretiva,
    web::{
        form::{Choice, Draft},
        format::Moment,
    },
};
use campo_domain::registro;
use campo_screens::{Look, May};
use uuid::Uuid;

/// A corrective action that the record belongs to.
pub struct CorrectiveView {
    pub number: String,
    pub title: String,
    pub state: &'static str,
    pub by: String,
    pub at: Moment,
}

/// The forms that join one, or open one.
pub struct JoinForm {
    /// Those still in rascunho, of the record's tipo.
    pub known: Vec<Choice>,
    pub title: String,
    pub error: Option<String>,
}

/// The corrective actions that the record belongs to.
pub fn joined(look: &Look<'_>, read: &RecordRead) -> Vec<CorrectiveView> {
    let view = |link: &registro::Corretiva| {
        let known = read.correctives.iter().find(|known| known.id == link.id.uuid());
        CorrectiveView {
            number: link.numero.clone(),
            title: known.map_or_else(String::new, |known| known.titulo.clone()),
            state: match known.map(|known| known.situacao.as_str()) {
                Some("rascunho") => "Rascunho",
                Some("em_execucao") => "Em execução",
                Some("encerrada") => "Encerrada",
                _ => "",
            },
            by: person(look, link.por),
            at: moment(look, link.quando),
        }
    };
    look.record.corretivas.iter().map(view).collect()
}

/// The forms, where the person may link the record now.
pub fn form(may: &May, read: &RecordRead, draft: Option<&Draft>) -> Option<JoinForm> {
    may.join_corrective.as_ref().ok()?;
    let draft = Draft::of(draft, "corretiva");
    let chosen = Draft::text(draft, "corretiva", String::new);
    let joined = |id: Uuid| read.record.corretivas.iter().any(|link| link.id.uuid() == id);
    let open = read.correctives.iter();
    let open = open.filter(|known| known.situacao == "rascunho" && !joined(known.id));
    let choice = |known: &Corretiva| {
        let label = format!("{} · {}", known.numero, known.titulo);
        Choice::new(known.id.to_string(), label, &chosen)
    };
    Some(JoinForm {
        known: open.map(choice).collect(),
        title: Draft::text(draft, "titulo", String::new),
        error: Draft::error(draft),
    })
}
