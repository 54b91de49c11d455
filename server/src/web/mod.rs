//! The back office (retaguarda): pages that the server renders, and the two files they load.
//!
//! Handlers read through `queries` and write through `crate::office`, the same gate as a device's
//! work; no rule is decided here. Every page works without JavaScript: `assets/app.js` only keeps
//! it fresh and spares clicks.

mod agenda;
mod assets;
mod form;
mod format;
mod held;
mod lists;
mod page;
mod queries;
mod record;
mod session;

use crate::app::App;
use axum::{
    Router,
    response::Redirect,
    routing::{MethodRouter, get, post},
};

/// The routes of the back office.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to("/assistencias")))
        .route("/entrar", get(session::form).post(session::enter))
        .route("/sair", post(session::leave))
        .route("/assistencias", get(lists::assistencias))
        .route("/ocorrencias", get(lists::ocorrencias))
        .route("/agenda", get(agenda::day))
        .route("/retidas", get(held::list))
        .route("/retidas/{id}", post(held::decide))
        .route("/registros/{kind}/{id}", get(record::show))
        .merge(buttons())
        .route("/assets/{file}", get(assets::serve))
}

/// The forms of a record's page. Asked for by GET (a reload after a refusal), they lead to the
/// page.
fn buttons() -> Router<App> {
    let act = |button: MethodRouter<App>| button.get(record::home);
    Router::new()
        .route("/registros/{kind}/{id}/campo", act(post(record::actions::field)))
        .route("/registros/{kind}/{id}/conflito", act(post(record::actions::settle)))
        .route("/registros/{kind}/{id}/transicao", act(post(record::actions::transition)))
        .route("/registros/{kind}/{id}/laudo", act(post(record::actions::laudo)))
        .route("/registros/{kind}/{id}/nota", act(post(record::actions::note)))
        .route("/registros/{kind}/{id}/participante", act(post(record::actions::participant)))
        .route("/registros/{kind}/{id}/retida", act(post(record::actions::decide)))
        .route("/registros/{kind}/{id}/item", act(post(record::items::save)))
        .route("/registros/{kind}/{id}/item/remover", act(post(record::items::remove)))
}
