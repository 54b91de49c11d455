//! The buttons of participantes, interessados and the restriction.

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
    command::{Command, Listados},
    ids::UserId,
    refusal::Refusal,
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
    sent: Sent,
) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let participa = sent.get("entra") == "sim";
    join(&act, "participantes", |usuario| Command::Participar { usuario, participa }).await
}

/// `POST …/interessado`: adds or removes an interessado.
///
/// # Errors
/// As [`participant`].
pub async fn interested(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Sent,
) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let interessado = sent.get("entra") == "sim";
    join(&act, "interessados", |usuario| Command::Interessar { usuario, interessado }).await
}

async fn join(act: &Act<'_>, form: &str, command: impl Fn(UserId) -> Command) -> PageResult {
    let Ok(usuario) = act.sent.get("usuario").parse() else {
        act.check()?;
        return act.refused(form.to_owned(), &not_valid("Pessoa")).await;
    };
    act.answer(form.to_owned(), command(usuario), Notice::Saved).await
}

/// `POST …/restricao`: only the listed ones see the record from now on, or everybody again.
///
/// # Errors
/// As [`participant`].
pub async fn restrict(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Sent,
) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let form = "restricao".to_owned();
    if sent.get("decisao") == "liberar" {
        return act.answer(form, Command::Restringir { para: None }, Notice::Freed).await;
    }
    let usuarios: Result<BTreeSet<UserId>, Refusal> =
        sent.all("usuario").map(|id| id.parse().map_err(|_| not_valid("Pessoas"))).collect();
    let grupos = sent.all("grupo").map(|code| code.replace('\0', "")).collect();
    match usuarios {
        Ok(usuarios) => {
            let para = Some(Listados { usuarios, grupos });
            act.answer(form, Command::Restringir { para }, Notice::Restricted).await
        }
        Err(refusal) => {
            act.check()?;
            act.refused(form, &refusal).await
        }
    }
}
