//! What a person may do to a record now, each with what it still lacks: which buttons to show, why
//! one is grey, and where it leads. The rules are the domain's; this asks them.

use crate::{look::Look, parts};
use campo_domain::{
    command::{Command, Listados},
    fluxo::{Consequencia, Fase, Guarda, Modo, Situacao, Transicao},
    ids::{AcaoId, AnaliseId, CorretivaId},
    parte::Colecao,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::TipoAnalise,
    tipo::AcaoPermitida,
    workflow::{self, Asked},
};

/// How a button stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Like the others.
    Plain,
    /// It concludes the record.
    Main,
    /// It ends the record without concluding it.
    Danger,
}

/// The button of a transition that the person may ask for.
#[derive(Clone, Debug)]
pub struct Button<'a> {
    /// The verb, for the request.
    pub verb: &'a str,
    /// The text on it.
    pub label: &'a str,
    /// The situação that it leads to. A client is not told of one that is the company's own (R52).
    pub leads_to: Option<&'a Situacao>,
    /// Whether a reason must be given.
    pub needs_reason: bool,
    /// The analysis that comes with it (R65, R66, R71).
    pub brings: Option<TipoAnalise>,
    /// Whether that analysis says if the complaint is founded.
    pub says_founded: bool,
    /// The label of what must be written, if anything.
    pub asks: Option<&'static str>,
    /// Whether the client may be told by e-mail (R60, R66).
    pub offers_email: bool,
    /// The address that the record has for such an e-mail; that of the cliente may serve besides.
    pub email_to: Option<&'a str>,
    /// Shown as proposed until the server has judged it.
    pub proposes: bool,
    /// How it stands out.
    pub style: Style,
    /// What has to be done before it can be asked for: why it is grey.
    pub lacks: Option<Refusal>,
}

/// An action that the person may ask of the company's ERP (R21, R72–R75, R100).
#[derive(Clone, Debug)]
pub struct ErpAction<'a> {
    /// Its code.
    pub code: &'a str,
    /// What a person reads.
    pub label: &'a str,
    /// What has to be filled in first.
    pub lacks: Option<Refusal>,
}

/// What else somebody may do, or why not.
pub type Offer = Result<(), Refusal>;

/// What else the person may do now.
#[derive(Clone, Debug)]
pub struct May {
    /// Add and remove items.
    pub items: Offer,
    /// Add and remove expenses.
    pub expenses: Offer,
    /// Add files.
    pub files: Offer,
    /// Remove files.
    pub remove_files: Offer,
    /// Add and remove links.
    pub links: Offer,
    /// Write internal notes.
    pub notes: Offer,
    /// Write notes that the client reads.
    pub notes_to_client: Offer,
    /// Add and remove participantes.
    pub participants: Offer,
    /// Add and remove interessados.
    pub interested: Offer,
    /// Issue partial analyses (R63).
    pub partial_analysis: Offer,
    /// Hand the record to another responsável with one (R64).
    pub hand_over: Offer,
    /// Restrict who sees the record (R86).
    pub restrict: Offer,
    /// Put the record under a corrective action (R77).
    pub join_corrective: Offer,
}

/// The transitions that the person may ask for now, in the order of the fluxo; those that only lack
/// something that the person can still give are among them.
pub fn buttons<'a>(look: &Look<'a>) -> Vec<Button<'a>> {
    workflow::available(look.expected, look.tipo, look.person, look.place)
        .into_iter()
        .map(|transition| button(look, transition))
        .collect()
}

fn button<'a>(look: &Look<'a>, transition: &'a Transicao) -> Button<'a> {
    let ask = Asked { verb: &transition.verbo, reason: Some("?"), brings: transition.traz };
    let judged = workflow::judge(look.expected, look.tipo, look.person, ask, look.place);
    let leads_to = look.tipo.fluxo.situacao(&transition.para);
    let email = |effect: &Consequencia| matches!(effect, Consequencia::OferecerEmail(_));
    let offers_email = transition.efeitos.iter().any(email);
    let address = look.record.valor("contato_email").texto();
    let needs_reason = transition.guardas.contains(&Guarda::Motivo);
    Button {
        verb: &transition.verbo,
        label: &transition.rotulo,
        leads_to: leads_to.filter(|to| !look.person.portal() || to.visivel_cliente),
        needs_reason,
        brings: transition.traz,
        says_founded: transition.traz == Some(TipoAnalise::Laudo),
        asks: match transition.traz {
            Some(TipoAnalise::Laudo) => Some("Conclusão"),
            Some(TipoAnalise::Solucao) => Some("Solução"),
            Some(TipoAnalise::Parecer) => Some("Parecer final"),
            Some(TipoAnalise::Parcial) => Some("Análise"),
            None => needs_reason.then_some("Motivo"),
        },
        offers_email,
        email_to: address.filter(|_| offers_email),
        proposes: transition.modo == Modo::Propor,
        style: match leads_to {
            Some(to) if to.fase == Fase::Concluido => Style::Main,
            Some(to) if !to.fase.aberta() => Style::Danger,
            _ => Style::Plain,
        },
        lacks: judged.err(),
    }
}

/// The actions that the person may ask for now, those that lack a field included.
pub fn erp_actions<'a>(look: &Look<'a>) -> Vec<ErpAction<'a>> {
    let offered = |action: &'a AcaoPermitida| {
        let command = Command::SolicitarAcao {
            acao: AcaoId::from_u128(0),
            codigo: action.codigo.clone(),
            observacao: None,
        };
        let lacks = match decided(look, &command) {
            Ok(()) => None,
            Err(refusal) if refusal.codigo == Codigo::ExigeCampo => Some(refusal),
            Err(_) => return None,
        };
        Some(ErpAction { code: &action.codigo, label: &action.rotulo, lacks })
    };
    look.tipo.acoes.iter().filter_map(offered).collect()
}

/// What else the person may do.
pub fn may(look: &Look<'_>) -> May {
    let part = |part| policy::pode_alterar_registro(look.person, look.expected, look.tipo, part);
    let add = |collection| parts::addable(look, collection);
    let listed = Listados { usuarios: [look.person.id].into(), ..Listados::default() };
    let corretiva = CorretivaId::from_u128(0);
    May {
        items: add(Colecao::Itens),
        expenses: add(Colecao::Despesas),
        files: add(Colecao::Anexos),
        remove_files: add(Colecao::Anexos).and_then(|()| part(Parte::Remocao(Colecao::Anexos))),
        links: add(Colecao::Vinculos),
        notes: part(Parte::Nota),
        notes_to_client: part(Parte::NotaAoCliente),
        participants: part(Parte::Participante),
        interested: part(Parte::Interessado),
        partial_analysis: part(Parte::AnaliseParcial),
        hand_over: decided(
            look,
            &Command::Analisar {
                analise: AnaliseId::from_u128(0),
                tipo: TipoAnalise::Parcial,
                texto: "?".into(),
                procedente: None,
                pedido: None,
                encaminhar: Some(look.person.id),
            },
        ),
        restrict: decided(look, &Command::Restringir { para: Some(listed) }),
        join_corrective: decided(
            look,
            &Command::VincularCorretiva { corretiva, numero: String::new() },
        ),
    }
}

fn decided(look: &Look<'_>, command: &Command) -> Offer {
    workflow::decide(Some(look.expected), look.tipo, look.person, command, look.place).map(|_| ())
}
