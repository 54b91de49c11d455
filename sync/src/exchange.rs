//! The server's side, pure: what was loaded and what was pushed become a [`Plan`], which the ledger
//! writes in one transaction. Computed without locks; the ledger locks the documents in id order,
//! compares their heads with `DocumentWrite::heads_before`, and plans again if they moved.

mod planner;

use crate::{
    admission::Merged,
    document::{self, Actor, DocumentError},
    history::{self, Evento},
    inspect,
    wire::{Hash, Limits, Outcome, Push, Reason, Verdict},
};
use automerge::{Automerge, Change, ChangeHash};
use campo_domain::{
    command::Command,
    ids::{AcaoId, DeviceId, DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    registro::{Registro, Restricao},
    tipo::{Tipo, Tipos},
    valor::Valor,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use planner::Planner;

/// What the ledger must load before planning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// These documents, where they exist.
    pub documents: BTreeSet<DocumentId>,
    /// Who is involved in these cases, besides those of the documents that exist.
    pub raizes: BTreeSet<DocumentId>,
    /// Where these changes are already: in the log or in a held branch.
    pub hashes: BTreeSet<(DocumentId, Hash)>,
    /// Those into whose hands a record comes.
    pub entregues: BTreeSet<UserId>,
    /// All the company's people: somebody's sight of a case is about to change.
    pub pessoas: bool,
}

impl Needs {
    /// Adds what a push needs. Bytes that are no change need nothing.
    pub fn add(&mut self, push: &Push) {
        let Ok(change) = inspect::parse(&push.change, &Limits::DEFAULT) else { return };
        self.documents.insert(push.document);
        self.hashes.insert((push.document, change.hash().into()));
        self.hashes.extend(change.deps().iter().map(|dep| (push.document, Hash::from(*dep))));
        self.entregues.extend(inspect::handed(&change));
        if change.deps().is_empty()
            && let Some(registro) = inspect::guarded(|| genesis(change)).flatten()
        {
            self.raizes.insert(registro.raiz());
            self.documents.extend(parents(&registro).map(|(parent, _)| parent));
        }
    }

    /// Adds what a command of the office needs.
    pub fn command(&mut self, document: DocumentId, command: &Command) {
        self.documents.insert(document);
        self.pessoas |= matches!(command, Command::Restringir { .. });
        self.entregues.extend(match command {
            Command::Analisar { encaminhar, .. } => *encaminhar,
            Command::Editar { campo, valor } if campo == "responsavel" => {
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
            self.raizes.extend(parents);
            self.raizes.insert(document);
        }
    }
}

/// The record that a genesis makes, if it is one.
fn genesis(change: Change) -> Option<Registro> {
    let mut document = Automerge::new();
    inspect::inspect(&document, &change).ok()?;
    document.apply_changes([change]).ok()?;
    document::read(&document).ok()
}

/// The documents that a record hangs on, each with the kind that it must have.
fn parents(registro: &Registro) -> impl Iterator<Item = (DocumentId, Kind)> {
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

/// Who asked for what no verdict was given on yet: whom `World::autores` must hold.
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
    pub ano: i32,
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
    /// When a requester last lost sight of a case.
    pub revoked: BTreeMap<(UserId, DocumentId), u64>,
    /// The last number given out this year: one series for the whole company.
    pub numeracao: u64,
    /// The cases among `cases` that only some may see (R86), by raiz.
    pub restricoes: BTreeMap<DocumentId, Restricao>,
    /// Those who asked, in one of `documents`, for what no verdict was given on yet.
    pub autores: BTreeMap<UserId, Pessoa>,
    /// Those of `Needs::entregues` who are known.
    pub entregues: BTreeMap<UserId, Pessoa>,
    /// The company's active people: where `Needs::pessoas` asks for them, or any case is
    /// restricted; else empty.
    pub pessoas: BTreeMap<UserId, Pessoa>,
}

/// An entry for the log. Its position is the plan's base plus its place in the list, from 1.
#[derive(Clone, Debug)]
pub enum LogWrite {
    /// A change that was admitted.
    Change(Box<ChangeWrite>),
    /// The person now sees the case; what it holds up to here comes as snapshots.
    Granted {
        /// The person.
        usuario: UserId,
        /// The case.
        raiz: DocumentId,
    },
    /// The person no longer sees the case.
    Revoked {
        /// The person.
        usuario: UserId,
        /// The case.
        raiz: DocumentId,
    },
    /// The office decided on a branch.
    HeldDecided {
        /// Whose branch.
        usuario: UserId,
        /// The branch.
        held: HeldId,
    },
}

/// A change for the log. Private inside: only what went through the gate becomes one.
#[derive(Clone, Debug)]
pub struct ChangeWrite {
    document: DocumentId,
    generation: u32,
    change: Change,
    eventos: Vec<Evento>,
}

impl ChangeWrite {
    /// The document.
    pub fn document(&self) -> DocumentId {
        self.document
    }

    /// Its generation.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The change's hash.
    pub fn hash(&self) -> Hash {
        self.change.hash().into()
    }

    /// The uncompressed chunk.
    pub fn bytes(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// Who wrote it, where.
    pub fn actor(&self) -> Actor {
        Actor::parse(self.change.actor_id()).unwrap_or(Actor::servidor(0))
    }

    /// Its rows of the acompanhamento.
    pub fn eventos(&self) -> &[Evento] {
        &self.eventos
    }
}

/// A document's new state.
#[derive(Clone, Debug)]
pub struct DocumentWrite {
    /// The merged document.
    pub merged: Merged,
    /// Its generation.
    pub generation: u32,
    /// The heads that the plan started from; `None` for a new document.
    pub heads_before: Option<Vec<ChangeHash>>,
    /// How many changes were added.
    pub added: u32,
}

impl DocumentWrite {
    /// Its id.
    pub fn id(&self) -> DocumentId {
        self.merged.registro.id
    }
}

/// A change for a held branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldWrite {
    /// The branch, old or new.
    pub held: HeldId,
    /// Whether the branch is new.
    pub new: bool,
    /// The case that the document belongs to.
    pub raiz: DocumentId,
    /// The document's kind.
    pub kind: Kind,
    /// Whose.
    pub author: UserId,
    /// From which device.
    pub device: DeviceId,
    /// Why.
    pub reason: Reason,
    /// The change's hash.
    pub hash: Hash,
    /// The change as it was pushed.
    pub push: Push,
}

/// An e-mail to be sent, once the plan is committed (R60, R66, R87).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aviso {
    /// About which record: among `Plan::documents`.
    pub document: DocumentId,
    /// By which of the company's templates.
    pub modelo: String,
    /// To whom.
    pub destino: Destino,
}

/// To whom an e-mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destino {
    /// The record's client.
    Cliente,
    /// People of the company.
    Usuarios(BTreeSet<UserId>),
}

/// An action to be sent to the ERP, once the plan is committed (R100).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcaoWrite {
    /// Of which record: among `Plan::documents`.
    pub document: DocumentId,
    /// Which.
    pub acao: AcaoId,
    /// What it asks for.
    pub codigo: String,
}

/// What the ledger writes, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Entries, in order.
    pub log: Vec<LogWrite>,
    /// Documents, by id.
    pub documents: BTreeMap<DocumentId, DocumentWrite>,
    /// Involvement per document that changed: (raiz, document) → everyone.
    pub envolvidos: BTreeMap<(DocumentId, DocumentId), BTreeSet<UserId>>,
    /// Held changes, in order.
    pub held: Vec<HeldWrite>,
    /// The last number given out, before and after, if any was.
    pub numeracao: Option<(u64, u64)>,
    /// Restrictions of cases that changed.
    pub restricoes: BTreeMap<DocumentId, Option<Restricao>>,
    /// E-mails that follow.
    pub avisos: Vec<Aviso>,
    /// Actions that follow.
    pub acoes: Vec<AcaoWrite>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.held.is_empty()
    }
}

/// Positions in outcomes that are places in `Plan::log` until the base is known.
pub fn settle_positions(verdicts: &mut [Verdict], base: u64) {
    for verdict in verdicts {
        if let Outcome::Accepted { seq } = &mut verdict.outcome {
            *seq += base;
        }
    }
}

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
