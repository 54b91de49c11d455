//! A document that cannot be read holds up no other (ff22): it is set aside with its queue, and
//! made whole by the next snapshot. Decides only; `apply` writes.

use campo_domain::refusal::Codigo;
use campo_sync::{
    client::{Absorbed, Event, Fate, LocalDocument, Settled},
    document::{self, DocumentError},
    wire::Outcome,
};

/// The same events for a document of which nothing but the queue is good: from the last event that
/// says all of it, with the verdicts before that. `None` where no event does.
pub fn anew(
    existing: Option<&LocalDocument>,
    events: &[Event],
) -> Option<(LocalDocument, Vec<Event>)> {
    let says_all = |event: &Event| matches!(event, Event::Snapshot { .. } | Event::Erased);
    let at = events.iter().rposition(says_all)?;
    let (before, from) = events.split_at(at);
    let (whole, after) = from.split_first()?;
    // A verdict joins its change to what the snapshot brought.
    let verdicts = before
        .iter()
        .filter(|event| matches!((event, whole), (Event::Verdict { .. }, Event::Snapshot { .. })));
    let ordered = std::iter::once(whole).chain(verdicts).chain(after).cloned().collect();
    let empty = LocalDocument { chunks: Vec::new(), ..existing?.clone() };
    Some((empty, ordered))
}

/// Whether what is stored of a document can be read at all.
pub fn readable(existing: Option<&LocalDocument>) -> bool {
    existing.is_none_or(|existing| document::load(&existing.chunks).is_ok())
}

/// Whether the person sees the document once these events have happened.
pub fn in_sight(existing: Option<&LocalDocument>, events: &[Event]) -> bool {
    let last = events.iter().rev().find_map(|event| match event {
        Event::Change { .. } | Event::Snapshot { .. } => Some(true),
        Event::Revoked | Event::Erased => Some(false),
        Event::Verdict { .. } => None,
    });
    last.unwrap_or(existing.is_some_and(|existing| existing.in_scope))
}

/// What is left of a document that cannot be read and is out of sight. Nothing will make it whole,
/// so the server's word alone ends its commands; the others are still offered.
pub fn out_of_sight(existing: Option<LocalDocument>, events: Vec<Event>) -> Absorbed {
    let mut settled = Vec::new();
    let Some(mut document) = existing else {
        return Absorbed { document: None, settled, view: None };
    };
    document.in_scope = false;
    let erased = events.iter().any(|event| matches!(event, Event::Erased));
    for event in events {
        let Event::Verdict { hash, outcome } = event else { continue };
        let Some(at) = document.queue.iter().position(|queued| queued.hash == hash) else {
            continue;
        };
        let fate = match outcome {
            Outcome::Accepted { .. } | Outcome::Known { .. } => Fate::Accepted,
            Outcome::Held { id, reason } => Fate::Held { held: id, reason },
            Outcome::Refused { reason } if reason.code != Codigo::SequenciaRepetida.codigo() => {
                Fate::Refused { reason }
            }
            _ => continue,
        };
        settled.push(Settled { queued: document.queue.remove(at), fate });
    }
    let kept = !erased && !document.queue.is_empty();
    Absorbed { document: kept.then_some(document), settled, view: None }
}

/// The error with its causes, for whoever looks into the file. It holds nothing of the document.
pub fn text(error: &DocumentError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
