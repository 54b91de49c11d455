//! The buttons that ask the company's ERP for something.

use super::post::FormPost;
use crate::{
    app::App,
    web::{
        form::Form,
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
pub async fn ask(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let codigo = sent.get("codigo");
    let form = format!("pedir-{codigo}");
    let acao = AcaoId::from(sent.id("acao"));
    let command = Command::SolicitarAcao { acao, codigo, observacao: sent.filled("observacao") };
    post.answer(form, command, Notice::Asked).await
}
