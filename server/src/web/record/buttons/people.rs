//! The buttons of participantes, interessados and the restriction.

use super::post::{FormPost, not_valid};
use crate::{
    app::App,
    web::{
        form::Form,
        page::{Notice, PageResult, Visit},
        record::{people::seen, which::Which},
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, Listados},
    ids::UserId,
    refusal::{Codigo, Refusal},
};
use std::collections::BTreeSet;

/// `POST …/participante`: adds or removes a participante.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn participant(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Form,
) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let participa = sent.get("entra") == "sim";
    join(&post, "participantes", |usuario| Command::Participar { usuario, participa }).await
}

/// `POST …/interessado`: adds or removes an interessado.
///
/// # Errors
/// As [`participant`].
pub async fn interested(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Form,
) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let interessado = sent.get("entra") == "sim";
    join(&post, "interessados", |usuario| Command::Interessar { usuario, interessado }).await
}

async fn join(post: &FormPost<'_>, form: &str, command: impl Fn(UserId) -> Command) -> PageResult {
    let Ok(usuario) = post.sent.get("usuario").parse() else {
        post.check()?;
        return post.refused(form.to_owned(), &not_valid("Pessoa")).await;
    };
    post.answer(form.to_owned(), command(usuario), Notice::Saved).await
}

/// `POST …/restricao`: only the listed ones see the record from now on, or everybody again.
///
/// # Errors
/// As [`participant`].
pub async fn restrict(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Form,
) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let form = "restricao".to_owned();
    post.check()?;
    // Only of the list that the person saw.
    if seen(post.load().await?.0.restricao.as_ref()) != sent.get("visto") {
        let what = "A lista de quem pode ver".to_owned();
        return post.refused(form, &Refusal::with(Codigo::ValorMudou, [what])).await;
    }
    if sent.get("decisao") == "liberar" {
        return post.answer(form, Command::Restringir { para: None }, Notice::Freed).await;
    }
    let usuarios: Result<BTreeSet<UserId>, Refusal> =
        sent.all("usuario").map(|id| id.parse().map_err(|_| not_valid("Pessoas"))).collect();
    let grupos = sent.all("grupo").map(|code| code.replace('\0', "")).collect();
    match usuarios {
        Ok(usuarios) => {
            let para = Some(Listados { usuarios, grupos });
            post.answer(form, Command::Restringir { para }, Notice::Restricted).await
        }
        Err(refusal) => post.refused(form, &refusal).await,
    }
}
