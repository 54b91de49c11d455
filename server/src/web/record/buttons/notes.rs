//! The form that writes into the acompanhamento.

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
use campo_domain::{command::Command, ids::NotaId, registro::Visibilidade};

/// `POST …/nota`: writes into the acompanhamento.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn write(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let resposta_a: Option<NotaId> = sent.get("resposta_a").parse().ok();
    let form = resposta_a.map_or_else(|| "nota".to_owned(), |id| format!("resposta-{id}"));
    let command = Command::Anotar {
        id: NotaId::from(sent.id("nota")),
        texto: sent.get("texto"),
        visibilidade: match sent.get("visibilidade").as_str() {
            "cliente" => Visibilidade::Cliente,
            _ => Visibilidade::Interna,
        },
        resposta_a,
    };
    post.answer(form, command, Notice::Noted).await
}
