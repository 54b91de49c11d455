//! The buttons of single fields, conflicts and held branches.

use super::post::FormPost;
use crate::{
    app::App,
    office::{self, OfficeError},
    web::{
        form::Form,
        page::{Notice, PageError, PageResult, Visit},
        record::{disputes::seen, which::Which},
    },
};
use axum::extract::State;
use campo_domain::{
    command::Command,
    ids::HeldId,
    refusal::{Codigo, Refusal},
    valor::Valor,
};
use campo_screens::{Located, located};

/// `POST …/campo`: one field.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn field(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let name = sent.get("campo");
    let form = format!("campo-{name}");
    let campo = match which.kind.campo(&name) {
        Some(campo) => campo,
        None => return post.refused(form, &Refusal::campo_desconhecido(&name)).await,
    };
    let (text, fuso) = (sent.get("valor"), visit.auth.fuso);
    if text == sent.get("visto") {
        return Ok(post.done(Notice::Unchanged));
    }
    let valor = match campo.ler(&text, fuso) {
        Ok(valor) => valor,
        Err(refusal) => return post.refused(form, &refusal).await,
    };
    let command = match campo.longo() {
        true => {
            let para = valor.texto().unwrap_or_default().to_owned();
            Command::EditarTexto { campo: name, de: sent.get("visto"), para }
        }
        false => {
            let visto = campo.ler(&sent.get("visto"), fuso).ok();
            Command::Editar { campo: name, valor, visto }
        }
    };
    post.answer(form, command, Notice::Saved).await
}

/// `POST …/conflito`: one of the versions becomes the value. Only what was decided on: where
/// another version came meanwhile, the person sees it first.
///
/// # Errors
/// As [`field`].
pub async fn settle(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    let name = sent.get("campo");
    let valor: Valor =
        serde_json::from_str(&sent.get("valor")).map_err(|_| PageError::not_found())?;
    let (record, tipo) = post.load().await?;
    let conflict = record.conflitos.iter().find(|conflict| conflict.campo == name);
    let versions = conflict.into_iter().flat_map(|conflict| &conflict.versoes);
    if seen(versions.map(|version| &version.valor)) != sent.get("visto") {
        let rotulo = tipo.rotulo(&name).to_owned();
        return post
            .refused("conflitos".into(), &Refusal::with(Codigo::TextoMudou, [rotulo]))
            .await;
    }
    let commands = match located(which.kind, &name) {
        Some(Located { campo, part: Some((em, item)) }) => {
            vec![Command::EditarItem { em, item, campo: campo.nome.to_owned(), valor, visto: None }]
        }
        Some(Located { campo, part: None }) => office::edits(&record, vec![(campo, valor)]),
        None => return post.refused("conflitos".into(), &Refusal::campo_desconhecido(&name)).await,
    };
    post.answer_all("conflitos".into(), commands, Notice::Settled).await
}

/// `POST …/retida`: approves or discards a held branch of the record.
///
/// # Errors
/// As [`field`].
pub async fn decide(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let held: HeldId = sent.get("retida").parse().map_err(|_| PageError::not_found())?;
    let approve = sent.get("decisao") == "aprovar";
    let (auth, note) = (&visit.auth, sent.filled("motivo"));
    let (who, seen) = (&auth.pessoa, sent.get("visto").parse().ok());
    match office::decide_held(&app, auth.tenant, who, held, approve, note, seen).await {
        Ok(()) if approve => Ok(post.done(Notice::HeldApproved)),
        Ok(()) => Ok(post.done(Notice::HeldDiscarded)),
        Err(OfficeError::Refused(refusal)) => {
            post.refused(format!("retida-{held}"), &refusal).await
        }
        Err(error) => Err(error.into()),
    }
}
