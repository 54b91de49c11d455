//! The items of a record: adding, altering, removing.

use super::{Which, actions::Act, fields};
use crate::{
    app::App,
    office::OfficeError,
    web::{
        form::Sent,
        page::{Notice, PageResult, Visit},
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoItem},
    ids::ItemId,
    refusal::Refusal,
    registro::Campos,
    valor::Valor,
};

/// `POST …/item`: a new item, or the fields of one that differ from what was there.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn save(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let item = ItemId::from(sent.id("item"));
    let (registro, _) = act.load().await?;
    let present = registro.itens.get(&item);
    let is_new = sent.get("novo") == "sim";
    let form = if is_new { "item-novo".to_owned() } else { format!("item-{item}") };
    if is_new && present.is_some() {
        // The same form sent twice: it was done the first time.
        return Ok(act.done(Notice::Saved));
    }
    let before = present.map(|item| item.campos.clone()).unwrap_or_default();
    let changed = match changed(&act, &before) {
        Ok(changed) => changed,
        Err(refusal) => return act.refused(form, &refusal).await,
    };
    let commands = match is_new {
        true => vec![Command::IncluirItem { item: NovoItem { id: item, campos: changed } }],
        false => {
            let edit = |(campo, valor)| Command::EditarItem { item, campo, valor };
            changed.into_iter().map(edit).collect()
        }
    };
    if commands.is_empty() {
        return Ok(act.done(Notice::Unchanged));
    }
    for command in commands {
        match act.run(command).await {
            Ok(()) => {}
            Err(OfficeError::Refused(refusal)) => return act.refused(form, &refusal).await,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(act.done(Notice::Saved))
}

/// The fields that were typed differently from what the item holds. All are read before any is
/// written.
fn changed(act: &Act<'_>, before: &Campos) -> Result<Campos, Refusal> {
    let fuso = act.visit.auth.fuso;
    let mut changed = Campos::new();
    for campo in act.which.kind.campos_item() {
        let text = act.sent.get(campo.nome);
        let present = before.get(campo.nome).unwrap_or(&Valor::Nulo);
        if text.trim() != fields::typed(campo, present, fuso).trim() {
            changed.insert(campo.nome.to_owned(), campo.ler(&text, fuso)?);
        }
    }
    Ok(changed)
}

/// `POST …/item/remover`: removes an item, logically.
///
/// # Errors
/// As [`save`].
pub async fn remove(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let item = ItemId::from(sent.id("item"));
    match act.run(Command::RemoverItem { item }).await {
        Ok(()) => Ok(act.done(Notice::Saved)),
        Err(OfficeError::Refused(refusal)) => act.refused(format!("item-{item}"), &refusal).await,
        Err(error) => Err(error.into()),
    }
}
