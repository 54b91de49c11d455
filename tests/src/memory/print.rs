//! What a plan depended on, to find out at its commit whether it is still right.

use automerge::ChangeHash;
use campo_domain::{
    ids::{DocumentId, HeldId, UserId},
    pessoa::{Permissoes, Pessoa},
    registro::Restricao,
};
use campo_sync::{admission::Requester, document, exchange::World, wire::Hash};
use std::collections::{BTreeMap, BTreeSet};

/// By case and document, who is involved in the case by that document.
pub(super) type Cases = BTreeMap<DocumentId, BTreeMap<DocumentId, BTreeSet<UserId>>>;

/// Everything that a plan depended on, not only the heads of the documents that it writes: who is
/// involved in a case follows from all its documents, and the next number from all records. A
/// request is planned again if this differs when it commits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Print {
    heads: BTreeMap<DocumentId, Vec<ChangeHash>>,
    cases: Cases,
    logged: BTreeMap<(DocumentId, Hash), u64>,
    branches: BTreeMap<(DocumentId, Hash), HeldId>,
    revoked: BTreeMap<(UserId, DocumentId), u64>,
    numeracao: u64,
    restricoes: BTreeMap<DocumentId, Restricao>,
    people: BTreeMap<UserId, (Permissoes, BTreeSet<String>, bool)>,
    /// The number of versions of tipos. Comparing it is enough, since no version ever changes.
    tipos: usize,
}

impl Print {
    /// From the data that the plan was made of, and all people, since any permission may matter.
    pub(super) fn of(world: &World, people: &BTreeMap<UserId, Requester>) -> Self {
        let documents = world.documents.iter();
        let heads = documents.map(|(id, loaded)| (*id, document::heads(&loaded.merged.document)));
        let rights = people.iter().map(|(id, Requester { pessoa, .. })| {
            let Pessoa { permissoes, grupos, ativo, .. } = pessoa;
            (*id, (permissoes.clone(), grupos.clone(), *ativo))
        });
        Print {
            heads: heads.collect(),
            cases: world.cases.clone(),
            logged: world.logged.clone(),
            branches: world.branches.iter().map(|(key, branch)| (*key, branch.id)).collect(),
            revoked: world.revoked.clone(),
            numeracao: world.last_number,
            restricoes: world.restrictions.clone(),
            people: rights.collect(),
            tipos: world.tipos.todos().count(),
        }
    }

    /// Only the heads and the keys that must be unique in the tables, for the sabotage that
    /// compares no more than these.
    pub(super) fn heads(&self) -> impl PartialEq + use<'_> {
        (&self.heads, &self.logged, &self.branches, self.numeracao)
    }
}
