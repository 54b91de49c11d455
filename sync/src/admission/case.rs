//! What the gate judges: whose change, where it is to go, by which rules; and what it says.

use crate::{document::DocumentError, inspect::Write, wire::Hash};
use automerge::{Automerge, Change};
use campo_domain::{
    ids::{DeviceId, UserId},
    pessoa::{Permissoes, Pessoa},
    refusal::{Codigo, Refusal},
    registro::{Registro, Restricao},
    tipo::{Tipo, Tipos},
};
use std::{collections::BTreeSet, sync::Arc};

/// Whose change it is: a person on a device, or a person in the office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The person, with today's permissions.
    pub pessoa: Pessoa,
    /// The device; [`DeviceId::ESCRITORIO`] for the office.
    pub device: DeviceId,
    /// Permissions that the person held before, each with the log position at which it ended,
    /// ascending.
    pub earlier: Vec<(u64, Permissoes)>,
}

impl Requester {
    /// The person with the permissions that a device at this log position knew of.
    pub(super) fn as_of(&self, seen: u64) -> Pessoa {
        match self.earlier.iter().find(|(until, _)| *until > seen) {
            Some((_, permissoes)) => {
                Pessoa { permissoes: permissoes.clone(), ..self.pessoa.clone() }
            }
            None => self.pessoa.clone(),
        }
    }
}

/// A document as the server holds it.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The CRDT.
    pub document: Automerge,
    /// Read out.
    pub registro: Registro,
    /// Its tipo, in the pinned version.
    pub tipo: Arc<Tipo>,
}

/// Where a change is to go.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The document; `None` if there is none of this id.
    pub merged: Option<&'a Merged>,
    /// Its generation; 1 for a new one.
    pub generation: u32,
    /// Whether it was erased for good.
    pub erased: bool,
    /// Everyone involved in its case.
    pub involved: &'a BTreeSet<UserId>,
    /// Who alone may see the case, where that was said.
    pub restriction: Option<&'a Restricao>,
    /// The log position at which the requester lost sight of it last, if ever.
    pub revoked_at: Option<u64>,
    /// Hashes that stand in held branches of this document.
    pub on_branch: &'a dyn Fn(&Hash) -> bool,
}

/// What every admission looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The company's tipos.
    pub tipos: &'a Tipos,
    /// For the test that proves the checkers: leave out the dependency check.
    #[doc(hidden)]
    pub skip_dependencies: bool,
}

/// A change that may be merged. Only [`admit`] and the server's own writes make one, so that
/// nothing else can reach the log.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) change: Change,
    pub(crate) writes: Vec<Write>,
    pub(crate) merged: Merged,
}

/// Why a change is not merged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rejection {
    /// It builds on changes that are not there.
    Missing(Vec<Hash>),
    /// It builds on a held branch, or was made in good faith and came too late.
    Held(Refusal),
    /// It may not.
    Refused(Refusal),
    /// It builds on an older generation.
    Stale(u32),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Rejection::Refused(refusal)
    }
}

impl From<Codigo> for Rejection {
    fn from(codigo: Codigo) -> Self {
        Rejection::Refused(Refusal::new(codigo))
    }
}

impl From<DocumentError> for Rejection {
    fn from(_: DocumentError) -> Self {
        Codigo::AlteracaoInvalida.into()
    }
}
