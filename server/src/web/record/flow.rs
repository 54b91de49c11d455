//! The flow of a record: the transitions that may be asked for, each with what it brings, and the
//! analyses that were issued (R45–R71).

use super::{
    inputs,
    load::RecordRead,
    shown::{moment, person},
};
use crate::web::{
    form::{Choice, Draft},
    format::Moment,
};
use campo_screens::{
    Analysis, AnalysisState, Button, Look, May, Style, Waiting, analyses as issued, buttons,
    waiting as pending,
};
use uuid::Uuid;

/// The button of a transition.
pub struct ActionView {
    pub verb: String,
    pub label: String,
    pub style: &'static str,
    /// The name of the situação that it leads to.
    pub leads_to: Option<String>,
    /// What must be written, if anything.
    pub asks: Option<&'static str>,
    /// Whether it says if the complaint is founded, and what was chosen.
    pub founded: Option<String>,
    /// The e-mail to the client that it offers.
    pub email: Option<EmailOffer>,
    /// What has to be done first.
    pub lacks: Option<String>,
    /// The ids of the request and of its analysis.
    pub request: Uuid,
    pub analysis: Uuid,
    pub text: String,
    pub error: Option<String>,
}

impl ActionView {
    /// Whether the button opens a form, or says what is missing.
    pub fn opens(&self) -> bool {
        self.asks.is_some() || self.email.is_some() || self.lacks.is_some()
    }
}

/// An e-mail to the client (R60, R66).
pub struct EmailOffer {
    /// Where it would go, as far as the record says.
    pub to: String,
    pub checked: bool,
}

/// An analysis.
pub struct AnalysisView {
    pub id: Uuid,
    pub title: &'static str,
    pub founded: Option<bool>,
    pub text: String,
    pub by: String,
    pub at: Moment,
    /// To whom a partial one handed the record.
    pub handed: Option<String>,
    /// Whether it is in force, where only one of its type can be.
    pub state: Option<&'static str>,
    pub in_force: bool,
}

/// The form of a partial analysis (R63, R64).
pub struct PartialForm {
    pub id: Uuid,
    pub text: String,
    pub people: Vec<Choice>,
    pub error: Option<String>,
}

/// A request that has no verdict yet: its photos are on their way.
pub struct WaitingView {
    pub label: String,
    pub by: String,
    pub at: Moment,
    /// What it waits for.
    pub why: String,
}

/// The requests that wait, in the order of their asking.
pub fn waiting(look: &Look<'_>) -> Vec<WaitingView> {
    let view = |waiting: Waiting<'_>| WaitingView {
        label: waiting.label.to_owned(),
        by: person(look, waiting.request.autoria.por),
        at: moment(look, waiting.request.quando),
        why: waiting.why,
    };
    pending(look).into_iter().map(view).collect()
}

/// The buttons that the person may press now.
pub fn actions(look: &Look<'_>, draft: Option<&Draft>) -> Vec<ActionView> {
    buttons(look).into_iter().map(|button| action(button, draft)).collect()
}

fn action(button: Button<'_>, draft: Option<&Draft>) -> ActionView {
    let draft = Draft::of(draft, &format!("acao-{}", button.verb));
    ActionView {
        verb: button.verb.to_owned(),
        label: button.label.to_owned(),
        style: match button.style {
            Style::Plain => "",
            Style::Main => "principal",
            Style::Danger => "perigo",
        },
        leads_to: button.leads_to.map(|situacao| situacao.nome.clone()),
        asks: button.asks,
        founded: button.says_founded.then(|| Draft::text(draft, "procedente", String::new)),
        email: button.offers_email.then(|| EmailOffer {
            to: button.email_to.unwrap_or_default().to_owned(),
            checked: draft.is_some_and(|draft| draft.sent.has("email")),
        }),
        lacks: button.lacks.map(|refusal| refusal.mensagem()),
        request: Draft::id(draft, "pedido"),
        analysis: Draft::id(draft, "analise"),
        text: Draft::text(draft, "texto", String::new),
        error: Draft::error(draft),
    }
}

/// What was issued, the newest first.
pub fn analyses(look: &Look<'_>) -> Vec<AnalysisView> {
    let view = |Analysis { analysis, state, .. }: Analysis<'_>| AnalysisView {
        id: analysis.id.uuid(),
        title: analysis.tipo.rotulo(),
        founded: analysis.procedente,
        text: analysis.texto.clone(),
        by: person(look, analysis.autoria.por),
        at: moment(look, analysis.quando),
        handed: analysis.encaminhar.map(|id| person(look, id)),
        state: state.label(),
        in_force: state == AnalysisState::InForce,
    };
    issued(look).into_iter().rev().map(view).collect()
}

/// The form of a partial analysis, where the person may issue one.
pub fn partial(may: &May, read: &RecordRead, draft: Option<&Draft>) -> Option<PartialForm> {
    may.partial_analysis.as_ref().ok()?;
    let draft = Draft::of(draft, "analise");
    let chosen = Draft::text(draft, "encaminhar", String::new);
    let people = read.pickers.people.eligible(None).filter(|_| may.hand_over.is_ok());
    let people = people.map(|(id, name)| Choice {
        selected: id.to_string() == chosen,
        ..inputs::person(id, name)
    });
    Some(PartialForm {
        id: Draft::id(draft, "analise"),
        text: Draft::text(draft, "texto", String::new),
        people: people.collect(),
        error: Draft::error(draft),
    })
}
