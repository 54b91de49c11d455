//! The flow of a record: the transitions that may be asked for, each with what it brings, and the
//! analyses that were issued (R45–R71).

use super::{fields, load::Loaded};
use crate::web::{
    form::{Choice, Draft},
    format::Moment,
    page::Visit,
};
use campo_domain::{
    fluxo::{Consequencia, Fase, Guarda, Transicao},
    ids::UserId,
    policy::{self, Parte},
    registro::{Analise, Pedido, Registro, TipoAnalise},
    tipo::Tipo,
    workflow::{self, Asked as Asking, Onde},
};
use uuid::Uuid;

/// The button of a transition.
pub struct ActionView {
    pub verb: String,
    pub label: String,
    pub style: &'static str,
    /// What must be written, if anything.
    pub asks: Option<&'static str>,
    /// Whether it says if the complaint is founded, and what was chosen.
    pub founded: Option<String>,
    /// The e-mail to the client that it offers.
    pub email: Option<EmailOffer>,
    /// What has to be done first.
    pub lacks: Option<String>,
    pub pedido: Uuid,
    pub analise: Uuid,
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
pub struct AnaliseView {
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
pub fn waiting(visit: &Visit, loaded: &Loaded) -> Vec<WaitingView> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let view = |pedido: &Pedido| {
        let transicao = tipo.fluxo.transicao(&pedido.verbo);
        let why = workflow::photos_on_their_way(registro, tipo, &pedido.verbo);
        WaitingView {
            label: transicao.map_or_else(|| pedido.verbo.clone(), |t| t.rotulo.clone()),
            by: loaded.names.people.name_or_unknown(pedido.autoria.por.uuid()),
            at: Moment::new(pedido.quando, visit.now, loaded.fuso),
            why: why.map_or_else(|| "Vem depois do que espera.".into(), |why| why.mensagem()),
        }
    };
    registro.pedidos_pendentes().map(view).collect()
}

/// The buttons that the person may press now.
pub fn actions(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<ActionView> {
    let (registro, tipo, pessoa) = (&loaded.registro, &loaded.tipo, &visit.auth.pessoa);
    let view = |transicao: &Transicao| {
        let draft = Draft::of(draft, &format!("acao-{}", transicao.verbo));
        let pedir = Asking { verb: &transicao.verbo, reason: Some("?"), brings: transicao.traz };
        let judged = workflow::judge(registro, tipo, pessoa, pedir, Onde::Servidor);
        let offers = |efeito: &Consequencia| matches!(efeito, Consequencia::OferecerEmail(_));
        let minted = |name: &str| draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id(name));
        ActionView {
            verb: transicao.verbo.clone(),
            label: transicao.rotulo.clone(),
            style: style(transicao, tipo),
            asks: asks(transicao),
            founded: (transicao.traz == Some(TipoAnalise::Laudo))
                .then(|| Draft::text(draft, "procedente", String::new)),
            email: transicao.efeitos.iter().any(offers).then(|| EmailOffer {
                to: registro.valor("contato_email").texto().unwrap_or_default().to_owned(),
                checked: draft.is_some_and(|draft| draft.sent.has("email")),
            }),
            lacks: judged.err().map(|refusal| refusal.mensagem()),
            pedido: minted("pedido"),
            analise: minted("analise"),
            text: Draft::text(draft, "texto", String::new),
            error: Draft::error(draft),
        }
    };
    workflow::available(registro, tipo, pessoa, Onde::Servidor).into_iter().map(view).collect()
}

fn style(transicao: &Transicao, tipo: &Tipo) -> &'static str {
    match tipo.fluxo.situacao(&transicao.para) {
        Some(situacao) if situacao.fase == Fase::Concluido => "principal",
        Some(situacao) if !situacao.fase.aberta() => "perigo",
        _ => "",
    }
}

/// The label of what the transition's form asks to write.
fn asks(transicao: &Transicao) -> Option<&'static str> {
    match transicao.traz {
        Some(TipoAnalise::Laudo) => Some("Conclusão"),
        Some(TipoAnalise::Solucao) => Some("Solução"),
        Some(TipoAnalise::Parecer) => Some("Parecer final"),
        Some(TipoAnalise::Parcial) => Some("Análise"),
        None => transicao.guardas.contains(&Guarda::Motivo).then_some("Motivo"),
    }
}

/// What was issued, the newest first.
pub fn analyses(visit: &Visit, loaded: &Loaded) -> Vec<AnaliseView> {
    let registro = &loaded.registro;
    let name = |id: UserId| loaded.names.people.name_or_unknown(id.uuid());
    let view = |analise: &Analise| {
        let state = state(registro, analise);
        AnaliseView {
            id: analise.id.uuid(),
            title: analise.tipo.rotulo(),
            founded: analise.procedente,
            text: analise.texto.clone(),
            by: name(analise.autoria.por),
            at: Moment::new(analise.quando, visit.now, loaded.fuso),
            handed: analise.encaminhar.map(name),
            state,
            in_force: state == Some(IN_FORCE),
        }
    };
    registro.analises.iter().rev().map(view).collect()
}

const IN_FORCE: &str = "em vigor";

/// Of an analysis that came with a request: what became of it.
fn state(registro: &Registro, analise: &Analise) -> Option<&'static str> {
    let pedido = analise.pedido?;
    if registro.vigente(analise.tipo).is_some_and(|vigente| vigente.id == analise.id) {
        return Some(IN_FORCE);
    }
    let asked = registro.pedidos.iter().find(|asked| asked.id == pedido);
    match asked.and_then(|asked| asked.veredito.as_ref()) {
        None => Some("aguarda o servidor"),
        Some(veredito) if veredito.recusa.is_some() => Some("não aceita"),
        Some(_) => Some("substituída"),
    }
}

/// The form of a partial analysis, where the person may issue one.
pub fn partial(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Option<PartialForm> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let parte = Parte::AnaliseParcial;
    policy::pode_alterar_registro(&visit.auth.pessoa, registro, tipo, parte).ok()?;
    let draft = Draft::of(draft, "analise");
    let chosen = Draft::text(draft, "encaminhar", String::new);
    let people = loaded.names.people.eligible(None);
    let people = people.map(|(id, name)| Choice {
        selected: id.to_string() == chosen,
        ..fields::person(id, name)
    });
    Some(PartialForm {
        id: draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("analise")),
        text: Draft::text(draft, "texto", String::new),
        people: people.collect(),
        error: Draft::error(draft),
    })
}
