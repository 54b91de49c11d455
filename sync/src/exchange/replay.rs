//! The log read again: the same rows from the same changes.

use crate::{
    admission::Merged,
    document::{self, Actor, DocumentError},
    history::{self, Evento},
    inspect,
};
use automerge::{Automerge, Change};
use campo_domain::{
    ids::UserId,
    tipo::{Tipo, Tipos},
};
use std::sync::Arc;

/// Describes a change from the log again, and what the record is after it: what `rebuild` runs on.
///
/// # Errors
/// The change does not fit the document.
pub fn replay(
    before: Option<Merged>,
    bytes: &[u8],
    tipos: &Tipos,
) -> Result<(Merged, Vec<Evento>), DocumentError> {
    let change = Change::try_from(bytes)?;
    let (mut document, before) = match before {
        Some(Merged { document, registro, .. }) => (document, Some(registro)),
        None => (Automerge::new(), None),
    };
    let by_server = Actor::parse(change.actor_id()).is_some_and(|a| a.user == UserId::SERVIDOR);
    let writes = match by_server {
        true => Vec::new(),
        false => inspect::guarded(|| inspect::inspect(&document, &change).ok())
            .flatten()
            .map_or_else(Vec::new, |inspected| inspected.writes),
    };
    let applied = inspect::guarded(|| {
        document.apply_changes([change.clone()])?;
        document::read(&document)
    });
    let registro = applied.unwrap_or(Err(DocumentError::Lacks("sense")))?;
    let tipo: &Arc<Tipo> = tipos
        .obter(&registro.tipo)
        .map_err(|_| DocumentError::UnknownTipo(registro.tipo.codigo.clone()))?;
    let eventos = history::describe(&change, &writes, before.as_ref(), &registro, tipo);
    Ok((Merged { document, tipo: tipo.clone(), registro }, eventos))
}
