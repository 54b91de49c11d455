//! The buttons that move a record on, and the partial analysis.

use super::act::{Act, not_valid};
use crate::{
    app::App,
    web::{
        form::Sent,
        page::{Notice, PageResult, Visit},
        record::which::Which,
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoPedido},
    ids::{AnaliseId, PedidoId, UserId},
    refusal::{Codigo, Refusal},
    registro::TipoAnalise,
    workflow,
};

/// `POST …/transicao`: asks for a transition, with the analysis that it brings.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn ask(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let verbo = sent.get("verbo");
    let form = format!("acao-{verbo}");
    let (registro, tipo) = act.load().await?;
    let (pedido, email) = (PedidoId::from(sent.id("pedido")), sent.has("email"));
    let traz = tipo.fluxo.transicao(&verbo).and_then(|transicao| transicao.traz);
    let Some(traz) = traz else {
        let motivo = sent.filled("texto");
        let command = Command::Transicionar { pedido, verbo, motivo, email };
        return act.answer(form, command, Notice::Moved).await;
    };
    // The rules find the transition by the analysis: it must be the one of the button.
    let found = workflow::transition_bringing(&registro, &tipo, traz);
    let repeated = registro.pedidos.iter().any(|asked| asked.id == pedido);
    if !repeated && found.is_ok_and(|found| found.verbo != verbo) {
        let situacao = registro.situacao(&tipo).map_or(String::new(), |s| s.nome.clone());
        let refusal = Refusal::with(Codigo::TransicaoNaoPermitida, [situacao, verbo]);
        return act.refused(form, &refusal).await;
    }
    let procedente = match (traz, sent.get("procedente").as_str()) {
        (TipoAnalise::Laudo, "sim") => Some(true),
        (TipoAnalise::Laudo, "nao") => Some(false),
        (TipoAnalise::Laudo, _) => return act.refused(form, &not_valid("Procedente")).await,
        _ => None,
    };
    let command = Command::Analisar {
        analise: AnaliseId::from(sent.id("analise")),
        tipo: traz,
        texto: sent.get("texto"),
        procedente,
        pedido: Some(NovoPedido { id: pedido, email }),
        encaminhar: None,
    };
    act.answer(form, command, Notice::Moved).await
}

/// `POST …/analise`: issues a partial analysis, and may hand the record to somebody.
///
/// # Errors
/// As [`ask`].
pub async fn analyse(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let encaminhar = match sent.filled("encaminhar").map(|id| id.parse::<UserId>()) {
        None => None,
        Some(Ok(usuario)) => Some(usuario),
        Some(Err(_)) => {
            act.check()?;
            return act.refused("analise".into(), &not_valid("Encaminhar para")).await;
        }
    };
    let command = Command::Analisar {
        analise: AnaliseId::from(sent.id("analise")),
        tipo: TipoAnalise::Parcial,
        texto: sent.get("texto"),
        procedente: None,
        pedido: None,
        encaminhar,
    };
    act.answer("analise".into(), command, Notice::Analysed).await
}
