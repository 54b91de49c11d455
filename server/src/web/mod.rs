//! The back office (retaguarda): pages that the server renders, and the two files they load.
//!
//! Handlers read through `crate::reading` and write through `crate::office`, the same gate as a device's
//! work; no rule is decided here. Every page works without JavaScript: `assets/app.js` only keeps
//! it fresh and spares clicks.

mod agenda;
mod anexos;
mod assets;
mod create;
mod form;
mod format;
mod held;
mod lists;
mod page;
pub(crate) mod record;
mod session;

use crate::app::App;
use axum::{
    Router,
    routing::{MethodRouter, get, post},
};

/// The routes of the back office.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page::home))
        .route("/entrar", get(session::form).post(session::enter))
        .route("/sair", post(session::leave))
        .route("/assistencias", get(lists::assistencias))
        .route("/ocorrencias", get(lists::ocorrencias))
        .route("/agenda", get(agenda::day))
        .route("/retidas", get(held::list))
        .route("/retidas/{id}", post(held::decide))
        .route("/novo/{kind}", get(create::form).post(create::save))
        .route("/registros/{kind}/{id}", get(record::show))
        .merge(buttons())
        .route("/web/anexos/{documento}/{anexo}/{variante}", get(anexos::show))
        .route("/arquivo/{tenant}/{documento}/{anexo}/{variante}", get(anexos::linked))
        .route("/assets/{file}", get(assets::serve))
}

/// The forms of a record's page. Asked for by GET (a reload after a refusal), they lead to the
/// page.
fn buttons() -> Router<App> {
    let act = |button: MethodRouter<App>| button.get(record::home);
    Router::new()
        .route("/registros/{kind}/{id}/campo", act(post(record::actions::field)))
        .route("/registros/{kind}/{id}/conflito", act(post(record::actions::settle)))
        .route("/registros/{kind}/{id}/retida", act(post(record::actions::decide)))
        .route("/registros/{kind}/{id}/transicao", act(post(record::flow::ask)))
        .route("/registros/{kind}/{id}/analise", act(post(record::flow::analyse)))
        .route("/registros/{kind}/{id}/nota", act(post(record::history::write)))
        .route("/registros/{kind}/{id}/participante", act(post(record::people::participant)))
        .route("/registros/{kind}/{id}/interessado", act(post(record::people::interested)))
        .route("/registros/{kind}/{id}/restricao", act(post(record::people::restrict)))
        .route("/registros/{kind}/{id}/parte", act(post(record::parts::save)))
        .route("/registros/{kind}/{id}/parte/remover", act(post(record::parts::remove)))
        .route("/registros/{kind}/{id}/acao", act(post(record::erp::ask)))
        .route("/registros/{kind}/{id}/corretiva", act(post(record::quality::join)))
}
