//! The buttons that ask the company's ERP for something.

use super::act::Act;
use crate::{
    app::App,
    web::{
        form::Sent,
        page::{Notice, PageResult, Visit},
        record::which::Which,
    },
};
use axum::extract::State;
use campo_domain::{command::Command, ids::AcaoId};

/// `POST …/acao`: asks the ERP for something.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn ask(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let codigo = sent.get("codigo");
    let form = format!("pedir-{codigo}");
    let acao = AcaoId::from(sent.id("acao"));
    let command = Command::SolicitarAcao { acao, codigo, observacao: sent.filled("observacao") };
    act.answer(form, command, Notice::Asked).await
}
