//! The buttons of single fields, conflicts and held branches.

use super::act::Act;
use crate::{
    app::App,
    office::{self, OfficeError},
    reading::values,
    web::{
        form::Sent,
        page::{Notice, PageError, PageResult, Visit},
        record::which::Which,
    },
};
use axum::extract::State;
use campo_domain::{command::Command, ids::HeldId, refusal::Refusal, valor::Valor};

/// `POST …/campo`: one field.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn field(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let name = sent.get("campo");
    let form = format!("campo-{name}");
    let campo = match which.kind.campo(&name) {
        Some(campo) => campo,
        None => return act.refused(form, &Refusal::campo_desconhecido(&name)).await,
    };
    let (text, fuso) = (sent.get("valor"), visit.auth.fuso);
    if text == sent.get("visto") {
        return Ok(act.done(Notice::Unchanged));
    }
    let valor = match campo.ler(&text, fuso) {
        Ok(valor) => valor,
        Err(refusal) => return act.refused(form, &refusal).await,
    };
    let command = match campo.longo() {
        true => Command::EditarTexto { campo: name, de: sent.get("visto"), para: text },
        false => Command::Editar { campo: name, valor },
    };
    act.answer(form, command, Notice::Saved).await
}

/// `POST …/conflito`: one of the versions becomes the value.
///
/// # Errors
/// As [`field`].
pub async fn settle(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let name = sent.get("campo");
    let valor: Valor =
        serde_json::from_str(&sent.get("valor")).map_err(|_| PageError::not_found())?;
    let command = match values::named(which.kind, &name) {
        Some((campo, Some((em, item)))) => {
            Command::EditarItem { em, item, campo: campo.nome.to_owned(), valor }
        }
        _ => Command::Editar { campo: name, valor },
    };
    act.answer("conflitos".into(), command, Notice::Settled).await
}

/// `POST …/retida`: approves or discards a held branch of the record.
///
/// # Errors
/// As [`field`].
pub async fn decide(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let held: HeldId = sent.get("retida").parse().map_err(|_| PageError::not_found())?;
    let approve = sent.get("decisao") == "aprovar";
    let (auth, note) = (&visit.auth, sent.filled("motivo"));
    match office::decide_held(&app, auth.tenant, &auth.pessoa, held, approve, note).await {
        Ok(()) if approve => Ok(act.done(Notice::HeldApproved)),
        Ok(()) => Ok(act.done(Notice::HeldDiscarded)),
        Err(OfficeError::Refused(refusal)) => act.refused(format!("retida-{held}"), &refusal).await,
        Err(error) => Err(error.into()),
    }
}
