//! The corrective actions that a record belongs to, and those that it may join or open once it is
//! concluded (R76, R77).

use super::load::Loaded;
use crate::web::{
    form::{Choice, Draft},
    format::Moment,
    page::Visit,
};
use campo_domain::{
    command::Command,
    ids::{CorretivaId, UserId},
    registro,
    workflow::{self, Onde},
};
use uuid::Uuid;

/// A corrective action that the record belongs to.
pub struct CorretivaView {
    pub numero: String,
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
pub fn corretivas(visit: &Visit, loaded: &Loaded) -> Vec<CorretivaView> {
    let name = |id: UserId| loaded.names.people.name_or_unknown(id.uuid());
    let view = |link: &registro::Corretiva| {
        let known = loaded.corretivas.iter().find(|known| known.id == link.id.uuid());
        CorretivaView {
            numero: link.numero.clone(),
            title: known.map_or_else(String::new, |known| known.titulo.clone()),
            state: match known.map(|known| known.situacao.as_str()) {
                Some("rascunho") => "Rascunho",
                Some("em_execucao") => "Em execução",
                Some("encerrada") => "Encerrada",
                _ => "",
            },
            by: name(link.por),
            at: Moment::new(link.quando, visit.now, loaded.fuso),
        }
    };
    loaded.registro.corretivas.iter().map(view).collect()
}

/// The forms, where the person may link the record now.
pub fn form(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Option<JoinForm> {
    let (registro, tipo, pessoa) = (&loaded.registro, &loaded.tipo, &visit.auth.pessoa);
    let link =
        Command::VincularCorretiva { corretiva: CorretivaId::from_u128(0), numero: String::new() };
    workflow::decide(Some(registro), tipo, pessoa, &link, Onde::Servidor).ok()?;
    let draft = Draft::of(draft, "corretiva");
    let chosen = Draft::text(draft, "corretiva", String::new);
    let joined = |id: Uuid| registro.corretivas.iter().any(|link| link.id.uuid() == id);
    let open = loaded.corretivas.iter();
    let open = open.filter(|known| known.situacao == "rascunho" && !joined(known.id));
    let choice = |known: &crate::reading::record::Corretiva| {
        let label = format!("{} · {}", known.numero, known.titulo);
        Choice::new(known.id.to_string(), label, &chosen)
    };
    Some(JoinForm {
        known: open.map(choice).collect(),
        title: Draft::text(draft, "titulo", String::new),
        error: Draft::error(draft),
    })
}
