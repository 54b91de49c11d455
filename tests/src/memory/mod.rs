//! The memory ledger: what PostgreSQL keeps in tables, kept in maps, with the same meaning. Commit
//! is atomic; a request is planned when it begins and checked again when it commits, as by two
//! processes.

mod commit;
mod people;
mod print;
mod pull;

use crate::{
    Sabotage,
    dice::Dice,
    ledger::{Email, HeldBranch, Ledger, Row, Ticket, Told, Wait, What},
};
use campo_domain::{
    command::Command,
    fluxo::Quem,
    ids::{DeviceId, DocumentId, HeldId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    policy::{self, Caso},
    refusal::{Codigo, Refusal},
    registro::{Restricao, SituacaoArquivo},
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    admission::Requester,
    document,
    exchange::{ActionWrite, Loaded, Plan, Planner},
    wire::{Hash, Limits, PROTOCOL, Push, Reason, SyncRequest, SyncResponse, Verdict},
};
use chrono::{DateTime, Utc};
use print::{Cases, Print};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// A document and what the log says of it.
#[derive(Clone, Debug)]
struct Stored {
    loaded: Loaded,
    /// The position of its first change.
    first_seq: u64,
    /// When something was written to it last, by the server's clock.
    moved_at: DateTime<Utc>,
}

impl Stored {
    fn kind(&self) -> Kind {
        self.loaded.merged.registro.kind
    }

    fn raiz(&self) -> DocumentId {
        self.loaded.merged.registro.raiz()
    }

    /// When it will have waited too long for the client, if anything would end the wait.
    fn waits_until(&self) -> Option<DateTime<Utc>> {
        let merged = &self.loaded.merged;
        let (registro, tipo) = (&merged.registro, &merged.tipo);
        let atual = registro.situacao(tipo)?;
        let mut ends = tipo.fluxo.transicoes.iter();
        let ended = ends.any(|t| t.quem.contains(&Quem::Sistema) && t.de.contains(&atual.codigo));
        registro.inativo_em(tipo, self.moved_at).filter(|_| ended)
    }
}

/// A held branch with what it takes to approve it.
#[derive(Clone, Debug)]
struct Held {
    document: DocumentId,
    author: UserId,
    reason: Reason,
    decided: Option<bool>,
    changes: Vec<(Hash, Push)>,
}

#[derive(Clone, Debug)]
struct Reference {
    seq: u64,
    usuario: Option<UserId>,
    offered: bool,
    data: String,
}

/// A request between `begin` and `finish`.
struct Begun {
    usuario: UserId,
    request: SyncRequest,
    planned: Planned,
}

/// A plan, what it was made from, and the position of its rows if that was taken already.
struct Planned {
    plan: Plan,
    verdicts: Vec<Verdict>,
    version: u64,
    print: Print,
    base: Option<u64>,
}

/// A server in memory.
pub struct MemoryLedger {
    sabotage: Option<Sabotage>,
    limits: Limits,
    epoch: u64,
    dice: Dice,
    tipos: Arc<Tipos>,
    seq: u64,
    /// Grows with every commit.
    version: u64,
    /// In the order in which they became visible.
    rows: Vec<Row>,
    by_seq: BTreeMap<u64, usize>,
    documents: BTreeMap<DocumentId, Stored>,
    cases: Cases,
    restricoes: BTreeMap<DocumentId, Restricao>,
    /// The position from which a person's devices get the changes of a case one by one; earlier
    /// ones come in a snapshot. A case that was revoked keeps its entry until it is granted again,
    /// at a later position.
    escopo: BTreeMap<(UserId, DocumentId), u64>,
    revoked: BTreeMap<(UserId, DocumentId), u64>,
    /// The position at which a person's permissions last came to show more cases than before: the
    /// person's devices start again with snapshots there.
    reset: BTreeMap<UserId, u64>,
    logged: BTreeMap<(DocumentId, Hash), u64>,
    held: BTreeMap<HeldId, Held>,
    on_branch: BTreeMap<(DocumentId, Hash), HeldId>,
    numeracao: u64,
    people: BTreeMap<UserId, Requester>,
    references: BTreeMap<(String, String), Reference>,
    emails: Vec<Email>,
    acoes: Vec<ActionWrite>,
    tickets: BTreeMap<Ticket, Begun>,
    next_ticket: u64,
    /// How often a request was planned again because what its plan depended on had changed.
    pub replans: u64,
}

impl MemoryLedger {
    /// An empty server.
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        MemoryLedger {
            sabotage,
            limits: Limits::DEFAULT,
            epoch: 1,
            dice: Dice::new(seed),
            tipos: Arc::default(),
            seq: 0,
            version: 0,
            rows: Vec::new(),
            by_seq: BTreeMap::new(),
            documents: BTreeMap::new(),
            cases: BTreeMap::new(),
            restricoes: BTreeMap::new(),
            escopo: BTreeMap::new(),
            revoked: BTreeMap::new(),
            reset: BTreeMap::new(),
            logged: BTreeMap::new(),
            held: BTreeMap::new(),
            on_branch: BTreeMap::new(),
            numeracao: 0,
            people: BTreeMap::new(),
            references: BTreeMap::new(),
            emails: Vec::new(),
            acoes: Vec::new(),
            tickets: BTreeMap::new(),
            next_ticket: 0,
            replans: 0,
        }
    }

    fn is(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    fn person(&self, usuario: UserId) -> anyhow::Result<&Requester> {
        self.people.get(&usuario).ok_or_else(|| anyhow::anyhow!("{usuario} is not known"))
    }

    /// Whether the person sees a document of this kind in this case.
    fn sees(&self, pessoa: &Pessoa, kind: Kind, raiz: DocumentId) -> bool {
        self.sees_under(pessoa, kind, raiz, self.restricoes.get(&raiz))
    }

    fn sees_under(
        &self,
        pessoa: &Pessoa,
        kind: Kind,
        raiz: DocumentId,
        restricao: Option<&Restricao>,
    ) -> bool {
        let case = self.cases.get(&raiz);
        let envolvidos = case.into_iter().flat_map(|case| case.values().flatten().copied());
        let envolvidos = envolvidos.collect();
        policy::visivel(pessoa, kind, &Caso { envolvidos: &envolvidos, restricao })
    }

    fn planner(&mut self, world: campo_sync::exchange::World) -> Planner {
        let (mut dice, at) = (self.dice.fork(), world.now);
        let mut planner = Planner::new(world, move || dice.uuid(at).into());
        if self.is(Sabotage::SkipDependencies) {
            planner.sabotage_dependencies();
        }
        planner
    }

    fn plan_request(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        request: &SyncRequest,
    ) -> anyhow::Result<Planned> {
        let pushes: Vec<&Push> = request.push.iter().collect();
        let (world, print) = self.load(at, &pushes);
        let mut planner = self.planner(world);
        let requester = Requester { device: request.device, ..self.person(usuario)?.clone() };
        let verdicts = pushes.iter().map(|push| planner.push(&requester, push)).collect();
        if self.is(Sabotage::BelieveDeclaredPhotos) {
            self.believe(&mut planner, &pushes);
        }
        let plan = planner.finish();
        Ok(Planned { plan, verdicts, version: self.version, print, base: None })
    }

    /// The sabotage: marks photos as verified that the records had before, though no bytes arrived.
    fn believe(&self, planner: &mut Planner, pushes: &[&Push]) {
        for push in pushes {
            let known = self.documents.get(&push.document);
            let anexos = known.into_iter().flat_map(|s| s.loaded.merged.registro.anexos.keys());
            for anexo in anexos {
                planner.file_state(push.document, *anexo, SituacaoArquivo::Verificada, None);
            }
        }
    }

    /// Whether nothing that the plan depends on has changed since it was made.
    fn still_holds(&mut self, at: DateTime<Utc>, begun: &Begun) -> bool {
        if begun.planned.version == self.version {
            return true;
        }
        let pushes: Vec<&Push> = begun.request.push.iter().collect();
        let (_, print) = self.load(at, &pushes);
        if self.is(Sabotage::CompareOnlyHeads) {
            return print.heads() == begun.planned.print.heads();
        }
        print == begun.planned.print
    }
}

impl Ledger for MemoryLedger {
    fn found(
        &mut self,
        _at: DateTime<Utc>,
        people: &[Pessoa],
        presets: &[&str],
        newer: &[Tipo],
    ) -> anyhow::Result<()> {
        self.load_presets(presets, newer)?;
        people.iter().try_for_each(|pessoa| self.employ(pessoa))
    }

    fn begin(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        request: SyncRequest,
    ) -> anyhow::Result<Ticket> {
        let mut planned = self.plan_request(at, usuario, &request)?;
        if self.is(Sabotage::SequenceBeforeWork) {
            planned.base = Some(self.seq);
            self.seq += planned.plan.log.len() as u64;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, Begun { usuario, request, planned });
        Ok(ticket)
    }

    fn finish(&mut self, at: DateTime<Utc>, ticket: Ticket) -> anyhow::Result<SyncResponse> {
        let begun = self.tickets.remove(&ticket);
        let mut begun = begun.ok_or_else(|| anyhow::anyhow!("{ticket:?} was not begun"))?;
        if !self.still_holds(at, &begun) {
            self.replans += 1;
            begun.planned = self.plan_request(at, begun.usuario, &begun.request)?;
        }
        let Begun { usuario, request, mut planned } = begun;
        let base = self.commit(at, planned.plan, planned.base);
        campo_sync::exchange::settle_positions(&mut planned.verdicts, base);
        let page = self.pull(at, usuario, &request, &planned.verdicts)?;
        Ok(SyncResponse {
            protocol: PROTOCOL,
            verdicts: planned.verdicts,
            entries: page.entries,
            cursor: page.cursor,
            more: page.more,
            epoch: self.epoch,
            limits: self.limits,
            server_time: at.timestamp_millis(),
            user: usuario,
        })
    }

    fn office(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        document: DocumentId,
        commands: &[Command],
    ) -> anyhow::Result<Result<(), Refusal>> {
        let requester = Requester { device: DeviceId::ESCRITORIO, ..self.person(usuario)?.clone() };
        let (world, _) = self.load_for(at, document, commands);
        let mut planner = self.planner(world);
        let commands: Vec<_> = commands.iter().map(|c| (document, c.clone())).collect();
        let done = planner.office_all(&requester, &commands, None);
        // Committed even if it was refused: the checks then find anything that a refusal left.
        self.commit(at, planner.finish(), None);
        Ok(done)
    }

    fn decide(
        &mut self,
        at: DateTime<Utc>,
        _usuario: UserId,
        held: HeldId,
        approve: bool,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let Some(branch) = self.held.get(&held).cloned() else {
            return Ok(Err(Refusal::new(Codigo::NaoEncontrado)));
        };
        let pushes: Vec<Push> = branch.changes.iter().map(|(_, push)| push.clone()).collect();
        let (world, _) = self.load(at, &pushes.iter().collect::<Vec<_>>());
        let mut planner = self.planner(world);
        if approve {
            // Requests in the branch are judged as if its author had made them in the office.
            let person = self.person(branch.author)?.clone();
            let author = Requester { device: DeviceId::ESCRITORIO, ..person };
            if let Err(refusal) = planner.approve(held, &author, &pushes) {
                return Ok(Err(refusal));
            }
        } else {
            planner.decided(held, branch.author);
        }
        self.commit(at, planner.finish(), None);
        if let Some(branch) = self.held.get_mut(&held) {
            branch.decided = Some(approve);
        }
        Ok(Ok(()))
    }

    fn publish(
        &mut self,
        _at: DateTime<Utc>,
        collection: &str,
        key: &str,
        offered: bool,
        data: &Value,
    ) -> anyhow::Result<()> {
        if collection == "tipo" {
            Arc::make_mut(&mut self.tipos).incluir(Tipo::deserialize(data)?);
        }
        self.refer(None, collection, key, offered, data.to_string());
        Ok(())
    }

    fn change(&mut self, _at: DateTime<Utc>, pessoa: &Pessoa) -> anyhow::Result<()> {
        self.change_person(pessoa)
    }

    fn waited(&mut self, at: DateTime<Utc>) -> anyhow::Result<Vec<Wait>> {
        let over = |stored: &Stored| stored.waits_until().is_some_and(|until| until <= at);
        let over = self.documents.iter().filter(|(_, stored)| over(stored));
        let wait = |(id, stored): (&DocumentId, &Stored)| Wait {
            document: *id,
            heads: document::heads(&stored.loaded.merged.document),
        };
        Ok(over.map(wait).collect())
    }

    fn end_wait(&mut self, at: DateTime<Utc>, wait: &Wait) -> anyhow::Result<bool> {
        let (world, _) = self.load_for(at, wait.document, &[]);
        let pedido = self.dice.uuid(at).into();
        let mut planner = self.planner(world);
        let ended = planner.inactive(wait.document, &wait.heads, pedido);
        self.commit(at, planner.finish(), None);
        Ok(ended)
    }

    fn arquivo(&mut self, at: DateTime<Utc>, told: Told) -> anyhow::Result<bool> {
        let (world, _) = self.load_for(at, told.document, &[]);
        let mut planner = self.planner(world);
        let known = planner.file_state(told.document, told.anexo, told.situacao, told.motivo);
        self.commit(at, planner.finish(), None);
        Ok(known)
    }

    fn emails(&mut self) -> anyhow::Result<Vec<Email>> {
        Ok(self.emails.clone())
    }

    fn acoes(&mut self) -> anyhow::Result<Vec<ActionWrite>> {
        Ok(self.acoes.clone())
    }

    fn rows(&mut self, known: usize) -> anyhow::Result<Vec<Row>> {
        Ok(self.rows[known..].to_vec())
    }

    fn held(&mut self) -> anyhow::Result<Vec<HeldBranch>> {
        let branch = |(id, held): (&HeldId, &Held)| HeldBranch {
            id: *id,
            document: held.document,
            author: held.author,
            decided: held.decided,
            changes: held.changes.iter().map(|(h, p)| (*h, p.change.clone())).collect(),
        };
        Ok(self.held.iter().map(branch).collect())
    }

    fn documents(&mut self) -> anyhow::Result<Vec<(DocumentId, Vec<u8>)>> {
        let saved = |(id, stored): (&DocumentId, &Stored)| {
            (*id, document::save(&stored.loaded.merged.document))
        };
        Ok(self.documents.iter().map(saved).collect())
    }
}

impl MemoryLedger {
    /// Appends a row at the next position.
    fn append(&mut self, what: What) -> u64 {
        self.seq += 1;
        self.show(self.seq, what);
        self.seq
    }

    /// Makes a row visible at a position.
    fn show(&mut self, seq: u64, what: What) {
        self.by_seq.insert(seq, self.rows.len());
        self.rows.push(Row { seq, what });
        self.version += 1;
    }
}
