//! An independent judge of the server: it follows the company from the log and from what people
//! did, as simply as possible. It never calls the rules of the product; its own are written from
//! the requirements, not from the code.

mod files;
pub mod flow;
mod follow;
mod judge;
mod judged;
mod log;
mod office;
mod requests;
mod rules;
mod whole;

use crate::ledger::Email;
use automerge::{ActorId, Automerge, Change, ChangeHash};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, ItemId, PedidoId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    preset,
    registro::{Registro, SituacaoArquivo},
    tipo::{Tipo, Tipos},
};
use campo_sync::{document, exchange::ActionWrite, wire::Hash};
use chrono::{DateTime, Utc};
pub(crate) use judged::{Due, Judged};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the author of a change meant by it.
#[derive(Clone, Debug)]
pub struct Written {
    /// The command's id, which stays the same when the change is written again.
    pub id: CommandId,
    /// What was done.
    pub command: Command,
    /// By whom.
    pub usuario: UserId,
    /// Where.
    pub device: DeviceId,
    /// The document.
    pub document: DocumentId,
    /// True for a change that no command writes, and that must be refused.
    pub forged: bool,
}

/// A document as it follows from the log.
struct Mirror {
    document: Automerge,
    registro: Registro,
    tipo: Arc<Tipo>,
    changes: BTreeMap<Hash, u64>,
    numbering: BTreeSet<(ActorId, u64)>,
    /// When it changed last, by the server's clock.
    moved_at: DateTime<Utc>,
    /// The request that was judged last since somebody changed the record.
    judged_last: Option<PedidoId>,
    /// Who changed it last, if that was a person in the office or the author of a branch that the
    /// office approved.
    in_office: Option<UserId>,
}

impl Mirror {
    fn raiz(&self) -> DocumentId {
        self.registro.raiz()
    }
}

/// What was told of each file of a record: how far its bytes came, and why they were discarded.
type Files = BTreeMap<ItemId, (SituacaoArquivo, Option<String>)>;

/// A value that changes along the log; each version is valid from its position on.
#[derive(Clone, Debug)]
struct Over<T>(Vec<(u64, T)>);

impl<T> Over<T> {
    /// The version valid at this position; before the first version, the first.
    fn at(&self, seq: u64) -> &T {
        let place = self.0.partition_point(|(since, _)| *since <= seq);
        &self.0[place.saturating_sub(1)].1
    }

    /// The version valid at this position and all later ones.
    fn since(&self, seq: u64) -> impl Iterator<Item = &T> {
        let place = self.0.partition_point(|(since, _)| *since <= seq);
        self.0[place.saturating_sub(1)..].iter().map(|(_, value)| value)
    }
}

/// The independent judge.
pub struct Oracle {
    tipos: Tipos,
    people: BTreeMap<UserId, Over<Pessoa>>,
    told: BTreeMap<UserId, Pessoa>,
    documents: BTreeMap<DocumentId, Mirror>,
    cases: BTreeMap<DocumentId, BTreeSet<DocumentId>>,
    /// Who sees each case, over the positions of the log.
    sight: BTreeMap<(UserId, DocumentId), Over<bool>>,
    held: BTreeMap<(DocumentId, Hash), HeldId>,
    written: BTreeMap<Hash, Written>,
    hashes: BTreeMap<CommandId, Vec<Hash>>,
    /// The last row that told a person of having lost sight of a case.
    revoked: BTreeMap<(UserId, DocumentId), u64>,
    addressed: BTreeMap<(String, String), Option<UserId>>,
    /// E-mails that must be sent; `untold` has those whose recipients are only decided when the
    /// whole commit has been read.
    emails: Vec<Email>,
    untold: Vec<Email>,
    /// Actions that must go out.
    acoes: Vec<ActionWrite>,
    /// What the store told of each record's files.
    told_of: BTreeMap<DocumentId, Files>,
    /// Verdicts since `take_judged`, and records that changed since `settle`.
    judged: Vec<Judged>,
    moved: BTreeSet<DocumentId>,
    /// Whose branch the office approves at this moment.
    approved: Option<UserId>,
    rows: usize,
    last: u64,
}

impl Oracle {
    /// A company with these people and presets, and versions of its tipos after those.
    ///
    /// # Errors
    /// A preset that cannot be used.
    pub fn new(people: &[Pessoa], presets: &[&str], newer: &[Tipo]) -> anyhow::Result<Self> {
        let mut tipos = Tipos::default();
        for id in presets {
            preset::carregar(id)?.tipos.into_iter().for_each(|tipo| tipos.incluir(tipo));
        }
        newer.iter().for_each(|tipo| tipos.incluir(tipo.clone()));
        let told = people.iter().map(|pessoa| (pessoa.id, pessoa.clone()));
        Ok(Oracle {
            tipos,
            people: BTreeMap::new(),
            told: told.collect(),
            documents: BTreeMap::new(),
            cases: BTreeMap::new(),
            sight: BTreeMap::new(),
            held: BTreeMap::new(),
            written: BTreeMap::new(),
            hashes: BTreeMap::new(),
            revoked: BTreeMap::new(),
            addressed: BTreeMap::new(),
            emails: Vec::new(),
            untold: Vec::new(),
            acoes: Vec::new(),
            told_of: BTreeMap::new(),
            judged: Vec::new(),
            moved: BTreeSet::new(),
            approved: None,
            rows: 0,
            last: 0,
        })
    }

    /// How many rows it has taken in.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the company's records may be.
    pub fn tipos(&self) -> &Tipos {
        &self.tipos
    }

    /// A new version of a tipo was published.
    pub fn publish(&mut self, tipo: Tipo) {
        self.tipos.incluir(tipo);
    }

    /// What the person is from the next `eu` row of the log on.
    pub(crate) fn change_person(&mut self, pessoa: Pessoa) {
        self.told.insert(pessoa.id, pessoa);
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

    /// The next rows come from a branch of this person that the office approves; `None` ends that.
    pub fn approves(&mut self, author: Option<UserId>) {
        self.approved = author;
    }

    /// Every change that a command became.
    pub(crate) fn hashes_of(&self, command: CommandId) -> &[Hash] {
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

    /// The position in the log at which the change was merged, if it was.
    pub fn merged(&self, document: DocumentId, hash: &Hash) -> Option<u64> {
        self.documents.get(&document)?.changes.get(hash).copied()
    }

    /// The branch that the change stands in.
    pub(crate) fn held_in(&self, document: DocumentId, hash: &Hash) -> Option<HeldId> {
        self.held.get(&(document, *hash)).copied()
    }

    /// The held branches that a change builds on and that are not merged yet: it must be held in
    /// one of them.
    pub(crate) fn follows(&self, document: DocumentId, change: &[u8]) -> BTreeSet<HeldId> {
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

    /// Whether people may work on the document: it is open and does not wait for its client, or the
    /// server does not have it yet.
    pub(crate) fn is_lively(&self, document: DocumentId) -> bool {
        let mirror = self.documents.get(&document);
        mirror.is_none_or(|mirror| {
            let atual = rules::situacao(&mirror.tipo, mirror.registro.situacao.as_deref());
            atual.is_none_or(rules::is_open) && !mirror.waits()
        })
    }

    /// Every number that was given out, in order.
    pub fn numbers(&self) -> Vec<String> {
        let records = self.documents.values().map(|mirror| &mirror.registro);
        let mut numbers: Vec<String> = records.filter_map(|r| r.numero.clone()).collect();
        numbers.sort_unstable();
        numbers
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

    /// The person as of now.
    pub fn person(&self, usuario: UserId) -> Pessoa {
        self.person_at(usuario, u64::MAX)
    }

    /// The person with the permissions that a device knew which had read the log up to this
    /// position.
    fn person_at(&self, usuario: UserId, seq: u64) -> Pessoa {
        let Some(over) = self.people.get(&usuario) else { return Pessoa::servidor() };
        let (then, now) = (over.at(seq), over.at(u64::MAX));
        Pessoa { permissoes: then.permissoes.clone(), ..now.clone() }
    }

    /// Whether the person sees the document now (R85, R86).
    pub fn sees(&self, usuario: UserId, document: DocumentId) -> bool {
        self.documents
            .get(&document)
            .is_some_and(|mirror| self.sees_case(usuario, mirror.registro.kind, mirror.raiz()))
    }

    /// Whether the person sees the case now. A cliente is not part of a case; its own id is given.
    fn sees_case(&self, usuario: UserId, kind: Kind, raiz: DocumentId) -> bool {
        let root = self.documents.get(&raiz).map(|mirror| &mirror.registro);
        let restricao = root.and_then(|root| root.restricao.as_ref());
        let now = self.people.get(&usuario).map(|over| over.at(u64::MAX));
        let involved = || self.is_involved(usuario, raiz);
        now.is_some_and(|pessoa| rules::sees(pessoa, kind, involved(), restricao))
    }

    /// Every document that the person sees now, with its heads.
    pub fn visible(&self, usuario: UserId) -> BTreeMap<DocumentId, Vec<ChangeHash>> {
        let seen = self.documents.keys().filter(|id| self.sees(usuario, **id));
        seen.map(|id| (*id, self.heads(*id))).collect()
    }

    /// The documents that a client sees in the portal.
    pub(crate) fn in_portal(&self, usuario: UserId) -> Vec<DocumentId> {
        let client = self.person(usuario);
        let shows = |m: &&Mirror| rules::shows_in_portal(&client, &m.registro, &m.tipo);
        self.documents.values().filter(shows).map(|mirror| mirror.registro.id).collect()
    }

    /// Who created, is responsible for or takes part in any document of the case (R4, R85).
    fn is_involved(&self, usuario: UserId, raiz: DocumentId) -> bool {
        let documents = self.cases.get(&raiz).into_iter().flatten();
        documents.map(|id| &self.documents[id].registro).any(|registro| {
            registro.criacao.por == usuario
                || registro.campos.get("responsavel").and_then(|v| v.id()) == Some(usuario.uuid())
                || registro.participantes.contains(&usuario)
        })
    }

    /// Whether a device that had read the log up to `seen` could still show the case to the person:
    /// the person saw it at that position or later, or the log said only afterwards that it was
    /// lost.
    fn saw(&self, usuario: UserId, kind: Kind, raiz: DocumentId, seen: u64) -> bool {
        let then = self.person_at(usuario, seen);
        let over = self.sight.get(&(usuario, raiz));
        let since = over.is_some_and(|over| over.since(seen).any(|sees| *sees));
        let told = self.revoked.get(&(usuario, raiz)).copied().unwrap_or(0);
        let involved = self.is_involved(usuario, raiz);
        let root = self.documents.get(&raiz).map(|mirror| &mirror.registro);
        let restricao = root.and_then(|root| root.restricao.as_ref());
        rules::has(&then, Permissao::Ver)
            && (since || told > seen || rules::sees(&then, kind, involved, restricao))
    }

    /// Every e-mail that must have been sent.
    pub fn emails(&self) -> &[Email] {
        &self.emails
    }

    /// Every action that must have gone out.
    pub fn acoes(&self) -> &[ActionWrite] {
        &self.acoes
    }

    /// Records that wait for their client longer than they may (R54).
    pub(crate) fn overdue(&self, now: DateTime<Utc>) -> Vec<DocumentId> {
        let overdue = self.documents.iter().filter(|(_, mirror)| mirror.is_overdue(now));
        overdue.map(|(id, _)| *id).collect()
    }
}
