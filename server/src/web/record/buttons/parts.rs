//! The buttons of items, despesas, anexos and vínculos.

use super::act::{Act, not_valid};
use crate::{
    app::App,
    reading::record,
    web::{
        form::Sent,
        page::{Notice, PageError, PageResult, Visit},
        record::{fields, parts::points, which::Which},
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoItem},
    ids::ItemId,
    parte::Colecao,
    refusal::Refusal,
    registro::Campos,
    valor::Valor,
};
use chrono_tz::Tz;
use uuid::Uuid;

/// `POST …/parte`: a new part, or the fields of one that differ from what was there.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn save(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let id = ItemId::from(sent.id("parte"));
    let (registro, _) = act.load().await?;
    let present = registro.colecao(em).get(&id);
    let is_new = sent.get("novo") == "sim";
    let form = if is_new { format!("{em}-novo") } else { format!("parte-{id}") };
    if is_new && present.is_some() {
        // The same form sent twice: it was done the first time.
        return Ok(act.done(Notice::Saved));
    }
    let before = present.map(|part| part.campos.clone()).unwrap_or_default();
    let changed = match changed(&act, em, &before, visit.auth.fuso).await? {
        Ok(changed) => changed,
        Err(refusal) => return act.refused(form, &refusal).await,
    };
    let commands = match is_new {
        true => vec![Command::IncluirItem { em, item: NovoItem { id, campos: changed } }],
        false => {
            let edit = |(campo, valor)| Command::EditarItem { em, item: id, campo, valor };
            changed.into_iter().map(edit).collect()
        }
    };
    act.answer_all(form, commands, Notice::Saved).await
}

/// The fields that were typed differently from what the part holds. All are read before any is
/// written.
async fn changed(
    act: &Act<'_>,
    em: Colecao,
    before: &Campos,
    fuso: Tz,
) -> Result<Result<Campos, Refusal>, PageError> {
    let mut changed = Campos::new();
    let sent = act.which.kind.campos_de(em).iter().filter(|campo| act.sent.has(campo.nome));
    for campo in sent {
        let text = act.sent.get(campo.nome);
        let present = before.get(campo.nome).unwrap_or(&Valor::Nulo);
        if text.trim() == fields::typed(campo, present, fuso).trim() {
            continue;
        }
        let valor = match points(campo) && !text.trim().is_empty() {
            true => find(act, text.trim()).await?.map(Valor::Id).ok_or(not_valid(campo.rotulo)),
            false => campo.ler(&text, fuso),
        };
        match valor {
            Ok(valor) => changed.insert(campo.nome.to_owned(), valor),
            Err(refusal) => return Ok(Err(refusal)),
        };
    }
    Ok(Ok(changed))
}

/// The record that somebody means by a number, a page's address, an id, or a client's name; none if
/// it is not exactly one.
async fn find(act: &Act<'_>, text: &str) -> Result<Option<Uuid>, PageError> {
    let viewer = act.visit.viewer();
    let mut tx = act.app.db.tenant(act.visit.auth.tenant).await?;
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
pub async fn remove(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let item = ItemId::from(sent.id("parte"));
    let command = Command::RemoverItem { em, item };
    act.answer(format!("parte-{item}"), command, Notice::Saved).await
}
