//! The smallest server and the smallest phone: the planner and the client with nothing around them.

#![allow(clippy::unwrap_used, clippy::expect_used)]
// Each test file uses its part.
#![allow(dead_code)]

use automerge::{ActorId, Automerge, ROOT, ReadDoc, transaction::CommitOptions};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, NotaId, PedidoId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    preset,
    refusal::Refusal,
    registro::{Registro, Visibilidade},
    tipo::Tipos,
    valor::Valor,
};
use campo_sync::{
    admission::Requester,
    client::{self, Context, Event, Fate, LocalDocument, Stamp},
    document::{self, Actor},
    exchange::{ActionWrite, EmailWrite, Loaded, Needs, Planner, World},
    wire::{Limits, Outcome, Push, Verdict},
};
use chrono::DateTime;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

pub const DEVICE: DeviceId = DeviceId::from_u128(0xd1);
pub const OTHER_DEVICE: DeviceId = DeviceId::from_u128(0xd2);

pub fn tipos() -> Arc<Tipos> {
    let presets = preset::ids().map(|id| preset::carregar(id).unwrap());
    Arc::new(presets.flat_map(|preset| preset.tipos).collect())
}

pub fn pessoa(n: u128, permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    Pessoa {
        id: Uuid::from_u128(n).into(),
        nome: format!("Pessoa {n}"),
        permissoes,
        ..Pessoa::servidor()
    }
}

pub fn tecnica() -> Pessoa {
    pessoa(1, &[Permissao::Ver])
}

pub fn office() -> Pessoa {
    pessoa(2, &Permissao::TODAS)
}

/// The smallest server: what it holds is what its planner left.
pub struct Server {
    pub world: World,
    pub seq: u64,
    pub held: Vec<(HeldId, Push)>,
    pub emails: Vec<EmailWrite>,
    pub actions: Vec<ActionWrite>,
    /// Who gained (true) or lost sight of a case, in order.
    pub sight: Vec<(UserId, bool)>,
}

impl Server {
    pub fn new() -> Self {
        let world = World {
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            year: 2027,
            epoch: 1,
            tipos: tipos(),
            limits: Limits::DEFAULT,
            documents: BTreeMap::new(),
            erased: Default::default(),
            cases: BTreeMap::new(),
            logged: BTreeMap::new(),
            branches: BTreeMap::new(),
            revoked: BTreeMap::new(),
            last_number: 0,
            restrictions: BTreeMap::new(),
            authors: BTreeMap::new(),
            assignees: BTreeMap::new(),
            people: BTreeMap::new(),
        };
        let (held, emails, actions, sight) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Server { world, seq: 0, held, emails, actions, sight }
    }

    pub fn plan<T>(&mut self, act: impl FnOnce(&mut Planner) -> T) -> T {
        let mut next = self.seq as u128 + 1_000;
        let mut planner = Planner::new(self.world.clone(), move || {
            next += 1;
            Uuid::from_u128(next).into()
        });
        let result = act(&mut planner);
        let plan = planner.finish();
        for (id, write) in plan.documents {
            let generation = write.generation;
            let loaded = Loaded { merged: write.merged, generation };
            self.world.documents.insert(id, loaded);
        }
        for write in plan.log {
            self.seq += 1;
            use campo_sync::exchange::LogWrite::{Change, Granted, Revoked};
            match write {
                Change(change) => {
                    self.world.logged.insert((change.document(), change.hash()), self.seq);
                }
                Revoked { user, case } => {
                    self.world.revoked.insert((user, case), self.seq);
                    self.sight.push((user, false));
                }
                Granted { user, .. } => self.sight.push((user, true)),
                _ => {}
            }
        }
        for ((raiz, document), users) in plan.involved {
            self.world.cases.entry(raiz).or_default().insert(document, users);
        }
        self.emails.extend(plan.emails);
        self.actions.extend(plan.actions);
        for (raiz, restricao) in plan.restrictions {
            match restricao {
                Some(restricao) => self.world.restrictions.insert(raiz, restricao),
                None => self.world.restrictions.remove(&raiz),
            };
        }
        if let Some((_, last)) = plan.last_number {
            self.world.last_number = last;
        }
        for write in plan.held {
            let branch = campo_sync::exchange::Branch {
                id: write.held,
                decided: false,
                reason: write.reason,
            };
            self.world.branches.insert((write.push.document, write.hash), branch);
            self.held.push((write.held, write.push));
        }
        result
    }

    pub fn push(&mut self, pessoa: &Pessoa, push: Push) -> Outcome {
        let requester = Requester { pessoa: pessoa.clone(), device: DEVICE, earlier: Vec::new() };
        let mut needs = Needs::default();
        needs.add(&push);
        self.hand(&needs);
        self.plan(|planner| planner.push(&requester, &push)).outcome
    }

    pub fn office(&mut self, id: DocumentId, command: Command) {
        self.office_as(&office(), id, command).unwrap();
    }

    pub fn office_as(
        &mut self,
        pessoa: &Pessoa,
        id: DocumentId,
        command: Command,
    ) -> Result<(), Refusal> {
        let device = DeviceId::ESCRITORIO;
        let requester = Requester { pessoa: pessoa.clone(), device, earlier: Vec::new() };
        let mut needs = Needs::default();
        needs.command(id, &command);
        self.hand(&needs);
        self.plan(|planner| planner.office(&requester, id, &command))
    }

    /// Whoever gets a record is one of `world.people`, or somebody who may see records.
    fn hand(&mut self, needs: &Needs) {
        for id in &needs.assignees {
            let somebody = || Pessoa { id: *id, ..pessoa(0, &[Permissao::Ver]) };
            let pessoa = self.world.people.get(id).cloned().unwrap_or_else(somebody);
            self.world.assignees.insert(*id, pessoa);
        }
    }

    pub fn registro(&self, id: DocumentId) -> &Registro {
        &self.world.documents[&id].merged.registro
    }

    pub fn document(&self, id: DocumentId) -> &Automerge {
        &self.world.documents[&id].merged.document
    }
}

pub fn id(n: u128) -> DocumentId {
    Uuid::from_u128(n).into()
}

pub fn criar(n: u128, alegada: &str) -> Command {
    let tipos = tipos();
    Command::Criar {
        id: id(n),
        kind: Kind::Assistencia,
        tipo: tipos.atual("p001.assistencia").unwrap().referencia(),
        campos: [
            ("cliente".to_owned(), Valor::Id(Uuid::from_u128(500))),
            ("situacao_alegada".to_owned(), Valor::Texto(alegada.into())),
        ]
        .into(),
        itens: Vec::new(),
    }
}

pub fn ocorrencia(n: u128, tipo: &str, campos: &[(&str, Valor)]) -> Command {
    let campos = campos.iter().map(|(nome, valor)| ((*nome).to_owned(), valor.clone()));
    Command::Criar {
        id: id(n),
        kind: Kind::Ocorrencia,
        tipo: tipos().atual(tipo).unwrap().referencia(),
        campos: campos.collect(),
        itens: Vec::new(),
    }
}

pub fn stamp(n: u128) -> Stamp {
    let at = DateTime::from_timestamp(1_700_000_000 + n as i64, 0).unwrap();
    Stamp { id: CommandId::from(Uuid::from_u128(n)), at, seen: u64::MAX - 1, nonce: n as u64 }
}

pub struct Phone {
    pub pessoa: Pessoa,
    pub tipos: Arc<Tipos>,
    pub document: Option<LocalDocument>,
    pub n: u128,
}

impl Phone {
    pub fn new(pessoa: Pessoa) -> Self {
        Phone { pessoa, tipos: tipos(), document: None, n: 0 }
    }

    pub fn run(&mut self, command: Command) {
        self.n += 1;
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        let ran = client::run(self.document.clone(), &ctx, command, stamp(self.n)).unwrap();
        self.document = Some(ran.document);
    }

    pub fn queue(&self) -> Vec<Push> {
        let document = self.document.as_ref().unwrap();
        let push = |queued: &client::Queued| Push {
            document: document.id,
            generation: 1,
            change: queued.change.clone(),
            seen: queued.seen,
        };
        document.queue.iter().map(push).collect()
    }

    pub fn absorb(&mut self, events: Vec<Event>) -> Vec<(CommandId, Fate)> {
        self.n += 1;
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        let id = self.document.as_ref().unwrap().id;
        let nonce = self.n as u64;
        let absorbed = client::absorb(self.document.take(), id, events, &ctx, nonce).unwrap();
        self.document = absorbed.document;
        absorbed.settled.into_iter().map(|settled| (settled.queued.id, settled.fate)).collect()
    }

    /// Offers the queue, learns the verdicts and the whole document.
    pub fn sync(&mut self, server: &mut Server) -> Vec<(CommandId, Fate)> {
        let id = self.document.as_ref().unwrap().id;
        let requester =
            Requester { pessoa: self.pessoa.clone(), device: DEVICE, earlier: Vec::new() };
        let pushes = self.queue();
        let mut needs = Needs::default();
        pushes.iter().for_each(|push| needs.add(push));
        server.hand(&needs);
        let verdicts: Vec<Verdict> = server
            .plan(|planner| pushes.iter().map(|push| planner.push(&requester, push)).collect());
        let mut events: Vec<Event> = verdicts
            .into_iter()
            .map(|verdict| Event::Verdict { hash: verdict.hash, outcome: verdict.outcome })
            .collect();
        if server.world.documents.contains_key(&id) {
            let bytes = document::save(server.document(id));
            events.push(Event::Snapshot { generation: 1, bytes });
        }
        self.absorb(events)
    }

    pub fn registro(&self) -> Registro {
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        client::view(self.document.as_ref().unwrap(), &ctx).unwrap().registro
    }

    pub fn text(&self, campo: &str) -> String {
        self.registro().valor(campo).texto().unwrap_or_default().to_owned()
    }
}

pub fn editar(campo: &str, texto: &str) -> Command {
    Command::Editar { campo: campo.into(), valor: Valor::Texto(texto.into()), visto: None }
}

pub fn transicionar(n: u128, verbo: &str, motivo: Option<&str>) -> Command {
    let pedido = PedidoId::from(Uuid::from_u128(n));
    let motivo = motivo.map(str::to_owned);
    Command::Transicionar { pedido, verbo: verbo.into(), motivo, email: false }
}

/// A server with one assistência of the técnica, and her phone that has it.
pub fn begun() -> (Server, Phone) {
    let (mut server, mut phone) = (Server::new(), Phone::new(tecnica()));
    phone.run(criar(1, "Porta solta"));
    let fates = phone.sync(&mut server);
    assert_eq!(fates.len(), 1);
    assert_eq!(fates[0].1, Fate::Accepted);
    (server, phone)
}

/// A change written by hand on the server's document, as the técnica's device.
pub fn forged(server: &Server, write: impl FnOnce(&mut Automerge)) -> Push {
    let actor = Actor { user: tecnica().id, device: DEVICE, nonce: 99 };
    forged_by(server, actor.actor_id(), write)
}

pub fn forged_by(server: &Server, actor: ActorId, write: impl FnOnce(&mut Automerge)) -> Push {
    let mut document = server.document(id(1)).clone();
    document.set_actor(actor);
    let before = document.get_heads();
    write(&mut document);
    let change = document.get_changes(&before).pop().unwrap();
    let change = change.raw_bytes().to_vec();
    Push { document: id(1), generation: 1, change, seen: u64::MAX - 1 }
}

pub fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { reason } => &reason.code,
        Outcome::Held { reason, .. } => &reason.code,
        _ => "",
    }
}

pub fn refused(outcome: Outcome, expected: &str) {
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert_eq!(code(&outcome), expected, "{outcome:?}");
}

pub fn commit(
    document: &mut Automerge,
    write: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
) {
    let mut tx = document.transaction();
    write(&mut tx);
    tx.commit_with(CommitOptions::default().with_time(0));
}

pub fn container(document: &Automerge, name: &str) -> automerge::ObjId {
    document.get(ROOT, name).unwrap().unwrap().1
}

pub fn anotar(id: NotaId, texto: &str) -> Command {
    let visibilidade = Visibilidade::Interna;
    Command::Anotar { id, texto: texto.into(), visibilidade, resposta_a: None }
}

/// What a dishonest app would send: the command, though the rules do not allow it.
pub fn forged_command(server: &Server, command: &Command) -> Push {
    let tipo = server.world.documents[&id(1)].merged.tipo.clone();
    let registro = server.registro(id(1));
    let actor = Actor { user: tecnica().id, device: DEVICE, nonce: 99 };
    forged(server, |document| {
        campo_sync::edit::apply(document, actor, command, &tipo, Some(registro), server.world.now)
            .unwrap();
    })
}
