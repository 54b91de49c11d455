//! The buttons of items, despesas, anexos and vínculos.

use super::post::{FormPost, not_valid};
use crate::{
    app::App,
    reading::record,
    web::{
        form::Form,
        page::{Notice, PageError, PageResult, Visit},
        record::{inputs::points, which::Which},
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoItem},
    ids::ItemId,
    parte::Colecao,
    refusal::Refusal,
    valor::Valor,
};
use campo_screens::{Field, Names, parts};
use chrono_tz::Tz;
use uuid::Uuid;

/// `POST …/parte`: a new part, or the fields of one that differ from what was there.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn save(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let id = ItemId::from(sent.id("parte"));
    let (record, tipo) = post.load().await?;
    let is_new = sent.get("novo") == "sim";
    let form = if is_new { format!("{em}-novo") } else { format!("parte-{id}") };
    if is_new && record.colecao(em).contains_key(&id) {
        // The same form sent twice: it was done the first time.
        return Ok(post.done(Notice::Saved));
    }
    // What was typed is compared with what an input would hold, which takes no names.
    let names = Names::default();
    let parts = parts(&visit.look(&record, &tipo, &names), em);
    let present = parts.rows.iter().find(|part| part.id == id);
    let before = present.map_or(&[][..], |part| &part.fields);
    let changed = match changed(&post, em, before, visit.auth.fuso).await? {
        Ok(changed) => changed,
        Err(refusal) => return post.refused(form, &refusal).await,
    };
    let commands = match is_new {
        true => {
            let campos = changed.into_iter().map(|(campo, valor, _)| (campo, valor)).collect();
            vec![Command::IncluirItem { em, item: NovoItem { id, campos } }]
        }
        false => {
            let edit =
                |(campo, valor, visto)| Command::EditarItem { em, item: id, campo, valor, visto };
            changed.into_iter().map(edit).collect()
        }
    };
    post.answer_all(form, commands, Notice::Saved).await
}

/// The fields that were typed differently from what the form showed, each with what that was. All
/// are read before any is written.
async fn changed(
    post: &FormPost<'_>,
    em: Colecao,
    before: &[Field],
    zone: Tz,
) -> Result<Result<Vec<(String, Valor, Option<Valor>)>, Refusal>, PageError> {
    let mut changed = Vec::new();
    let sent = post.which.kind.campos_de(em).iter().filter(|campo| post.sent.has(campo.nome));
    for campo in sent {
        let text = post.sent.get(campo.nome);
        let seen = format!("visto-{}", campo.nome);
        let seen = match post.sent.has(&seen) {
            true => post.sent.get(&seen),
            false => {
                let present = before.iter().find(|field| field.campo.nome == campo.nome);
                present.map_or_else(String::new, |field| field.typed.clone())
            }
        };
        if text.trim() == seen.trim() {
            continue;
        }
        let valor = match points(campo) && !text.trim().is_empty() {
            true => find(post, text.trim()).await?.map(Valor::Id).ok_or(not_valid(campo.rotulo)),
            false => campo.ler(&text, zone),
        };
        match valor {
            Ok(valor) => {
                changed.push((campo.nome.to_owned(), valor, campo.ler(&seen, zone).ok()));
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
    }
    Ok(Ok(changed))
}

/// The record that somebody means by a number, a page's address, an id, or a client's name; none if
/// it is not exactly one.
async fn find(post: &FormPost<'_>, text: &str) -> Result<Option<Uuid>, PageError> {
    let viewer = post.visit.viewer();
    let mut tx = post.app.db.tenant(post.visit.auth.tenant).await?;
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
    if let Ok(id) = last.parse::<Uuid>() {
        return Ok(record::named(&mut tx, viewer, &[id]).await?.contains_key(&id).then_some(id));
    }
    let mut found = record::by_number(&mut tx, viewer, text).await?;
    if found.is_empty() {
        let clientes = record::find_clientes(&mut tx, viewer, text).await?;
        found = clientes.into_iter().map(|(id, ..)| id).collect();
    }
    Ok(if let [only] = found[..] { Some(only) } else { None })
}

/// `POST …/parte/remover`: removes a part, logically.
///
/// # Errors
/// As [`save`].
pub async fn remove(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let item = ItemId::from(sent.id("parte"));
    let command = Command::RemoverItem { em, item };
    post.answer(format!("parte-{item}"), command, Notice::Saved).await
}
