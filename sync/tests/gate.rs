//! The gate against a device that does not play by the rules, and the device against every verdict.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use automerge::{
    ActorId, Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable},
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, HeldId, NotaId, PedidoId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    preset,
    tipo::Tipos,
    valor::Valor,
};
use campo_sync::{
    admission::Requester,
    client::{self, Context, Event, Fate, LocalDocument, Stamp},
    document::{self, Actor},
    exchange::{Loaded, Planner, World},
    wire::{Hash, Limits, Outcome, Push, Verdict},
};
use chrono::DateTime;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

const DEVICE: DeviceId = DeviceId::from_u128(0xd1);
const OTHER_DEVICE: DeviceId = DeviceId::from_u128(0xd2);

fn tipos() -> Arc<Tipos> {
    let presets = ["P000", "P001"].map(|id| preset::carregar(id).unwrap());
    Arc::new(presets.into_iter().flat_map(|preset| preset.tipos).collect())
}

fn pessoa(n: u128, permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    Pessoa { id: Uuid::from_u128(n).into(), nome: format!("Pessoa {n}"), permissoes, ativo: true }
}

fn tecnica() -> Pessoa {
    pessoa(1, &[Permissao::Ver])
}

fn office() -> Pessoa {
    pessoa(2, &Permissao::TODAS)
}

/// The smallest server: what it holds is what its planner left.
struct Server {
    world: World,
    seq: u64,
    held: Vec<(HeldId, Push)>,
}

impl Server {
    fn new() -> Self {
        let world = World {
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            ano: 2027,
            epoch: 1,
            tipos: tipos(),
            limits: Limits::DEFAULT,
            documents: BTreeMap::new(),
            erased: Default::default(),
            cases: BTreeMap::new(),
            logged: BTreeMap::new(),
            branches: BTreeMap::new(),
            revoked: BTreeMap::new(),
            numeracao: 0,
        };
        Server { world, seq: 0, held: Vec::new() }
    }

    fn plan<T>(&mut self, act: impl FnOnce(&mut Planner) -> T) -> T {
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
            use campo_sync::exchange::LogWrite::{Change, Revoked};
            match write {
                Change(change) => {
                    self.world.logged.insert((change.document(), change.hash()), self.seq);
                }
                Revoked { usuario, raiz } => {
                    self.world.revoked.insert((usuario, raiz), self.seq);
                }
                _ => {}
            }
        }
        for ((raiz, document), users) in plan.envolvidos {
            self.world.cases.entry(raiz).or_default().insert(document, users);
        }
        if let Some((_, last)) = plan.numeracao {
            self.world.numeracao = last;
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

    fn push(&mut self, pessoa: &Pessoa, push: Push) -> Outcome {
        let requester =
            Requester { pessoa: pessoa.clone(), device: DEVICE, anteriores: Vec::new() };
        self.plan(|planner| planner.push(&requester, &push)).outcome
    }

    fn office(&mut self, id: DocumentId, command: Command) {
        let device = DeviceId::ESCRITORIO;
        let requester = Requester { pessoa: office(), device, anteriores: Vec::new() };
        self.plan(|planner| planner.office(&requester, id, &command)).unwrap();
    }

    fn document(&self, id: DocumentId) -> &Automerge {
        &self.world.documents[&id].merged.document
    }
}

fn id(n: u128) -> DocumentId {
    Uuid::from_u128(n).into()
}

fn criar(n: u128, alegada: &str) -> Command {
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

fn stamp(n: u128) -> Stamp {
    let at = DateTime::from_timestamp(1_700_000_000 + n as i64, 0).unwrap();
    Stamp { id: CommandId::from(Uuid::from_u128(n)), at, seen: u64::MAX - 1, nonce: n as u64 }
}

struct Phone {
    pessoa: Pessoa,
    tipos: Arc<Tipos>,
    document: Option<LocalDocument>,
    n: u128,
}

impl Phone {
    fn new(pessoa: Pessoa) -> Self {
        Phone { pessoa, tipos: tipos(), document: None, n: 0 }
    }

    fn run(&mut self, command: Command) {
        self.n += 1;
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        let ran = client::run(self.document.clone(), &ctx, command, stamp(self.n)).unwrap();
        self.document = Some(ran.document);
    }

    fn queue(&self) -> Vec<Push> {
        let document = self.document.as_ref().unwrap();
        let push = |queued: &client::Queued| Push {
            document: document.id,
            generation: 1,
            change: queued.change.clone(),
            seen: queued.seen,
        };
        document.queue.iter().map(push).collect()
    }

    fn absorb(&mut self, events: Vec<Event>) -> Vec<(CommandId, Fate)> {
        self.n += 1;
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        let id = self.document.as_ref().unwrap().id;
        let nonce = self.n as u64;
        let absorbed = client::absorb(self.document.take(), id, events, &ctx, nonce).unwrap();
        self.document = absorbed.document;
        absorbed.settled.into_iter().map(|settled| (settled.queued.id, settled.fate)).collect()
    }

    /// Offers the queue, learns the verdicts and the whole document.
    fn sync(&mut self, server: &mut Server) -> Vec<(CommandId, Fate)> {
        let id = self.document.as_ref().unwrap().id;
        let requester =
            Requester { pessoa: self.pessoa.clone(), device: DEVICE, anteriores: Vec::new() };
        let pushes = self.queue();
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

    fn text(&self, campo: &str) -> String {
        let ctx = Context { pessoa: &self.pessoa, device: DEVICE, tipos: &self.tipos };
        let view = client::view(self.document.as_ref().unwrap(), &ctx).unwrap();
        view.registro.valor(campo).texto().unwrap_or_default().to_owned()
    }
}

fn editar(campo: &str, texto: &str) -> Command {
    Command::Editar { campo: campo.into(), valor: Valor::Texto(texto.into()) }
}

fn transicionar(n: u128, verbo: &str, motivo: Option<&str>) -> Command {
    let pedido = PedidoId::from(Uuid::from_u128(n));
    Command::Transicionar { pedido, verbo: verbo.into(), motivo: motivo.map(str::to_owned) }
}

/// A server with one assistência of the técnica, and her phone that has it.
fn begun() -> (Server, Phone) {
    let (mut server, mut phone) = (Server::new(), Phone::new(tecnica()));
    phone.run(criar(1, "Porta solta"));
    let fates = phone.sync(&mut server);
    assert_eq!(fates.len(), 1);
    assert_eq!(fates[0].1, Fate::Accepted);
    (server, phone)
}

/// A change written by hand on the server's document, as the técnica's device.
fn forged(server: &Server, write: impl FnOnce(&mut Automerge)) -> Push {
    let actor = Actor { user: tecnica().id, device: DEVICE, nonce: 99 };
    forged_by(server, actor.actor_id(), write)
}

fn forged_by(server: &Server, actor: ActorId, write: impl FnOnce(&mut Automerge)) -> Push {
    let mut document = server.document(id(1)).clone();
    document.set_actor(actor);
    let before = document.get_heads();
    write(&mut document);
    let change = document.get_changes(&before).pop().unwrap();
    let change = change.raw_bytes().to_vec();
    Push { document: id(1), generation: 1, change, seen: u64::MAX - 1 }
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { reason } => &reason.code,
        Outcome::Held { reason, .. } => &reason.code,
        _ => "",
    }
}

fn refused(outcome: Outcome, expected: &str) {
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert_eq!(code(&outcome), expected, "{outcome:?}");
}

fn commit(
    document: &mut Automerge,
    write: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
) {
    let mut tx = document.transaction();
    write(&mut tx);
    tx.commit_with(CommitOptions::default().with_time(0));
}

fn container(document: &Automerge, name: &str) -> automerge::ObjId {
    document.get(ROOT, name).unwrap().unwrap().1
}

#[test]
fn the_servers_part_of_a_document_is_closed_to_everyone_else() {
    let (mut server, _) = begun();
    let push = forged(&server, |document| {
        let servidor = container(document, "servidor");
        commit(document, |tx| tx.put(&servidor, "situacao", "resolvida").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
    let push = forged(&server, |document| {
        commit(document, |tx| tx.put(ROOT, "kind", "cliente").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
}

#[test]
fn a_put_that_the_same_change_deletes_again_is_seen() {
    let (mut server, _) = begun();
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| {
            tx.put(&campos, "contrato", "C-1").unwrap();
            tx.delete(&campos, "contrato").unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn a_change_in_anothers_name_or_from_another_device_is_refused() {
    let (mut server, _) = begun();
    let write = |document: &mut Automerge| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    };
    let strangers = [
        Actor { user: office().id, device: DEVICE, nonce: 1 }.actor_id(),
        Actor { user: tecnica().id, device: OTHER_DEVICE, nonce: 1 }.actor_id(),
        Actor { user: UserId::SERVIDOR, device: DeviceId::ESCRITORIO, nonce: 1 }.actor_id(),
        ActorId::from(vec![1, 2, 3]),
        ActorId::random(),
    ];
    for actor in strangers {
        let push = forged_by(&server, actor, write);
        refused(server.push(&tecnica(), push), "autor_alheio");
    }
}

#[test]
fn a_field_takes_only_values_of_its_type_and_within_its_bounds() {
    let (mut server, _) = begun();
    let values = [
        ("contrato", ScalarValue::Int(7)),
        ("contrato", ScalarValue::Str("x".repeat(61).into())),
        ("contrato", ScalarValue::Str("nulo\0".into())),
        ("prioridade", ScalarValue::Str("maxima".into())),
        ("prazo", ScalarValue::Str("2026-1-2".into())),
        ("prazo", ScalarValue::Timestamp(0)),
        ("responsavel", ScalarValue::Bytes(vec![1, 2])),
        ("contrato", ScalarValue::F64(f64::NAN)),
        ("contrato", ScalarValue::Counter(1.into())),
    ];
    for (campo, value) in values {
        let push = forged(&server, |document| {
            let campos = container(document, "campos");
            commit(document, |tx| tx.put(&campos, campo, value.clone()).unwrap());
        });
        let outcome = server.push(&tecnica(), push);
        assert!(matches!(
            code(&outcome),
            "valor_invalido" | "texto_longo_demais" | "sem_permissao"
        ));
    }
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "desconhecido", 1).unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_desconhecido");
}

#[test]
fn a_long_text_cannot_be_replaced_or_grow_beyond_its_bound_or_carry_marks() {
    let (mut server, _) = begun();
    let text = |document: &Automerge| {
        let campos = container(document, "campos");
        (campos.clone(), document.get(&campos, "situacao_alegada").unwrap().unwrap().1)
    };
    let push = forged(&server, |document| {
        let (campos, _) = text(document);
        commit(document, |tx| tx.put(&campos, "situacao_alegada", "curto").unwrap());
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
    let push = forged(&server, |document| {
        let (campos, _) = text(document);
        commit(document, |tx| {
            tx.put_object(&campos, "situacao_alegada", ObjType::Text).unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
    let push = forged(&server, |document| {
        let (_, text) = text(document);
        commit(document, |tx| tx.splice_text(&text, 0, 0, &"a".repeat(10_001)).unwrap());
    });
    refused(server.push(&tecnica(), push), "texto_longo_demais");
    let push = forged(&server, |document| {
        let (_, text) = text(document);
        commit(document, |tx| {
            use automerge::marks::{ExpandMark, Mark};
            let mark = Mark::new("negrito".into(), true, 0, 2);
            tx.mark(&text, mark, ExpandMark::Both).unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn a_note_or_a_request_once_written_stays_as_it_is() {
    let (mut server, mut phone) = begun();
    let nota = NotaId::from(Uuid::from_u128(40));
    phone.run(Command::Anotar { id: nota, texto: "Cliente ausente".into() });
    phone.sync(&mut server);
    let key = nota.uuid().simple().to_string();
    let push = forged(&server, |document| {
        let notas = container(document, "notas");
        let nota = document.get(&notas, key.as_str()).unwrap().unwrap().1;
        commit(document, |tx| tx.put(&nota, "texto", "Cliente presente").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
    let push = forged(&server, |document| {
        let notas = container(document, "notas");
        commit(document, |tx| {
            let nota = tx.put_object(&notas, key.as_str(), ObjType::Map).unwrap();
            tx.put(&nota, "texto", "outra").unwrap();
            tx.put(&nota, "em", ScalarValue::Timestamp(0)).unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "id_em_uso");
}

#[test]
fn a_genesis_must_be_complete_and_of_the_document_that_it_is_pushed_for() {
    let mut server = Server::new();
    let mut phone = Phone::new(tecnica());
    phone.run(criar(1, "Porta solta"));
    let mut push = phone.queue().remove(0);
    push.document = id(2);
    refused(server.push(&tecnica(), push.clone()), "operacao_nao_permitida");
    push.document = id(1);
    assert!(matches!(server.push(&tecnica(), push.clone()), Outcome::Accepted { .. }));
    assert!(matches!(server.push(&tecnica(), push), Outcome::Known { .. }));

    let mut bare = Automerge::new();
    bare.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 3 }.actor_id());
    commit(&mut bare, |tx| tx.put(ROOT, "kind", "assistencia").unwrap());
    let change = bare.get_changes(&[])[0].raw_bytes().to_vec();
    let push = Push { document: id(3), generation: 1, change, seen: 0 };
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn an_id_that_is_taken_is_refused_to_a_second_creator() {
    let (mut server, _) = begun();
    let mut other = Phone::new(tecnica());
    other.n = 70;
    other.run(criar(1, "Outra porta"));
    let push = other.queue().remove(0);
    refused(server.push(&tecnica(), push), "id_em_uso");
}

#[test]
fn required_fields_are_checked_again_at_the_gate() {
    let mut server = Server::new();
    let mut document = Automerge::new();
    document.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 3 }.actor_id());
    let tipos = tipos();
    let tipo = tipos.atual("p001.assistencia").unwrap();
    let Command::Criar { id, kind, tipo: referencia, .. } = criar(1, "") else { unreachable!() };
    let command =
        Command::Criar { id, kind, tipo: referencia, campos: Default::default(), itens: vec![] };
    let actor = Actor { user: tecnica().id, device: DEVICE, nonce: 3 };
    let change = campo_sync::edit::apply(&mut document, actor, &command, tipo, stamp(1).at);
    let change = change.unwrap().unwrap().raw_bytes().to_vec();
    let push = Push { document: id, generation: 1, change, seen: 0 };
    refused(server.push(&tecnica(), push), "campos_obrigatorios");
}

#[test]
fn compressed_chunks_documents_and_rubbish_are_not_read() {
    let (mut server, _) = begun();
    let mut document = server.document(id(1)).clone();
    document.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 9 }.actor_id());
    let before = document.get_heads();
    let campos = container(&document, "campos");
    let text = document.get(&campos, "situacao_alegada").unwrap().unwrap().1;
    commit(&mut document, |tx| tx.splice_text(&text, 0, 0, &"abc ".repeat(500)).unwrap());
    let mut change: Change = document.get_changes(&before).pop().unwrap();
    let compressed = change.bytes().to_vec();
    assert_eq!(compressed[8], 2, "the test needs a chunk that compresses");
    let mut damaged = change.raw_bytes().to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    let mut trailing = change.raw_bytes().to_vec();
    trailing.push(0);
    let cut = change.raw_bytes()[..40].to_vec();
    for bytes in [compressed, damaged, trailing, cut, document.save(), vec![], vec![0; 9]] {
        let push = Push { document: id(1), generation: 1, change: bytes, seen: 0 };
        refused(server.push(&tecnica(), push), "alteracao_invalida");
    }
    let huge = vec![1; Limits::DEFAULT.change_bytes_max as usize + 1];
    let push = Push { document: id(1), generation: 1, change: huge, seen: 0 };
    refused(server.push(&tecnica(), push), "limite_excedido");
}

#[test]
fn a_change_whose_parents_are_not_there_is_asked_for_again_and_never_merged() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("contrato", "C-2"));
    let pushes = phone.queue();
    let outcome = server.push(&tecnica(), pushes[1].clone());
    let Outcome::Missing { deps } = outcome else { panic!("{outcome:?}") };
    let first = Change::try_from(&pushes[0].change[..]).unwrap().hash();
    assert_eq!(deps, [Hash::from(first)]);
    for push in pushes {
        assert!(matches!(server.push(&tecnica(), push), Outcome::Accepted { .. }));
    }
}

#[test]
fn who_may_not_see_a_record_does_not_learn_that_it_exists() {
    let (mut server, _) = begun();
    let stranger = pessoa(7, &[Permissao::Ver]);
    let actor = Actor { user: stranger.id, device: DEVICE, nonce: 1 };
    let push = forged_by(&server, actor.actor_id(), |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    });
    refused(server.push(&stranger, push), "nao_encontrado");
}

#[test]
fn an_edit_on_a_record_that_was_closed_meanwhile_is_held_whole_and_shown() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Campinas"));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let fates = phone.sync(&mut server);
    let held: Vec<HeldId> = fates
        .iter()
        .map(|(_, fate)| match fate {
            Fate::Held { held, reason } => {
                assert_eq!(reason.code, "situacao_nao_permite_edicao");
                *held
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0], held[1], "one branch");
    assert_eq!(phone.text("contrato"), "", "the phone shows the server's state");
    assert!(phone.document.as_ref().unwrap().queue.is_empty());

    // The office approves: the changes are merged as they were written, under their author's name.
    let pushes: Vec<Push> = server.held.iter().map(|(_, push)| push.clone()).collect();
    let author = Requester { pessoa: tecnica(), device: DEVICE, anteriores: vec![] };
    server.plan(|planner| planner.approve(held[0], &author, &pushes)).unwrap();
    phone.sync(&mut server);
    assert_eq!(phone.text("contrato"), "C-1");
    assert_eq!(phone.text("cidade"), "Campinas");
}

#[test]
fn an_edit_made_knowing_that_the_record_is_closed_is_refused() {
    let (mut server, _) = begun();
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    });
    refused(server.push(&tecnica(), push), "situacao_nao_permite_edicao");
}

#[test]
fn a_request_of_transition_is_always_kept_and_its_refusal_is_in_the_record() {
    let (mut server, mut phone) = begun();
    phone.run(transicionar(61, "iniciar", None));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let fates = phone.sync(&mut server);
    assert_eq!(fates[0].1, Fate::Accepted);
    let registro = &server.world.documents[&id(1)].merged.registro;
    assert_eq!(registro.situacao.as_deref(), Some("cancelada"));
    let pedido = registro.pedidos.iter().find(|p| p.verbo == "iniciar").unwrap();
    let recusa = pedido.veredito.as_ref().unwrap().recusa.as_ref().unwrap();
    assert_eq!(recusa.codigo.codigo(), "transicao_nao_permitida");
}

#[test]
fn what_the_server_refuses_leaves_the_queue_and_the_rest_is_written_again() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Santos"));
    let first = phone.document.as_ref().unwrap().queue[0].clone();
    let reason = campo_sync::wire::Reason { code: "x".into(), message: "Não.".into() };
    let fates = phone.absorb(vec![Event::Verdict {
        hash: first.hash,
        outcome: Outcome::Refused { reason: reason.clone() },
    }]);
    assert_eq!(fates, [(first.id, Fate::Refused { reason })]);
    assert_eq!(phone.text("contrato"), "");
    assert_eq!(phone.text("cidade"), "Santos");
    let fates = phone.sync(&mut server);
    assert_eq!(fates[0].1, Fate::Accepted);
}

#[test]
fn a_device_restored_from_a_backup_numbers_its_changes_anew() {
    let (mut server, mut phone) = begun();
    let backup = phone.document.clone();
    phone.run(editar("contrato", "C-1"));
    phone.sync(&mut server);
    phone.document = backup;
    phone.run(editar("contrato", "C-2"));
    let fates = phone.sync(&mut server);
    assert!(fates.is_empty(), "the numbering is at fault, not the work: {fates:?}");
    let fates = phone.sync(&mut server);
    assert_eq!(fates.len(), 1);
    assert_eq!(fates[0].1, Fate::Accepted);
    assert_eq!(phone.text("contrato"), "C-2");
}

#[test]
fn numbers_follow_each_other_and_a_replayed_request_takes_none() {
    let mut server = Server::new();
    let mut phone = Phone::new(tecnica());
    phone.run(criar(1, "Porta"));
    let push = phone.queue().remove(0);
    for _ in 0..3 {
        server.push(&tecnica(), push.clone());
    }
    let mut other = Phone::new(tecnica());
    other.n = 50;
    other.run(criar(2, "Mesa"));
    server.push(&tecnica(), other.queue().remove(0));
    let numero = |n| server.world.documents[&id(n)].merged.registro.numero.clone();
    assert_eq!(numero(1).as_deref(), Some("2027/000001"));
    assert_eq!(numero(2).as_deref(), Some("2027/000002"));
}

#[test]
fn ff18_three_values_of_one_field_are_all_kept_and_shown_with_who_and_when() {
    let (mut server, mut phone) = begun();
    let mut second = Phone::new(tecnica());
    second.document = phone.document.clone();
    second.document.as_mut().unwrap().nonce = None;
    second.n = 900;
    phone.run(editar("contrato", "da manhã"));
    second.run(editar("contrato", "da tarde"));
    server.office(id(1), editar("contrato", "do escritório"));
    phone.sync(&mut server);
    second.sync(&mut server);
    let registro = &server.world.documents[&id(1)].merged.registro;
    assert_eq!(registro.conflitos.len(), 1);
    let conflito = &registro.conflitos[0];
    assert_eq!(conflito.campo, "contrato");
    assert_eq!(conflito.versoes.len(), 3);
    assert_eq!(&conflito.versoes[0].valor, registro.valor("contrato"));
    assert!(conflito.versoes.iter().any(|versao| versao.autoria.por == office().id));
    assert!(conflito.versoes.iter().all(|versao| versao.quando.timestamp() > 0));
    // Writing it again settles it.
    server.office(id(1), editar("contrato", "da tarde"));
    assert!(server.world.documents[&id(1)].merged.registro.conflitos.is_empty());
}

#[test]
fn a_change_with_another_checksum_is_refused_because_nobody_could_load_it_again() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    let mut push = phone.queue().remove(0);
    push.change[5] ^= 1;
    refused(server.push(&tecnica(), push), "alteracao_invalida");
}

/// Writes a change by its parts, so that a test can lie in any of them.
fn expanded(server: &Server, lie: impl FnOnce(&mut automerge::ExpandedChange)) -> Push {
    let push = forged(server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "uf", "SP").unwrap());
    });
    let mut change = Change::try_from(&push.change[..]).unwrap().decode();
    lie(&mut change);
    let change = Change::from(change);
    Push { change: change.raw_bytes().to_vec(), ..push }
}

#[test]
fn a_change_cannot_replace_what_it_does_not_name() {
    let (mut server, mut phone) = begun();
    phone.run(editar("cidade", "Santos"));
    let nota = NotaId::from(Uuid::from_u128(40));
    phone.run(Command::Anotar { id: nota, texto: "Cliente ausente".into() });
    phone.sync(&mut server);
    let campos = container(server.document(id(1)), "campos");
    let notas = container(server.document(id(1)), "notas");
    let key = nota.uuid().simple().to_string();
    let victims = [
        server.document(id(1)).get(&campos, "cidade").unwrap().unwrap().1,
        server.document(id(1)).get(&campos, "cliente").unwrap().unwrap().1,
        server.document(id(1)).get(&notas, key).unwrap().unwrap().1,
    ];
    for victim in victims {
        let automerge::ObjId::Id(counter, actor, _) = victim else { unreachable!() };
        let push = expanded(&server, |change| {
            let pred = automerge::legacy::OpId::new(counter, &actor);
            change.operations[0].pred = vec![pred].into();
        });
        let outcome = server.push(&tecnica(), push);
        let merged = &server.world.documents[&id(1)].merged.registro;
        assert_eq!(merged.valor("cidade").texto(), Some("Santos"));
        assert!(merged.referencia("cliente").is_some());
        assert_eq!(merged.notas.len(), 1);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    }
}

#[test]
fn a_counter_that_leaps_ahead_or_a_sequence_with_a_gap_is_refused_without_a_panic() {
    let (mut server, _) = begun();
    for start in [u64::from(u32::MAX) - 2, u64::from(u32::MAX) + 9, u64::MAX / 2, 1] {
        let push = expanded(&server, |change| {
            change.start_op = std::num::NonZeroU64::new(start).unwrap();
        });
        refused(server.push(&tecnica(), push), "alteracao_invalida");
    }
    for seq in [0, 2, 7, u64::from(u32::MAX) + 1] {
        let push = expanded(&server, |change| change.seq = seq);
        let outcome = server.push(&tecnica(), push);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{seq}: {outcome:?}");
    }
}

/// A change chunk with one column replaced by the given bytes, its length and checksum put right.
fn bomb(server: &Server, spec: u8, column: &[u8]) -> Push {
    let push = forged(server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "uf", "SP").unwrap());
    });
    let change = Change::try_from(&push.change[..]).unwrap();
    // Everything before the columns ends with the empty message and the other actors.
    let body = &push.change[9..];
    let prefix = body.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let body = &body[prefix..];
    let actors: usize = change.other_actor_ids().iter().map(|a| 1 + a.to_bytes().len()).sum();
    let head = 1 + 32 * change.deps().len() + 1 + 40;
    let mut rest = &body[head..];
    for _ in 0..3 {
        let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        rest = &rest[end..];
    }
    let end = body.len() - rest.len() + 1 + 1 + actors;
    let mut forged = body[..end].to_vec();
    forged.push(1);
    match spec {
        short @ ..128 => forged.push(short),
        long => forged.extend([long, 1]),
    }
    forged.push(column.len() as u8);
    forged.extend(column);
    let mut chunk = push.change[..8].to_vec();
    chunk.push(1);
    assert!(forged.len() < 16_384);
    match forged.len() {
        short @ ..128 => chunk.push(short as u8),
        long => chunk.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
    }
    chunk.extend(forged);
    Push { change: chunk, ..push }
}

#[test]
fn a_few_bytes_that_claim_endless_operations_cost_nothing() {
    let (mut server, _) = begun();
    // The frame is sound: with a short run, Automerge gets as far as the operations themselves.
    let short = bomb(&server, 66, &[0x03, 0x01]);
    let error = format!("{:?}", Change::try_from(&short.change[..]));
    assert!(error.contains("DecodeColumnError"), "{error}");
    let endless = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01];
    let began = std::time::Instant::now();
    for spec in [1, 2, 17, 19, 21, 52, 66, 86, 112, 113, 115, 148, 165, 200] {
        let outcome = server.push(&tecnica(), bomb(&server, spec, &endless));
        let expected = if spec == 200 { "alteracao_invalida" } else { "limite_excedido" };
        assert_eq!(code(&outcome), expected, "{spec}: {outcome:?}");
    }
    let many_preds = [0x01, 0x80, 0x80, 0x80, 0x80, 0x40];
    refused(server.push(&tecnica(), bomb(&server, 112, &many_preds)), "limite_excedido");
    assert!(began.elapsed().as_secs() < 5);
}

fn agenda(n: u128, assistencia: u128, responsavel: UserId) -> Command {
    let tipos = tipos();
    let instante = Valor::Instante(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    Command::Criar {
        id: id(n),
        kind: Kind::Agenda,
        tipo: tipos.atual("p001.agenda").unwrap().referencia(),
        campos: [
            ("assistencia".to_owned(), Valor::Id(Uuid::from_u128(assistencia))),
            ("tipo_agenda".to_owned(), Valor::Texto("assistencia_tecnica".into())),
            ("responsavel".to_owned(), Valor::Id(responsavel.uuid())),
            ("inicio".to_owned(), instante.clone()),
            ("fim".to_owned(), instante),
            ("assunto".to_owned(), Valor::Texto("Vistoria".into())),
        ]
        .into(),
        itens: Vec::new(),
    }
}

#[test]
fn nobody_gets_sight_of_a_case_by_adding_to_it() {
    let (mut server, _) = begun();
    let stranger = pessoa(7, &[Permissao::Ver]);
    let mut phone = Phone::new(stranger.clone());
    phone.run(agenda(30, 1, stranger.id));
    refused(server.push(&stranger, phone.queue().remove(0)), "nao_encontrado");
    // The same of a case that is not here yet is a fact like any other.
    let mut phone = Phone::new(stranger.clone());
    phone.run(agenda(31, 999, stranger.id));
    assert!(matches!(server.push(&stranger, phone.queue().remove(0)), Outcome::Accepted { .. }));
}

#[test]
fn ff28_what_was_added_to_a_case_that_passed_to_somebody_else_is_held() {
    let (mut server, _) = begun();
    let other = pessoa(7, &[Permissao::Ver]);
    let assign =
        |to: UserId| Command::Editar { campo: "responsavel".into(), valor: Valor::Id(to.uuid()) };
    server.office(id(1), assign(other.id));
    let known = server.seq;
    server.office(id(1), assign(office().id));
    let mut phone = Phone::new(other.clone());
    phone.run(agenda(30, 1, other.id));
    let mut push = phone.queue().remove(0);
    push.seen = known;
    let outcome = server.push(&other, push.clone());
    assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
    assert_eq!(code(&outcome), "fora_de_alcance");
    assert!(matches!(server.push(&other, push), Outcome::Held { .. }), "and again, the same");
}

#[test]
fn a_child_hangs_on_a_parent_of_the_right_kind() {
    let (mut server, _) = begun();
    let mut phone = Phone::new(tecnica());
    phone.run(agenda(30, 1, tecnica().id));
    phone.sync(&mut server);
    let mut child = Phone::new(tecnica());
    child.n = 50;
    child.run(agenda(31, 30, tecnica().id));
    refused(server.push(&tecnica(), child.queue().remove(0)), "valor_invalido");
}

#[test]
fn a_branch_that_cannot_be_merged_as_a_whole_is_not_merged_at_all() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    let good = phone.queue().remove(0);
    let rubbish = Push { change: vec![0; 20], ..good.clone() };
    let before = document::heads(server.document(id(1)));
    let author = Requester { pessoa: tecnica(), device: DEVICE, anteriores: vec![] };
    let held = HeldId::from(Uuid::from_u128(1));
    server.plan(|planner| planner.approve(held, &author, &[good, rubbish])).unwrap_err();
    assert_eq!(document::heads(server.document(id(1))), before);
}

#[test]
fn what_was_written_behind_a_held_edit_follows_it_even_in_a_later_request() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Campinas"));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let first = phone.queue().remove(0);
    let outcome = server.push(&tecnica(), first.clone());
    let Outcome::Held { id: branch, .. } = outcome else { panic!("{outcome:?}") };
    let hash = Change::try_from(&first.change[..]).unwrap().hash().into();
    let bytes = document::save(server.document(id(1)));
    let fates = phone
        .absorb(vec![Event::Verdict { hash, outcome }, Event::Snapshot { generation: 1, bytes }]);
    assert_eq!(fates.len(), 1);
    assert_eq!(phone.text("cidade"), "", "it builds on what is held: not shown as done");
    assert_eq!(phone.document.as_ref().unwrap().queue.len(), 1, "and not lost");
    let fates = phone.sync(&mut server);
    assert!(matches!(fates[0].1, Fate::Held { held, .. } if held == branch), "{fates:?}");
}

#[test]
fn a_text_that_is_too_much_for_one_change_is_told_at_the_tap() {
    let (_, phone) = begun();
    let many = "a".repeat(9_999);
    let ctx = Context { pessoa: &phone.pessoa, device: DEVICE, tipos: &phone.tipos };
    let para = |texto: &str| Command::EditarTexto {
        campo: "situacao_alegada".into(),
        de: "Porta solta".into(),
        para: texto.into(),
    };
    let ran = client::run(phone.document.clone(), &ctx, para(&many), stamp(9)).unwrap();
    let again = client::run(Some(ran.document), &ctx, para(&"b".repeat(9_999)), stamp(10));
    assert!(again.is_ok(), "the longest text can be written and replaced");
    let longer = client::run(phone.document.clone(), &ctx, para(&"a".repeat(10_001)), stamp(9));
    let Err(client::RunError::Refused(refusal)) = longer else { panic!("{longer:?}") };
    assert_eq!(refusal.codigo.codigo(), "texto_longo_demais");
}
