//! The buttons that move a record on, and the partial analysis.

use super::post::{FormPost, not_valid};
use crate::{
    app::App,
    office,
    web::{
        form::Form,
        page::{Notice, PageResult, Visit},
        record::which::Which,
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoPedido},
    ids::{AnaliseId, PedidoId, UserId},
    registro::TipoAnalise,
};

/// `POST …/transicao`: asks for a transition, with the analysis that it brings.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn ask(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let verbo = sent.get("verbo");
    let form = format!("acao-{verbo}");
    let (record, tipo) = post.load().await?;
    let (pedido, email) = (PedidoId::from(sent.id("pedido")), sent.has("email"));
    let analysis = match office::brings(&record, &tipo, &verbo, pedido) {
        Ok(Some(analysis)) => analysis,
        Ok(None) => {
            let motivo = sent.filled("texto");
            let command = Command::Transicionar { pedido, verbo, motivo, email };
            return post.answer(form, command, Notice::Moved).await;
        }
        Err(refusal) => return post.refused(form, &refusal).await,
    };
    let procedente = match (analysis, sent.get("procedente").as_str()) {
        (TipoAnalise::Laudo, "sim") => Some(true),
        (TipoAnalise::Laudo, "nao") => Some(false),
        (TipoAnalise::Laudo, _) => return post.refused(form, &not_valid("Procedente")).await,
        _ => None,
    };
    let command = Command::Analisar {
        analise: AnaliseId::from(sent.id("analise")),
        tipo: analysis,
        texto: sent.get("texto"),
        procedente,
        pedido: Some(NovoPedido { id: pedido, email }),
        encaminhar: None,
    };
    post.answer(form, command, Notice::Moved).await
}

/// `POST …/analise`: issues a partial analysis, and may hand the record to somebody.
///
/// # Errors
/// As [`ask`].
pub async fn analyse(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let encaminhar = match sent.filled("encaminhar").map(|id| id.parse::<UserId>()) {
        None => None,
        Some(Ok(usuario)) => Some(usuario),
        Some(Err(_)) => {
            post.check()?;
            return post.refused("analise".into(), &not_valid("Encaminhar para")).await;
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
    post.answer("analise".into(), command, Notice::Analysed).await
}
