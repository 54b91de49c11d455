//! What planning starts from: what the ledger must load, and what it loaded.

use crate::{
    admission::Merged,
    document::{self, DocumentError},
    inspect,
    wire::{Hash, Limits, Push, Reason},
};
use automerge::{Automerge, Change};
use campo_domain::{
    command::Command,
    ids::{DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    registro::{Registro, Restricao},
    tipo::Tipos,
    valor::Valor,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the ledger must load before planning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// These documents, where they exist.
    pub documents: BTreeSet<DocumentId>,
    /// Who is involved in these cases, besides those of the documents that exist.
    pub cases: BTreeSet<DocumentId>,
    /// Where these changes are already: in the log or in a held branch.
    pub hashes: BTreeSet<(DocumentId, Hash)>,
    /// People to whom a record is handed: they must be able to open it.
    pub assignees: BTreeSet<UserId>,
    /// Whether all the company's people are needed: who sees a case is about to change.
    pub people: bool,
}

impl Needs {
    /// Adds what a push needs. Bytes that are no change need nothing.
    pub fn add(&mut self, push: &Push) {
        let Ok(change) = inspect::parse(&push.change, &Limits::DEFAULT) else { return };
        self.documents.insert(push.document);
        self.hashes.insert((push.document, change.hash().into()));
        self.hashes.extend(change.deps().iter().map(|dep| (push.document, Hash::from(*dep))));
        self.assignees.extend(inspect::handed(&change));
        if change.deps().is_empty()
            && let Some(registro) = inspect::guarded(|| genesis(change)).flatten()
        {
            self.cases.insert(registro.raiz());
            self.documents.extend(parents(&registro).map(|(parent, _)| parent));
        }
    }

    /// Adds what a command of the office needs.
    pub fn command(&mut self, document: DocumentId, command: &Command) {
        self.documents.insert(document);
        self.people |= matches!(command, Command::Restringir { .. });
        self.assignees.extend(match command {
            Command::Analisar { encaminhar, .. } => *encaminhar,
            Command::Editar { campo, valor, .. } if campo == "responsavel" => {
                valor.id().map(UserId::from)
            }
            Command::Criar { campos, .. } => {
                campos.get("responsavel").and_then(Valor::id).map(UserId::from)
            }
            _ => None,
        });
        if let Command::Criar { campos, .. } = command {
            let parents = ["assistencia", "ocorrencia"];
            let parents = parents.iter().filter_map(|nome| campos.get(*nome)?.id());
            let parents: Vec<DocumentId> = parents.map(DocumentId::from).collect();
            self.documents.extend(&parents);
            self.cases.extend(parents);
            self.cases.insert(document);
        }
    }
}

/// The record that a genesis makes, if it is one.
pub(super) fn genesis(change: Change) -> Option<Registro> {
    let mut document = Automerge::new();
    inspect::inspect(&document, &change).ok()?;
    document.apply_changes([change]).ok()?;
    document::read(&document).ok()
}

/// The documents that a record hangs on, each with the kind that it must have.
pub(super) fn parents(registro: &Registro) -> impl Iterator<Item = (DocumentId, Kind)> {
    [("assistencia", Kind::Assistencia), ("ocorrencia", Kind::Ocorrencia)]
        .into_iter()
        .filter_map(|(campo, kind)| Some((registro.referencia(campo)?.into(), kind)))
}

/// A document as it was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The merged document.
    pub merged: Merged,
    /// Its generation.
    pub generation: u32,
}

impl Loaded {
    /// Reads stored chunks.
    ///
    /// # Errors
    /// The chunks are not a document, or its tipo is not known.
    pub fn read(chunks: &[u8], generation: u32, tipos: &Tipos) -> Result<Self, DocumentError> {
        let document = document::load(chunks)?;
        let registro = document::read(&document)?;
        let tipo = tipos.obter(&registro.tipo);
        let tipo = tipo.map_err(|_| DocumentError::UnknownTipo(registro.tipo.codigo.clone()))?;
        let merged = Merged { document, tipo: tipo.clone(), registro };
        Ok(Loaded { merged, generation })
    }
}

/// The authors of requests without a verdict: whom `World::authors` must hold.
pub fn waiting<'a>(documents: impl IntoIterator<Item = &'a Loaded>) -> BTreeSet<UserId> {
    let records = documents.into_iter().map(|loaded| &loaded.merged.registro);
    records.flat_map(|registro| registro.pedidos_pendentes().map(|p| p.autoria.por)).collect()
}

/// A branch that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its id.
    pub id: HeldId,
    /// Whether the office has decided on it.
    pub decided: bool,
    /// Why it is held.
    pub reason: Reason,
}

/// All that a plan starts from.
#[derive(Clone, Debug)]
pub struct World {
    /// The server's clock.
    pub now: DateTime<Utc>,
    /// The year by the company's calendar: numbers start again with it.
    pub year: i32,
    /// The present epoch.
    pub epoch: u64,
    /// The company's tipos.
    pub tipos: Arc<Tipos>,
    /// What a change may be.
    pub limits: Limits,
    /// The documents that exist, of those in `Needs`.
    pub documents: BTreeMap<DocumentId, Loaded>,
    /// Those that were erased for good: only their ids are left (ff31).
    pub erased: BTreeSet<DocumentId>,
    /// Who is involved in each case, through which document.
    pub cases: BTreeMap<DocumentId, BTreeMap<DocumentId, BTreeSet<UserId>>>,
    /// Changes that are in the log, with their position.
    pub logged: BTreeMap<(DocumentId, Hash), u64>,
    /// Changes that stand in a branch.
    pub branches: BTreeMap<(DocumentId, Hash), Branch>,
    /// The log position at which a requester last lost sight of a case.
    pub revoked: BTreeMap<(UserId, DocumentId), u64>,
    /// The last number given out this year: one series for the whole company.
    pub last_number: u64,
    /// The cases among `cases` that only some may see (R86), by raiz.
    pub restrictions: BTreeMap<DocumentId, Restricao>,
    /// Authors of the requests in `documents` that have no verdict yet.
    pub authors: BTreeMap<UserId, Pessoa>,
    /// Those of `Needs::assignees` who are known.
    pub assignees: BTreeMap<UserId, Pessoa>,
    /// The company's active people: where `Needs::people` asks for them, or any case is
    /// restricted; else empty.
    pub people: BTreeMap<UserId, Pessoa>,
}
