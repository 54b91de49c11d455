//! The smallest server there is: one record in memory, and the planner. No log to pull from, no
//! HTTP, no clock: what the rules and the gate do, thousands of times a minute.

use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, ItemId, PedidoId, UserId},
    pessoa::{Permissao, Pessoa},
    refusal::Refusal,
    registro::{Registro, SituacaoArquivo},
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    admission::{Merged, Requester},
    document,
    exchange::{self, Loaded, LogWrite, Needs, Plan, Planner, World},
    wire::{Limits, Push, Verdict},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeMap, sync::Arc};

/// The record.
pub const RECORD: DocumentId = DocumentId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
/// The technician's phone.
pub const PHONE: DeviceId = DeviceId::from_u128(0xd1);
/// The client that has a login.
pub const CLIENT: DocumentId = DocumentId::from_u128(0xc1);

/// A person with these permissions.
pub fn person(n: u128, permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    Pessoa { id: UserId::from_u128(n), permissoes, ..Pessoa::servidor() }
}

/// Somebody who may do everything that one of the company's people may.
pub fn somebody(n: u128) -> Pessoa {
    let all = Permissao::TODAS.into_iter().filter(|p| *p != Permissao::Portal);
    person(n, &all.collect::<Vec<_>>())
}

/// Into whose hands a record comes: here everybody may open it.
fn named(id: UserId) -> Pessoa {
    Pessoa { id, ..somebody(0) }
}

/// A client's login.
pub fn client(n: u128) -> Pessoa {
    Pessoa { cliente: Some(CLIENT), ..person(n, &[Permissao::Portal]) }
}

/// A server with one record, or none yet.
#[derive(Clone)]
pub struct Server {
    tipos: Arc<Tipos>,
    merged: Option<Merged>,
    cases: BTreeMap<DocumentId, BTreeMap<DocumentId, std::collections::BTreeSet<UserId>>>,
    /// Everybody who ever did something.
    people: BTreeMap<UserId, Pessoa>,
    /// Every change that was merged, in order.
    pub log: Vec<Vec<u8>>,
    now: DateTime<Utc>,
}

impl Server {
    /// One that knows these tipos.
    pub fn new(tipos: impl IntoIterator<Item = Tipo>) -> Self {
        Server {
            tipos: Arc::new(tipos.into_iter().collect()),
            merged: None,
            cases: BTreeMap::new(),
            people: BTreeMap::new(),
            log: Vec::new(),
            now: DateTime::from_timestamp(1_772_452_800, 0).unwrap(),
        }
    }

    /// The same with a tipo that was always so.
    pub fn with(&self, tipo: Tipo) -> Self {
        let mut server = self.clone();
        if let Some(merged) = &mut server.merged {
            merged.tipo = Arc::new(tipo.clone());
        }
        server.tipos = Arc::new([tipo].into_iter().collect());
        server
    }

    /// What it knows.
    pub fn tipos(&self) -> &Tipos {
        &self.tipos
    }

    /// The record, once there is one.
    pub fn merged(&self) -> Option<&Merged> {
        self.merged.as_ref()
    }

    /// How the record reads.
    pub fn registro(&self) -> &Registro {
        &self.merged.as_ref().unwrap().registro
    }

    /// Its tipo.
    pub fn tipo(&self) -> &Tipo {
        &self.merged.as_ref().unwrap().tipo
    }

    /// The time; it passes with each commit.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    fn planner(&self, needs: &Needs) -> Planner {
        let documents = self
            .merged
            .iter()
            .map(|merged| (merged.registro.id, Loaded { merged: merged.clone(), generation: 1 }));
        let documents: BTreeMap<DocumentId, Loaded> = documents.collect();
        let authors = exchange::waiting(documents.values()).into_iter();
        let authors = authors.map(|id| (id, self.people[&id].clone())).collect();
        let world = World {
            now: self.now,
            year: 2026,
            epoch: 1,
            tipos: self.tipos.clone(),
            limits: Limits::DEFAULT,
            documents,
            erased: Default::default(),
            cases: self.cases.clone(),
            logged: BTreeMap::new(),
            branches: BTreeMap::new(),
            revoked: BTreeMap::new(),
            last_number: 0,
            restrictions: BTreeMap::new(),
            authors,
            assignees: needs.assignees.iter().map(|id| (*id, named(*id))).collect(),
            people: BTreeMap::new(),
        };
        Planner::new(world, || uuid::Uuid::from_u128(0xbe1d).into())
    }

    /// Writes what a plan says. Returns the changes that were held.
    fn take(&mut self, plan: Plan) -> Vec<Push> {
        self.now += TimeDelta::minutes(1);
        for write in &plan.log {
            if let LogWrite::Change(change) = write {
                self.log.push(change.bytes().to_vec());
            }
        }
        for ((raiz, document), people) in plan.involved {
            self.cases.entry(raiz).or_default().insert(document, people);
        }
        if let Some((_, write)) = plan.documents.into_iter().next_back() {
            self.merged = Some(write.merged);
        }
        plan.held.into_iter().map(|held| held.push).collect()
    }

    /// Somebody in the office, or a client in the portal, does something.
    pub fn office(&mut self, pessoa: &Pessoa, command: &Command) -> Result<(), Refusal> {
        let id = match command {
            Command::Criar { id, .. } => *id,
            _ => self.registro().id,
        };
        let mut needs = Needs::default();
        needs.command(id, command);
        let mut planner = self.planner(&needs);
        self.people.insert(pessoa.id, pessoa.clone());
        let requester = requester(pessoa, DeviceId::ESCRITORIO);
        planner.office(&requester, id, command)?;
        self.take(planner.finish());
        Ok(())
    }

    /// A device offers changes. Says what became of each, and what is held.
    pub fn push(
        &mut self,
        pessoa: &Pessoa,
        device: DeviceId,
        pushes: &[Push],
    ) -> (Vec<Verdict>, Vec<Push>) {
        let mut needs = Needs::default();
        pushes.iter().for_each(|push| needs.add(push));
        let mut planner = self.planner(&needs);
        self.people.insert(pessoa.id, pessoa.clone());
        let requester = requester(pessoa, device);
        let verdicts = pushes.iter().map(|push| planner.push(&requester, push)).collect();
        let held = self.take(planner.finish());
        (verdicts, held)
    }

    /// The same, with a file that is verified in the same commit.
    pub fn push_and_verify(&mut self, pessoa: &Pessoa, push: &Push, anexo: ItemId) {
        let mut needs = Needs::default();
        needs.add(push);
        let mut planner = self.planner(&needs);
        self.people.insert(pessoa.id, pessoa.clone());
        planner.push(&requester(pessoa, PHONE), push);
        planner.file_state(push.document, anexo, SituacaoArquivo::Verificada, None);
        self.take(planner.finish());
    }

    /// The server ends a wait that it found when the record had these heads.
    pub fn end_wait(&mut self, found: &[automerge::ChangeHash], pedido: PedidoId) -> bool {
        let mut planner = self.planner(&Needs::default());
        let ended = planner.inactive(self.registro().id, found, pedido);
        self.take(planner.finish());
        ended
    }

    /// The store says how far the bytes of a file have come. Says whether the record has it.
    pub fn arquivo(&mut self, anexo: ItemId, situacao: SituacaoArquivo) -> bool {
        let mut planner = self.planner(&Needs::default());
        let known = planner.file_state(self.registro().id, anexo, situacao, None);
        self.take(planner.finish());
        known
    }

    /// The heads of the record.
    pub fn heads(&self) -> Vec<automerge::ChangeHash> {
        self.merged.as_ref().map(|merged| document::heads(&merged.document)).unwrap_or_default()
    }
}

fn requester(pessoa: &Pessoa, device: DeviceId) -> Requester {
    Requester { pessoa: pessoa.clone(), device, earlier: Vec::new() }
}
