//! Applies one answer: references, documents, fates, lists and cursor, in the caller's transaction.
//! What a person wrote while the request was in flight is loaded here with the rest (ff04).

use crate::{
    error::Error,
    store::{
        anexos, cursor, documents, fates, marks, queue, references, rows,
        session::{self, Account},
    },
    sync::aside,
};
use campo_domain::{
    ids::{CommandId, DocumentId},
    refusal::{Codigo, Refusal},
};
use campo_sync::{
    client::{self, Absorbed, Event, Fate, Settled, Sorted},
    document::DocumentError,
    wire::{Cursor, Limits, Reason, SyncRequest},
};
use chrono::Utc;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What an answer did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Documents that it spoke of.
    pub documents: u32,
    /// Commands accepted.
    pub accepted: u32,
    /// Commands held.
    pub held: u32,
    /// Commands refused.
    pub refused: u32,
    /// Held branches decided on.
    pub decided: u32,
    /// Documents in sight that cannot be read.
    pub damaged: u32,
    /// Commands that still wait.
    pub pending: u32,
    /// Those of them that wait now, each with the hash of its change.
    pub unsettled: BTreeMap<CommandId, [u8; 32]>,
    /// Whether another page waits.
    pub more: bool,
    /// Whether anything changed.
    pub moved: bool,
    /// Whether files of photos are no longer needed and can be removed.
    pub files_dropped: bool,
}

/// Applies one answer. `restarted`: the device has started over already, so that a gap is not the
/// log's any more but its document's.
///
/// # Errors
/// Storage, or `Documento` of a gap if not `restarted`; the caller rolls back, and the cursor stays
/// where it was.
pub fn apply(
    tx: &Connection,
    key: i64,
    request: &SyncRequest,
    sorted: Sorted,
    restarted: bool,
) -> Result<Applied, Error> {
    let mut applied = Applied { more: sorted.more, ..Applied::default() };
    for reference in &sorted.references {
        references::put(tx, key, reference)?;
    }
    let account = session::account(tx, key)?;
    applied.moved = !sorted.references.is_empty()
        || !sorted.decided.is_empty()
        || sorted.cursor != request.cursor
        || sorted.epoch != request.epoch;
    // A first sync names all that is in sight, over one page or several. Not so in a new epoch: a
    // server that was restored may lack what only this phone still holds (ff32).
    let begins = request.cursor == Cursor::default();
    let ends = (begins || request.cursor.bootstrap.is_some()) && sorted.cursor.bootstrap.is_none();
    if begins {
        marks::all_stale(tx, key)?;
    }
    for (document, events) in sorted.documents {
        one(tx, &account, document, events, restarted, &mut applied)?;
        applied.documents += 1;
    }
    if ends {
        sweep(tx, &account, &mut applied)?;
    }
    if sorted.references.iter().any(|reference| reference.collection == "tipo") {
        rows_that_waited(tx, &account)?;
    }
    for decided in &sorted.decided {
        fates::decide(tx, key, decided, Utc::now())?;
        applied.decided += 1;
    }
    anexos::approved(tx, key)?;
    cursor::advance(tx, key, &sorted.cursor, sorted.epoch, &sane(sorted.limits))?;
    for offer in queue::offers(tx, key, &Default::default(), u32::MAX)? {
        applied.pending += 1;
        applied.unsettled.insert(offer.command, offer.hash);
    }
    applied.damaged = marks::damaged(tx, key)?;
    Ok(applied)
}

/// Applies what was said of one document, or sets the document aside.
fn one(
    tx: &Connection,
    account: &Account,
    document: DocumentId,
    events: Vec<Event>,
    restarted: bool,
    applied: &mut Applied,
) -> Result<(), Error> {
    let key = account.key;
    let existing = documents::load(tx, key, document)?;
    if events.iter().any(|event| matches!(event, Event::Erased)) {
        applied.files_dropped |= anexos::erase(tx, key, document)?;
    }
    let named = |event: &Event| matches!(event, Event::Change { .. } | Event::Snapshot { .. });
    if events.iter().any(named) {
        marks::not_stale(tx, key, document)?;
    }
    let absorb = |existing, events| {
        client::absorb(existing, document, events, &account.ctx(), rand::random())
    };
    let absorbed = absorb(existing.clone(), events.clone()).or_else(|error| {
        let anew = aside::anew(existing.as_ref(), &events);
        anew.and_then(|(empty, events)| absorb(Some(empty), events).ok()).ok_or(error)
    });
    match absorbed {
        Ok(absorbed) => {
            write(tx, account, document, absorbed, applied)?;
            if events.iter().any(|event| matches!(event, Event::Snapshot { .. })) {
                marks::whole(tx, key, document)?;
            }
        }
        Err(DocumentError::Gap)
            if !restarted
                && aside::readable(existing.as_ref())
                && !marks::is_damaged(tx, key, document)? =>
        {
            return Err(DocumentError::Gap.into());
        }
        Err(error) if aside::in_sight(existing.as_ref(), &events) => {
            marks::damage(tx, key, document, &aside::text(&error))?;
        }
        Err(error) => {
            let left = aside::out_of_sight(existing, events);
            let kept = left.document.is_some();
            write(tx, account, document, left, applied)?;
            if kept {
                marks::damage(tx, key, document, &aside::text(&error))?;
            }
        }
    }
    Ok(())
}

/// At the end of a first sync, revokes the documents that it did not send: the person no longer
/// sees them.
fn sweep(tx: &Connection, account: &Account, applied: &mut Applied) -> Result<(), Error> {
    for document in marks::stale(tx, account.key)? {
        one(tx, account, document, vec![Event::Revoked], true, applied)?;
        // A document that is still there has unsent commands.
        marks::not_stale(tx, account.key, document)?;
        applied.moved = true;
    }
    Ok(())
}

/// Writes what is left of a document, its list row and the ends of its commands.
fn write(
    tx: &Connection,
    account: &Account,
    document: DocumentId,
    absorbed: Absorbed,
    applied: &mut Applied,
) -> Result<(), Error> {
    let key = account.key;
    // Read before the document is revoked or gets its number: the name that the person knows.
    let mut name = documents::name(tx, key, document)?;
    let Absorbed { document: after, mut settled, view } = absorbed;
    if let Some(view) = &view {
        name = documents::Name::from(&view.registro);
    }
    anexos::settled(tx, key, document, &settled)?;
    if after.as_ref().is_none_or(|after| !after.in_scope) {
        applied.files_dropped |= anexos::out_of_sight(tx, key, document)?;
    }
    match &after {
        Some(after) => {
            documents::save(tx, key, after, view.as_ref().map(|_| &name))?;
            let pendente = after.queue.len();
            match &view {
                Some(view) => {
                    let (eu, fuso) = (account.pessoa.id, account.conta.fuso);
                    rows::write(tx, key, view, pendente, eu, fuso)?;
                    let (registro, queue) = (&view.registro, &after.queue);
                    applied.files_dropped |= anexos::write(tx, key, registro, queue, Utc::now())?;
                }
                None => rows::remove(tx, key, document)?,
            }
        }
        None => {
            settled.extend(orphans(tx, key, document, &settled)?);
            queue::replace(tx, key, document, &[])?;
            documents::forget(tx, key, document)?;
        }
    }
    applied.moved |= !settled.is_empty();
    for Settled { queued, fate } in &settled {
        match fate {
            Fate::Accepted => applied.accepted += 1,
            Fate::Held { .. } => applied.held += 1,
            Fate::Refused { .. } => applied.refused += 1,
        }
        fates::record(tx, key, document, &name, queued, fate, Utc::now())?;
    }
    Ok(())
}

/// Commands without a verdict of a document that was erased: they are shown as refused.
fn orphans(
    tx: &Connection,
    account: i64,
    document: DocumentId,
    settled: &[Settled],
) -> Result<Vec<Settled>, Error> {
    let reason = Reason::from(&Refusal::new(Codigo::Apagado));
    let orphan = |queued| Settled { queued, fate: Fate::Refused { reason: reason.clone() } };
    let queue = queue::of_document(tx, account, document)?.into_iter();
    Ok(queue
        .filter(|queued| settled.iter().all(|settled| settled.queued.id != queued.id))
        .map(orphan)
        .collect())
}

/// Documents that arrived before their tipo can be shown now.
fn rows_that_waited(tx: &Connection, account: &Account) -> Result<(), Error> {
    for id in documents::without_row(tx, account.key)? {
        let Some(document) = documents::load(tx, account.key, id)? else { continue };
        let view = match client::view(&document, &account.ctx()) {
            Ok(view) => view,
            Err(DocumentError::UnknownTipo(_)) => continue,
            Err(error) => {
                marks::damage(tx, account.key, id, &aside::text(&error))?;
                continue;
            }
        };
        let name = documents::Name::from(&view.registro);
        documents::save(tx, account.key, &document, Some(&name))?;
        let (eu, fuso) = (account.pessoa.id, account.conta.fuso);
        rows::write(tx, account.key, &view, document.queue.len(), eu, fuso)?;
        anexos::write(tx, account.key, &view.registro, &document.queue, Utc::now())?;
    }
    Ok(())
}

/// A server that advertises nothing still gets one change at a time.
fn sane(limits: Limits) -> Limits {
    Limits {
        push_items_max: limits.push_items_max.max(1),
        push_bytes_max: limits.push_bytes_max.max(1),
        ..limits
    }
}
