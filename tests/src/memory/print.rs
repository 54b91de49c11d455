//! What a decision depended on, to tell whether it still stands.

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

/// What a plan started from, to be compared when it commits: everything that a decision depends on,
/// not only the heads of the documents that are written. Who is involved in a case follows from all
/// of its documents, and a number from all requests before.
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
    /// How many versions of tipos there are: none is ever changed or taken away.
    tipos: usize,
}

impl Print {
    /// Of what a plan was given, and of all people, whose rights it may have asked for.
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

    /// Only the heads and what would collide in the tables.
    pub(super) fn heads(&self) -> impl PartialEq + use<'_> {
        (&self.heads, &self.logged, &self.branches, self.numeracao)
    }
}
