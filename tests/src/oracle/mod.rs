//! A second opinion: the company as it follows from the log and from what people did, kept as
//! simply as can be. It never calls the gate; its rules are written from the requirements, not from
//! the code.

mod judge;
mod rules;

use crate::ledger::{Row, What};
use automerge::{ActorId, Automerge, Change, ChangeHash, ReadDoc};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::{Permissao, Permissoes, Pessoa},
    preset,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use campo_sync::{document, wire::Hash};
pub use judge::Expect;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a change says, as whoever wrote it knows.
#[derive(Clone, Debug)]
pub struct Written {
    /// The command, across replays.
    pub id: CommandId,
    /// What was done.
    pub command: Command,
    /// By whom.
    pub usuario: UserId,
    /// Where.
    pub device: DeviceId,
    /// The document.
    pub document: DocumentId,
    /// True if no command writes such a change: it must be refused.
    pub forged: bool,
}

/// A document as the log tells it.
struct Mirror {
    document: Automerge,
    registro: Registro,
    tipo: Arc<Tipo>,
    changes: BTreeMap<Hash, u64>,
    numbering: BTreeSet<(ActorId, u64)>,
}

impl Mirror {
    fn raiz(&self) -> DocumentId {
        self.registro.raiz()
    }
}

/// A value over the positions of the log: each from its position on.
#[derive(Clone, Debug)]
struct Over<T>(Vec<(u64, T)>);

impl<T> Over<T> {
    /// As of this position; before the first it is the first.
    fn at(&self, seq: u64) -> &T {
        let place = self.0.partition_point(|(since, _)| *since <= seq);
        &self.0[place.saturating_sub(1)].1
    }

    /// From this position on, the one in force there included.
    fn since(&self, seq: u64) -> impl Iterator<Item = &T> {
        let place = self.0.partition_point(|(since, _)| *since <= seq);
        self.0[place.saturating_sub(1)..].iter().map(|(_, value)| value)
    }
}

/// The second opinion.
pub struct Oracle {
    tipos: Tipos,
    people: BTreeMap<UserId, Over<Permissoes>>,
    told: BTreeMap<UserId, Permissoes>,
    documents: BTreeMap<DocumentId, Mirror>,
    cases: BTreeMap<DocumentId, BTreeSet<DocumentId>>,
    involved: BTreeMap<DocumentId, BTreeMap<UserId, Over<bool>>>,
    held: BTreeMap<(DocumentId, Hash), HeldId>,
    written: BTreeMap<Hash, Written>,
    hashes: BTreeMap<CommandId, Vec<Hash>>,
    /// The last row that told a person of having lost sight of a case.
    revoked: BTreeMap<(UserId, DocumentId), u64>,
    addressed: BTreeMap<(String, String), Option<UserId>>,
    rows: usize,
    last: u64,
}

impl Oracle {
    /// A company with these people and the presets of [`crate::ledger::Ledger::found`].
    ///
    /// # Errors
    /// A preset that cannot be used.
    pub fn new(people: &[Pessoa]) -> anyhow::Result<Self> {
        let mut tipos = Tipos::default();
        for id in ["P000", "P001"] {
            preset::carregar(id)?.tipos.into_iter().for_each(|tipo| tipos.incluir(tipo));
        }
        let told = people.iter().map(|pessoa| (pessoa.id, pessoa.permissoes.clone()));
        Ok(Oracle {
            tipos,
            people: BTreeMap::new(),
            told: told.collect(),
            documents: BTreeMap::new(),
            cases: BTreeMap::new(),
            involved: BTreeMap::new(),
            held: BTreeMap::new(),
            written: BTreeMap::new(),
            hashes: BTreeMap::new(),
            revoked: BTreeMap::new(),
            addressed: BTreeMap::new(),
            rows: 0,
            last: 0,
        })
    }

    /// How many rows it has taken in.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A person will hold these permissions from the next `eu` row on.
    pub fn permit(&mut self, usuario: UserId, permissoes: Permissoes) {
        self.told.insert(usuario, permissoes);
    }

    /// A change was written.
    pub fn wrote(&mut self, hash: Hash, written: Written) {
        let hashes = self.hashes.entry(written.id).or_default();
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
        self.written.entry(hash).or_insert(written);
    }

    /// A change was held.
    pub fn holds(&mut self, document: DocumentId, hash: Hash, held: HeldId) {
        self.held.insert((document, hash), held);
    }

    /// Every change that a command became.
    pub fn hashes_of(&self, command: CommandId) -> &[Hash] {
        self.hashes.get(&command).map_or(&[], Vec::as_slice)
    }

    /// What is known of a change.
    pub fn written(&self, hash: &Hash) -> Option<&Written> {
        self.written.get(hash)
    }

    /// What people did to the document, as far as it was merged.
    pub fn commands(&self, document: DocumentId) -> impl Iterator<Item = &Command> {
        let changes = self.documents.get(&document).into_iter().flat_map(|m| m.changes.keys());
        changes.filter_map(|hash| self.written.get(hash)).map(|written| &written.command)
    }

    /// Whether the document has the change.
    pub fn merged(&self, document: DocumentId, hash: &Hash) -> Option<u64> {
        self.documents.get(&document)?.changes.get(hash).copied()
    }

    /// The branch that the change stands in.
    pub fn held_in(&self, document: DocumentId, hash: &Hash) -> Option<HeldId> {
        self.held.get(&(document, *hash)).copied()
    }

    /// The branches, not merged yet, that a change builds on: it must follow one of them.
    pub fn follows(&self, document: DocumentId, change: &[u8]) -> BTreeSet<HeldId> {
        let deps = Change::try_from(change).map(|change| change.deps().to_vec());
        let deps = deps.unwrap_or_default().into_iter().map(Hash::from);
        let apart = deps.filter(|dep| self.merged(document, dep).is_none());
        apart.filter_map(|dep| self.held_in(document, &dep)).collect()
    }

    /// A document as it reads, with its tipo.
    pub fn registro(&self, document: DocumentId) -> Option<(&Registro, &Tipo)> {
        let mirror = self.documents.get(&document)?;
        Some((&mirror.registro, &mirror.tipo))
    }

    /// Every number that was given out, with its kind.
    pub fn numbers(&self) -> Vec<(Kind, String)> {
        let numbered = self.documents.values().map(|mirror| &mirror.registro);
        numbered.filter_map(|r| Some((r.kind, r.numero.clone()?))).collect()
    }

    /// Every document.
    pub fn documents(&self) -> impl Iterator<Item = DocumentId> {
        self.documents.keys().copied()
    }

    /// The heads of a document.
    pub fn heads(&self, document: DocumentId) -> Vec<ChangeHash> {
        let mirror = self.documents.get(&document);
        mirror.map(|mirror| document::heads(&mirror.document)).unwrap_or_default()
    }

    /// The kind and case of a document.
    pub fn place(&self, document: DocumentId) -> Option<(Kind, DocumentId)> {
        let mirror = self.documents.get(&document)?;
        Some((mirror.registro.kind, mirror.raiz()))
    }

    /// Whom a reference row is for.
    pub fn addressee(&self, collection: &str, key: &str) -> Option<Option<UserId>> {
        self.addressed.get(&(collection.to_owned(), key.to_owned())).copied()
    }

    /// What the person may do now.
    pub fn permissions(&self, usuario: UserId) -> Permissoes {
        let over = self.people.get(&usuario);
        over.map(|over| over.at(u64::MAX).clone()).unwrap_or_default()
    }

    /// Whether the person sees the document now: `Ver`, and own, all, or a cliente (R85).
    pub fn sees(&self, usuario: UserId, document: DocumentId) -> bool {
        self.documents.get(&document).is_some_and(|mirror| {
            let now = self.permissions(usuario);
            let involved = self.is_involved(usuario, mirror.raiz());
            rules::sees(&now, mirror.registro.kind, involved)
        })
    }

    /// Every document that the person sees now, with its heads.
    pub fn visible(&self, usuario: UserId) -> BTreeMap<DocumentId, Vec<ChangeHash>> {
        let seen = self.documents.keys().filter(|id| self.sees(usuario, **id));
        seen.map(|id| (*id, self.heads(*id))).collect()
    }

    fn is_involved(&self, usuario: UserId, raiz: DocumentId) -> bool {
        let over = self.involved.get(&raiz).and_then(|people| people.get(&usuario));
        over.is_some_and(|over| *over.at(u64::MAX))
    }

    /// Takes a row of the log in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, row: &Row) -> Result<(), String> {
        self.rows += 1;
        self.last = self.last.max(row.seq);
        match &row.what {
            What::Change { document, hash, bytes, .. } => {
                self.change(*document, *hash, bytes, row.seq)
            }
            What::Revoked { usuario, raiz } => {
                self.revoked.insert((*usuario, *raiz), row.seq);
                Ok(())
            }
            What::Reference { usuario, collection, key } => {
                self.addressed.insert((collection.clone(), key.clone()), *usuario);
                if let (Some(usuario), "eu") = (usuario, collection.as_str()) {
                    let permissoes = self.told.get(usuario).cloned().unwrap_or_default();
                    let over = self.people.entry(*usuario).or_insert(Over(Vec::new()));
                    over.0.push((row.seq, permissoes));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, id: DocumentId, hash: Hash, bytes: &[u8], seq: u64) -> Result<(), String> {
        let unreadable = |what: &dyn std::fmt::Display| {
            format!("row {seq} does not fit the document {id}: {what}")
        };
        let change = Change::try_from(bytes).map_err(|e| unreadable(&e))?;
        let numbering = (change.actor_id().clone(), change.seq());
        let mut document = match self.documents.get(&id) {
            Some(mirror) => mirror.document.clone(),
            None => Automerge::new(),
        };
        document.apply_changes([change]).map_err(|e| unreadable(&e))?;
        if !document.get_missing_deps(&[]).is_empty() {
            return Err(unreadable(&"it builds on changes that are not in the log"));
        }
        let registro = document::read(&document).map_err(|e| unreadable(&e))?;
        let tipo = self.tipos.obter(&registro.tipo).map_err(|e| unreadable(&e))?.clone();
        let mirror = self.documents.entry(id).or_insert_with(|| Mirror {
            document: Automerge::new(),
            registro: registro.clone(),
            tipo,
            changes: BTreeMap::new(),
            numbering: BTreeSet::new(),
        });
        mirror.document = document;
        mirror.registro = registro;
        mirror.numbering.insert(numbering);
        if mirror.changes.insert(hash, seq).is_some() {
            return Err(unreadable(&"it is in the log twice"));
        }
        let raiz = mirror.raiz();
        self.cases.entry(raiz).or_default().insert(id);
        self.involve(raiz, seq);
        Ok(())
    }

    /// Who created, is responsible for or takes part in any document of the case (R4, R85).
    fn involve(&mut self, raiz: DocumentId, seq: u64) {
        let documents = self.cases.get(&raiz).into_iter().flatten();
        let mut now = BTreeSet::new();
        for id in documents {
            let registro = &self.documents[id].registro;
            now.insert(registro.criacao.por);
            now.extend(registro.responsavel());
            now.extend(registro.participantes.iter().copied());
        }
        let people = self.involved.entry(raiz).or_default();
        for usuario in &now {
            people.entry(*usuario).or_insert(Over(vec![(0, false)]));
        }
        for (usuario, over) in people.iter_mut() {
            let involved = now.contains(usuario);
            if *over.at(u64::MAX) != involved {
                over.0.push((seq, involved));
            }
        }
    }

    fn permissions_at(&self, usuario: UserId, seq: u64) -> Permissoes {
        self.people.get(&usuario).map(|over| over.at(seq).clone()).unwrap_or_default()
    }

    /// Whether the person could in good faith believe to see the case, having seen this position:
    /// was allowed to there or later, or had not been told otherwise yet.
    fn saw(&self, usuario: UserId, kind: Kind, raiz: DocumentId, seen: u64) -> bool {
        let then = self.permissions_at(usuario, seen);
        let over = self.involved.get(&raiz).and_then(|people| people.get(&usuario));
        let since = over.is_some_and(|over| over.since(seen).any(|involved| *involved));
        let told = self.revoked.get(&(usuario, raiz)).copied().unwrap_or(0);
        then.contains(&Permissao::Ver) && (rules::sees(&then, kind, since) || told > seen)
    }
}
