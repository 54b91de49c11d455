//! A second opinion: the company as it follows from the log and from what people did, kept as
//! simply as can be. It never calls the gate; its rules are written from the requirements, not from
//! the code.

mod files;
pub mod flow;
mod follow;
mod judge;
mod requests;
mod rules;
mod whole;

use crate::ledger::{Email, Row, What};
use automerge::{ActorId, Automerge, Change, ChangeHash, ReadDoc};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, PedidoId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    preset,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    document::{self, Actor},
    exchange::ActionWrite,
    wire::Hash,
};
use chrono::{DateTime, Utc};
pub use judge::Expect;
pub use requests::{Due, Judged};
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
    /// When it moved last, by the server's clock.
    moved_at: DateTime<Utc>,
    /// The request that was judged last since somebody changed the record.
    judged_last: Option<PedidoId>,
    /// Whose doing in the office, or whose branch that the office approved, changed it last.
    in_office: Option<UserId>,
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
    /// E-mails that must follow, and those of which it is not settled yet who may be told.
    emails: Vec<Email>,
    untold: Vec<Email>,
    /// Actions that must go out.
    acoes: Vec<ActionWrite>,
    /// What the store told of each record's files.
    told_of: BTreeMap<DocumentId, files::Files>,
    /// Verdicts, and the records that changed, until somebody asks.
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

    /// There is another version of a tipo, or the same is offered no longer.
    pub fn publish(&mut self, tipo: Tipo) {
        self.tipos.incluir(tipo);
    }

    /// A person will be this from the next `eu` row on.
    pub fn change_person(&mut self, pessoa: Pessoa) {
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

    /// What comes next is a branch of this person that the office approves; nobody's when `None`.
    pub fn approves(&mut self, author: Option<UserId>) {
        self.approved = author;
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

    /// Whether people are busy with the document: work may still happen, and nobody waits for the
    /// client; or it is not here yet.
    pub fn is_lively(&self, document: DocumentId) -> bool {
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

    /// The person as a device that had seen this position knew: with the permissions of then.
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

    /// Whether the person sees the case now; of a cliente, which is no case, whether that.
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
    pub fn in_portal(&self, usuario: UserId) -> Vec<DocumentId> {
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

    /// Takes a row of the log in, which was written now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, row: &Row, now: DateTime<Utc>) -> Result<(), String> {
        self.rows += 1;
        self.last = self.last.max(row.seq);
        match &row.what {
            What::Change { document, hash, bytes, .. } => {
                self.change(*document, *hash, bytes, row.seq, now)
            }
            What::Revoked { usuario, raiz } => {
                self.revoked.insert((*usuario, *raiz), row.seq);
                Ok(())
            }
            What::Reference { usuario, collection, key } => {
                self.addressed.insert((collection.clone(), key.clone()), *usuario);
                if let (Some(usuario), "eu") = (usuario, collection.as_str())
                    && let Some(pessoa) = self.told.get(usuario).cloned()
                {
                    let over = self.people.entry(*usuario).or_insert(Over(Vec::new()));
                    over.0.push((row.seq, pessoa));
                    let cases: Vec<DocumentId> = self.cases.keys().copied().collect();
                    for raiz in cases {
                        self.look(*usuario, raiz, row.seq);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn change(
        &mut self,
        id: DocumentId,
        hash: Hash,
        bytes: &[u8],
        seq: u64,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let unreadable = |what: &dyn std::fmt::Display| {
            format!("row {seq} does not fit the document {id}: {what}")
        };
        let change = Change::try_from(bytes).map_err(|e| unreadable(&e))?;
        let numbering = (change.actor_id().clone(), change.seq());
        let actor = Actor::parse(change.actor_id());
        let by_server = actor.is_some_and(|actor| actor.user == UserId::SERVIDOR);
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
        if !by_server
            && self.moved.contains(&id)
            && let Some(left) = self.left(id)
        {
            return Err(left);
        }
        self.as_told(&registro).map_err(|e| unreadable(&e))?;
        let before = self.documents.get(&id);
        let judged = before.and_then(|mirror| self.judged(mirror, &registro));
        if let Some(written) = self.written.get(&hash) {
            let before = before.map(|mirror| &mirror.registro);
            let asked = requests::asked_as_written(before, &registro, &tipo, written);
            asked.map_err(|e| unreadable(&e))?;
        }
        if let Some(mirror) = self.documents.get(&id) {
            let followed = mirror.follow(&registro, by_server, now).map_err(|e| unreadable(&e))?;
            self.untold.extend(followed.emails);
            self.acoes.extend(followed.acoes);
        }
        let mirror = self.documents.entry(id).or_insert_with(|| Mirror {
            document: Automerge::new(),
            registro: registro.clone(),
            tipo,
            changes: BTreeMap::new(),
            numbering: BTreeSet::new(),
            moved_at: now,
            judged_last: None,
            in_office: None,
        });
        let asks = mirror.registro.pedidos.len() < registro.pedidos.len();
        if !by_server || asks || mirror.registro.arquivos != registro.arquivos {
            self.moved.insert(id);
            mirror.judged_last = None;
            let at_desk = actor.filter(|actor| actor.device == DeviceId::ESCRITORIO);
            let at_desk = at_desk.map(|actor| actor.user).filter(|_| !by_server);
            mirror.in_office = at_desk.or(self.approved.filter(|_| !by_server));
        }
        if let Some(judged) = &judged {
            mirror.judged_last = Some(judged.pedido).filter(|_| !judged.of_server);
        }
        self.judged.extend(judged);
        mirror.document = document;
        mirror.registro = registro;
        mirror.moved_at = now;
        mirror.numbering.insert(numbering);
        if mirror.changes.insert(hash, seq).is_some() {
            return Err(unreadable(&"it is in the log twice"));
        }
        let raiz = mirror.raiz();
        self.cases.entry(raiz).or_default().insert(id);
        let people: Vec<UserId> = self.people.keys().copied().collect();
        for usuario in people {
            self.look(usuario, raiz, seq);
        }
        Ok(())
    }

    /// Notes whether the person sees the case from this position on.
    fn look(&mut self, usuario: UserId, raiz: DocumentId, seq: u64) {
        let kind = self.documents.get(&raiz).map_or(Kind::Assistencia, |m| m.registro.kind);
        let sees = self.sees_case(usuario, kind, raiz);
        let over = self.sight.entry((usuario, raiz)).or_insert(Over(vec![(0, false)]));
        if *over.at(u64::MAX) != sees {
            over.0.push((seq, sees));
        }
    }

    /// Whether the person could in good faith believe to see the case, having seen this position:
    /// saw it there or later, or had not been told otherwise yet.
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
    pub fn overdue(&self, now: DateTime<Utc>) -> Vec<DocumentId> {
        let overdue = self.documents.iter().filter(|(_, mirror)| mirror.is_overdue(now));
        overdue.map(|(id, _)| *id).collect()
    }
}
