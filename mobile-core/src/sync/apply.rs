//! Applies one answer: references, documents, fates, lists and cursor, in the caller's transaction.
//! What a person wrote while the request was in flight is loaded here with the rest (ff04).

use crate::{
    error::Error,
    store::{
        cursor, documents, fates, lists, queue, references,
        session::{self, Quem},
    },
};
use campo_domain::{
    ids::{CommandId, DocumentId},
    refusal::{Codigo, Refusal},
};
use campo_sync::{
    client::{self, Absorbed, Event, Fate, Settled, Sorted},
    document::DocumentError,
    wire::{Limits, Reason, SyncRequest},
};
use chrono::Utc;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What an answer did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Documents that it spoke of.
    pub documentos: u32,
    /// Commands accepted.
    pub aceitos: u32,
    /// Commands held.
    pub retidos: u32,
    /// Commands refused.
    pub recusados: u32,
    /// Held branches decided on.
    pub decididos: u32,
    /// Commands that still wait.
    pub pendentes: u32,
    /// Those of them that wait now, each with the hash of its change.
    pub unsettled: BTreeMap<CommandId, [u8; 32]>,
    /// Whether another page waits.
    pub more: bool,
    /// Whether anything changed.
    pub moved: bool,
}

/// Applies one answer.
///
/// # Errors
/// Storage or an unreadable document; the caller rolls back, and the cursor stays where it was.
pub fn apply(
    tx: &Connection,
    account: i64,
    request: &SyncRequest,
    sorted: Sorted,
) -> Result<Applied, Error> {
    let mut applied = Applied { more: sorted.more, ..Applied::default() };
    for reference in &sorted.references {
        references::put(tx, account, reference)?;
    }
    let quem = session::quem(tx, account)?;
    applied.moved = !sorted.references.is_empty()
        || !sorted.decided.is_empty()
        || sorted.cursor != request.cursor
        || sorted.epoch != request.epoch;
    for (document, events) in sorted.documents {
        one(tx, &quem, document, events, &mut applied)?;
    }
    if sorted.references.iter().any(|reference| reference.collection == "tipo") {
        rows_that_waited(tx, &quem)?;
    }
    for decided in &sorted.decided {
        fates::decide(tx, account, decided, Utc::now())?;
        applied.decididos += 1;
    }
    cursor::advance(tx, account, &sorted.cursor, sorted.epoch, &sane(sorted.limits))?;
    for offer in queue::offers(tx, account, &Default::default(), u32::MAX)? {
        applied.pendentes += 1;
        applied.unsettled.insert(offer.command, offer.hash);
    }
    Ok(applied)
}

fn one(
    tx: &Connection,
    quem: &Quem,
    document: DocumentId,
    events: Vec<Event>,
    applied: &mut Applied,
) -> Result<(), Error> {
    let account = quem.account;
    let existing = documents::load(tx, account, document)?;
    // Before it goes out of sight or gets its number: what the person knows it by.
    let mut name = documents::name(tx, account, document)?;
    let absorbed = client::absorb(existing, document, events, &quem.ctx(), rand::random())?;
    let Absorbed { document: after, mut settled, view } = absorbed;
    if let Some(view) = &view {
        name = documents::Name::from(&view.registro);
    }
    match &after {
        Some(after) => {
            documents::save(tx, account, after, view.as_ref().map(|_| &name))?;
            let pendente = after.queue.len();
            match &view {
                Some(view) => {
                    let (eu, fuso) = (quem.pessoa.id, quem.conta.fuso);
                    lists::write(tx, account, view, pendente, eu, fuso)?;
                }
                None => lists::remove(tx, account, document)?,
            }
        }
        None => {
            settled.extend(orphans(tx, account, document, &settled)?);
            queue::replace(tx, account, document, &[])?;
            documents::forget(tx, account, document)?;
        }
    }
    applied.documentos += 1;
    applied.moved |= !settled.is_empty();
    for Settled { queued, fate } in &settled {
        match fate {
            Fate::Accepted => applied.aceitos += 1,
            Fate::Held { .. } => applied.retidos += 1,
            Fate::Refused { .. } => applied.recusados += 1,
        }
        fates::record(tx, account, document, &name, queued, fate, Utc::now())?;
    }
    Ok(())
}

/// Commands of a document that is gone for good and that nobody settled: refused, and shown.
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
fn rows_that_waited(tx: &Connection, quem: &Quem) -> Result<(), Error> {
    for id in documents::without_row(tx, quem.account)? {
        let Some(document) = documents::load(tx, quem.account, id)? else { continue };
        let view = match client::view(&document, &quem.ctx()) {
            Ok(view) => view,
            Err(DocumentError::UnknownTipo(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let name = documents::Name::from(&view.registro);
        documents::save(tx, quem.account, &document, Some(&name))?;
        let (eu, fuso) = (quem.pessoa.id, quem.conta.fuso);
        lists::write(tx, quem.account, &view, document.queue.len(), eu, fuso)?;
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
