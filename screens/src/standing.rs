//! How a record stands: what is to be seen of it at once, the analyses that were issued, and the
//! requests that wait.

use crate::{
    late::late,
    look::Look,
    words::{Words, words},
};
use campo_domain::{
    assistencia::PRIORIDADES,
    ids::PedidoId,
    refusal::Refusal,
    registro::{Analise, Pedido},
    valor::Valor,
    workflow,
};
use chrono::{DateTime, Utc};

/// What is to be seen of a record at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Badges {
    /// The label of its priority, where that is not the normal one.
    pub priority: Option<&'static str>,
    /// Its category.
    pub category: Option<String>,
    /// Whether it was said who alone may see it (R86).
    pub restricted: bool,
    /// Until when it may stay in its situação, while work may still happen (R70).
    pub stage_until: Option<DateTime<Utc>>,
    /// Why it is late.
    pub late: Option<String>,
}

/// What became of an analysis that came with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnalysisState {
    /// A partial one: it asks for nothing, and stands beside the others.
    Partial,
    /// It is the one that counts, of its type.
    InForce,
    /// The server has not judged its request yet.
    Waits,
    /// Its request was refused.
    Refused(Refusal),
    /// A later one of its type counts.
    Superseded,
}

impl AnalysisState {
    /// What a person reads; nothing of a partial one.
    pub const fn label(&self) -> Option<&'static str> {
        match self {
            AnalysisState::Partial => None,
            AnalysisState::InForce => Some("em vigor"),
            AnalysisState::Waits => Some("aguarda o servidor"),
            AnalysisState::Refused(_) => Some("não aceita"),
            AnalysisState::Superseded => Some("substituída"),
        }
    }
}

/// An analysis of a record.
#[derive(Clone, Debug)]
pub struct Analysis<'a> {
    /// The analysis.
    pub analysis: &'a Analise,
    /// Whether it is the last of its type that counts; true of the last partial one, too.
    pub in_force: bool,
    /// What became of it.
    pub state: AnalysisState,
}

/// A request that the server has not judged yet.
#[derive(Clone, Debug)]
pub struct Waiting<'a> {
    /// The request.
    pub request: &'a Pedido,
    /// The label of its transition.
    pub label: &'a str,
    /// What it waits for.
    pub why: String,
}

/// What is to be seen of a record at once.
pub fn badges(look: &Look<'_>) -> Badges {
    let (record, tipo) = (look.record, look.tipo);
    let open = record.aberto(tipo);
    let day = match record.valor("prazo") {
        Valor::Data(day) => Some(*day),
        _ => None,
    };
    let until = record.etapa_ate(tipo);
    let category = record.kind.campo("categoria").filter(|campo| tipo.tem_campo(campo.nome));
    let category = category
        .map(|campo| words(campo, record.valor(campo.nome), Some(tipo), look.names, look.zone));
    Badges {
        priority: priority_label(record.prioridade(tipo)),
        category: category.and_then(Words::known),
        restricted: record.restricao.is_some(),
        stage_until: until.filter(|_| open),
        late: late(open, day, until, look.now, look.zone),
    }
}

/// The label of a priority worth showing: a normal one says nothing.
pub fn priority_label(code: Option<&str>) -> Option<&'static str> {
    let found = PRIORIDADES.iter().find(|(known, _)| Some(*known) == code);
    found.filter(|(known, _)| *known != "normal").map(|(_, label)| *label)
}

/// What was issued, the oldest first.
pub fn analyses<'a>(look: &Look<'a>) -> Vec<Analysis<'a>> {
    let record = look.record;
    let view = |analysis: &'a Analise| {
        let counts = record.vigente(analysis.tipo);
        let in_force = counts.is_some_and(|counts| counts.id == analysis.id);
        let state = match analysis.pedido {
            None => AnalysisState::Partial,
            Some(_) if in_force => AnalysisState::InForce,
            Some(request) => state(look, request),
        };
        Analysis { analysis, in_force, state }
    };
    record.analises.iter().map(view).collect()
}

fn state(look: &Look<'_>, request: PedidoId) -> AnalysisState {
    let asked = look.record.pedidos.iter().find(|asked| asked.id == request);
    match asked.and_then(|asked| asked.veredito.as_ref()) {
        None => AnalysisState::Waits,
        Some(verdict) => match &verdict.recusa {
            Some(refusal) => AnalysisState::Refused(refusal.clone()),
            None => AnalysisState::Superseded,
        },
    }
}

/// The requests that wait, in the order of their asking. On the server, one waits for its photos or
/// for the request before it (ff08).
pub fn waiting<'a>(look: &Look<'a>) -> Vec<Waiting<'a>> {
    let (record, tipo) = (look.record, look.tipo);
    let view = |request: &'a Pedido| {
        let transition = tipo.fluxo.transicao(&request.verbo);
        let why = workflow::photos_on_their_way(record, tipo, &request.verbo);
        Waiting {
            request,
            label: transition.map_or(&request.verbo, |transition| &transition.rotulo),
            why: why.map_or_else(|| "Vem depois do que espera.".into(), |why| why.mensagem()),
        }
    };
    record.pedidos_pendentes().map(view).collect()
}
