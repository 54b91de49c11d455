//! What the bytes of a change would write. A difference of documents cannot be authorised: a change
//! that puts a key and deletes it again leaves none. So every operation is decoded, its object
//! resolved to a path, and compared with what some command could have made. The rest is refused.

mod bytes;
mod faithful;
mod header;
mod inspected;
mod refuse;
mod shape;
mod walk;
mod whole;

use crate::document::Actor;
use automerge::{Automerge, Change, ROOT, ReadDoc, legacy::ObjectId};
use campo_domain::refusal::{Codigo, Refusal};
use header::Header;
use refuse::forbidden;
use walk::Walk;

pub(crate) use bytes::{guarded, handed, hash_of, parse};
pub(crate) use faithful::only_what_it_says;
pub(crate) use inspected::{Inspected, Write};

/// Resolves every operation of a change. `document` is the document as merged, empty for a genesis.
///
/// # Errors
/// `autor_alheio` for an actor that is not one of ours, `operacao_nao_permitida`,
/// `campo_desconhecido`, `valor_invalido`, `texto_longo_demais`, `campo_protegido`.
pub(crate) fn inspect(document: &Automerge, change: &Change) -> Result<Inspected, Refusal> {
    Actor::parse(change.actor_id()).ok_or_else(|| Refusal::new(Codigo::AutorAlheio))?;
    let expanded = change.decode();
    let mut header = Header::default();
    let kind = if document.is_empty() {
        for op in expanded.operations.iter().filter(|op| op.obj == ObjectId::Root) {
            header.take(op)?;
        }
        header.kind
    } else {
        let kind = document.get(ROOT, "kind").ok().flatten();
        kind.and_then(|(kind, _)| kind.as_str()?.parse().ok())
    };
    let mut walk = Walk::new(document, kind.ok_or_else(forbidden)?);
    for (position, op) in expanded.operations.iter().enumerate() {
        let id = (change.start_op().get() + position as u64, change.actor_id().clone());
        walk.operation(op, id)?;
    }
    walk.settle()?;
    whole::complete(&walk)?;
    let genesis = if walk.creating { Some(whole::genesis(&walk, &header)?) } else { None };
    Ok(Inspected { genesis, writes: walk.writes })
}
