//! Applies a change to a copy of the document. Everything that it builds on must be there, and the
//! result may differ only where the change says that it writes.

use super::case::{Admitted, Merged, Rejection, Rules, Target};
use crate::{
    document,
    inspect::{self, Inspected},
    wire::Hash,
};
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use campo_domain::{
    ids::DocumentId,
    refusal::{Codigo, Refusal},
};

/// Whether the changes that this one builds on are there, and only a genesis builds on nothing.
pub(super) fn dependencies(
    change: &Change,
    target: &Target<'_>,
    rules: &Rules<'_>,
) -> Result<(), Rejection> {
    let has = |hash: &ChangeHash| {
        target.merged.is_some_and(|m| m.document.get_change_meta_by_hash(hash).is_some())
    };
    let absent: Vec<ChangeHash> = change.deps().iter().filter(|dep| !has(dep)).copied().collect();
    if rules.skip_dependencies {
        return Ok(());
    }
    if absent.iter().any(|dep| (target.on_branch)(&(*dep).into())) {
        return Err(Rejection::Held(Refusal::new(Codigo::ForaDeAlcance)));
    }
    if !absent.is_empty() {
        return Err(Rejection::Missing(absent.into_iter().map(Hash::from).collect()));
    }
    // Only a genesis builds on nothing.
    match (change.deps().is_empty(), target.merged) {
        (true, Some(_)) => Err(Codigo::IdEmUso.into()),
        (false, None) => Err(Codigo::NaoEncontrado.into()),
        _ => Ok(()),
    }
}

/// Inspects the change on the document and applies it to a copy.
pub(super) fn merge(
    id: DocumentId,
    change: Change,
    merged: Option<&Merged>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    let empty = Automerge::new();
    let before = merged.map_or(&empty, |merged| &merged.document);
    let Inspected { genesis, writes, .. } = inspect::inspect(before, &change)?;
    let tipo = match (&genesis, merged) {
        (Some(genesis), _) => {
            if genesis.id != id {
                return Err(Codigo::OperacaoNaoPermitida.into());
            }
            let tipo = rules.tipos.obter(&genesis.tipo)?.clone();
            if tipo.kind != genesis.kind {
                return Err(Codigo::OperacaoNaoPermitida.into());
            }
            tipo
        }
        (None, Some(merged)) => merged.tipo.clone(),
        (None, None) => return Err(Codigo::NaoEncontrado.into()),
    };
    counters(before, &change)?;
    let mut document = before.clone();
    if let Err(error) = document.apply_changes([change.clone()]) {
        return Err(match error {
            automerge::AutomergeError::DuplicateSeqNumber(..) => Codigo::SequenciaRepetida.into(),
            _ => Codigo::AlteracaoInvalida.into(),
        });
    }
    // A snapshot keeps no bytes of changes: loading it writes each of them again and compares the
    // hashes. What would come out differently may not go in.
    let again = document.get_change_by_hash(&change.hash());
    if again.as_ref().map(Change::raw_bytes) != Some(change.raw_bytes()) {
        return Err(Codigo::AlteracaoInvalida.into());
    }
    let registro = document::read(&document)?;
    if let Some(merged) = merged
        && !inspect::only_what_it_says(&merged.registro, &registro, &writes)
    {
        return Err(Codigo::OperacaoNaoPermitida.into());
    }
    Ok(Admitted { change, writes, merged: Merged { document, registro, tipo } })
}

/// The operations of a change are counted on from those that it builds on: a count that leaps ahead
/// would soon leave no room for anyone else's.
fn counters(before: &Automerge, change: &Change) -> Result<(), Rejection> {
    let last = |dep: &ChangeHash| before.get_change_meta_by_hash(dep).map(|meta| meta.max_op);
    let last = change.deps().iter().filter_map(last).max().unwrap_or(0);
    if change.start_op().get() == last + 1 { Ok(()) } else { Err(Codigo::AlteracaoInvalida.into()) }
}
