//! Properties of the rules, over the tipos of every preset and over fluxos that nobody has thought
//! of: what `decide` says, the gate does; no sequence of commands leaves the fluxo; what always
//! holds of a record always holds.

use crate::{
    concurrency::everywhere,
    one_record::{CLIENT, PHONE, RECORD, Server, client, person, somebody},
    sixth::sixth,
};
use campo_domain::{
    command::Command,
    fluxo::{Fase, Guarda, Modo, Quem, Transicao},
    ids::{DeviceId, DocumentId, ItemId, PedidoId, UserId},
    invariantes,
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    policy::{self, Caso},
    preset,
    refusal::{Codigo, Refusal},
    registro::{Registro, SituacaoArquivo},
    tipo::Tipo,
    workflow::{self, Efeito, Onde},
};
use campo_sync::{
    admission::Merged,
    document::Actor,
    edit,
    wire::{Outcome, Push},
};
use campo_tests::{
    dice::Dice,
    oracle::flow,
    script::{Known, Muse},
};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, RngSeed, TestRunner},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// Who works on the record: two with little, one with everything, and a client.
const PEOPLE: usize = 4;

fn people() -> [Pessoa; PEOPLE] {
    [
        person(1, &[Permissao::Ver, Permissao::VerTodas]),
        person(2, &[Permissao::Ver, Permissao::VerTodas, Permissao::Gerenciar]),
        somebody(3),
        client(4),
    ]
}

/// Every tipo of every preset whose records go anywhere.
fn tipos() -> impl Iterator<Item = Tipo> {
    let tipos = preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos);
    tipos.filter(|tipo| !tipo.fluxo.transicoes.is_empty())
}

/// The tipo, with photos that every transition needs which somebody asks for.
fn with_photos(mut tipo: Tipo) -> Tipo {
    tipo.min_fotos = [("avaria".to_owned(), 1)].into();
    for transicao in &mut tipo.fluxo.transicoes {
        if !transicao.quem.contains(&Quem::Sistema) {
            transicao.guardas.push(Guarda::Fotos);
        }
    }
    tipo
}

/// Whether the person may know of the record: all but the client see everything here.
fn reaches(pessoa: &Pessoa, merged: &Merged) -> bool {
    let envolvidos = merged.registro.envolvidos();
    let caso = Caso { envolvidos: &envolvidos, restricao: None };
    policy::alcanca(pessoa, &merged.registro, &merged.tipo, &caso)
}

/// Where a request of transition was said to lead somewhere, or led there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The phone's `decide` said so.
    Phone,
    /// The office, or a client in the portal, did it.
    Office,
    /// The gate took the phone's change, and the server judged it so.
    Gate,
    /// The server's clock did it.
    Clock,
}

/// The verbs that were done, and where.
type Done = BTreeSet<(String, Place)>;

/// Where a transition must have been done over so many days: everywhere where it can be.
fn possible(transicao: &Transicao, tipo: &Tipo) -> Vec<Place> {
    let mut places = Vec::new();
    let by = |quem: Quem| {
        transicao.quem.contains(&quem) && (quem != Quem::Cliente || tipo.visivel_no_portal)
    };
    if by(Quem::Interno) && transicao.modo != Modo::Online {
        places.extend([Place::Phone, Place::Gate]);
    }
    if by(Quem::Interno) || by(Quem::Cliente) {
        places.push(Place::Office);
    }
    if by(Quem::Sistema) {
        places.push(Place::Clock);
    }
    places
}

struct Day {
    /// What was done so far.
    done: Done,
    server: Server,
    dice: Dice,
    people: [Pessoa; PEOPLE],
    known: BTreeMap<DocumentId, Known>,
}

/// What a person does, and where.
struct Step {
    pessoa: Pessoa,
    device: DeviceId,
    command: Command,
}

impl Day {
    /// With a record already, or none.
    fn new(server: Server, seed: u64) -> Self {
        let known = [
            (CLIENT, Known { kind: Kind::Cliente, assistencia: None }),
            (DocumentId::from_u128(7), Known { kind: Kind::Assistencia, assistencia: None }),
        ];
        Day {
            done: Done::new(),
            server,
            dice: Dice::new(seed),
            people: people(),
            known: known.into(),
        }
    }

    /// Somebody has an idea.
    fn step(&mut self, seed: u64) -> Step {
        let mut dice = Dice::new(seed ^ self.dice.word());
        // Who may everything gets furthest.
        let everything = dice.chance(2, 5);
        let pessoa = if everything { &self.people[2] } else { dice.pick(&self.people) }.clone();
        let on_phone = !pessoa.portal() && dice.chance(1, 2);
        let device = if on_phone { PHONE } else { DeviceId::ESCRITORIO };
        let ids: Vec<UserId> = self.people[..3].iter().map(|pessoa| pessoa.id).collect();
        let mut muse = Muse {
            dice: &mut dice,
            at: self.server.now(),
            people: &ids,
            known: &self.known,
            tipos: self.server.tipos(),
            client: CLIENT,
            may: pessoa.permissoes.clone(),
        };
        let command = match self.server.merged() {
            None => {
                let tipo = self.server.tipos().todos().next().unwrap();
                let created = match pessoa.portal() {
                    true => muse.create_as_client(),
                    false => None,
                };
                let mut command = created.unwrap_or_else(|| muse.create_of(tipo));
                if let Command::Criar { id, .. } = &mut command {
                    *id = RECORD;
                }
                command
            }
            Some(merged) => {
                let (registro, tipo) = (&merged.registro, &*merged.tipo);
                match muse.dice.below(8) {
                    _ if pessoa.portal() => muse.alter_as_client(registro, tipo),
                    0 | 1 => muse.misbehave(registro, tipo),
                    2 | 3 => muse.in_office(registro, tipo),
                    _ => muse.alter(registro, tipo),
                }
            }
        };
        Step { pessoa, device, command }
    }

    /// Does it in the office, as `decide` says; or on the phone past `decide`, as a modified app
    /// would, and compares what the gate makes of it.
    fn compare(&mut self, step: &Step) {
        let Step { pessoa, device, command } = step;
        if let Command::Restringir { .. } = command {
            return; // Of it and of who then sees the record the simulator tells.
        }
        let before = self.server.clone();
        let merged = before.merged();
        let registro = merged.map(|merged| &merged.registro);
        let tipo = before.tipos().todos().next().unwrap();
        let said = workflow::decide(registro, tipo, pessoa, command, Onde::Aparelho);
        let at_the_desk = workflow::decide(registro, tipo, pessoa, command, Onde::Servidor);
        let done = before.clone().office(pessoa, command);
        let mut waiting = registro.into_iter().flat_map(|r| r.pedidos_pendentes());
        let waits = waiting.any(|pedido| pedido.autoria.por == pessoa.id);
        if let Some(merged) = merged
            && !reaches(pessoa, merged)
        {
            assert_eq!(done.map_err(|refusal| refusal.codigo), Err(Codigo::NaoEncontrado));
            return;
        }
        assert_eq!(done, at_the_desk.clone().map(|_| ()), "the office, {}: {command:?}", pessoa.id);
        let verbo = flow::request(command, tipo).map(|request| request.verbo.to_owned());
        let mut led = |place: Place| self.done.extend(verbo.clone().map(|verbo| (verbo, place)));
        if at_the_desk.is_ok() {
            led(Place::Office);
        }
        let on_phone = *device != DeviceId::ESCRITORIO && !pessoa.portal();
        if on_phone && said.is_ok() {
            led(Place::Phone);
        }
        if *device == DeviceId::ESCRITORIO || command.do_servidor() {
            if done.is_ok() {
                self.server.office(pessoa, command).unwrap();
            }
            return;
        }
        let mut doc = merged.map(|merged| merged.document.clone()).unwrap_or_default();
        let actor = Actor { user: pessoa.id, device: *device, nonce: 1 };
        let written = edit::apply(&mut doc, actor, command, tipo, registro, before.now());
        let change = match (written, &said) {
            (Ok(Some(change)), _) => change,
            (Ok(None), _) => return,
            (Err(_), Err(_)) => return,
            (Err(error), Ok(_)) => panic!("{command:?} is allowed and cannot be written: {error}"),
        };
        let change = change.raw_bytes().to_vec();
        let push = Push { document: RECORD, generation: 1, change, seen: u64::MAX };
        let (verdicts, _) = self.server.push(pessoa, *device, &[push]);
        let mut all = self.server.merged().into_iter().flat_map(|m| &m.registro.pedidos);
        let pedido = all.find(|pedido| Some(pedido.id) == command.pedido());
        let veredito = pedido.and_then(|pedido| pedido.veredito.as_ref());
        if veredito.is_some_and(|veredito| veredito.recusa.is_none()) {
            self.done.extend(verbo.map(|verbo| (verbo, Place::Gate)));
        }
        let on_the_way = at_the_desk.is_err_and(|r| r.codigo == Codigo::FotosACaminho);
        self.agree(step, &said, &verdicts[0].outcome, waits || (said.is_ok() && on_the_way));
    }

    /// `waits`: for photos, which only the server knows to be missing; or behind what does.
    fn agree(&self, step: &Step, said: &Result<Efeito, Refusal>, outcome: &Outcome, waits: bool) {
        let command = &step.command;
        let context = || {
            let situacao = self.server.merged().and_then(|m| m.registro.situacao.clone());
            format!("{command:?} by {:?} in {situacao:?}", step.pessoa.permissoes)
        };
        let judged = || {
            let pedidos = &self.server.registro().pedidos;
            let pedido = pedidos.iter().find(|pedido| Some(pedido.id) == command.pedido());
            pedido.and_then(|pedido| pedido.veredito.clone())
        };
        if waits && command.pedido().is_some() && matches!(outcome, Outcome::Accepted { .. }) {
            assert_eq!(judged(), None, "{}", context());
            return;
        }
        match (said, outcome) {
            (Ok(Efeito::Gravar), Outcome::Accepted { .. }) => {}
            (Ok(Efeito::Situacao(para)), Outcome::Accepted { .. }) => {
                let veredito = judged().unwrap();
                assert_eq!((veredito.recusa, &veredito.para), (None, para), "{}", context());
            }
            // A request is a fact: it is kept, and refused for the same reason.
            (Err(refusal), Outcome::Accepted { .. }) => {
                let recusa = judged().and_then(|veredito| veredito.recusa);
                assert_eq!(recusa.as_ref(), Some(refusal), "the gate admits {}", context());
            }
            (Err(_), Outcome::Refused { .. }) => {}
            (said, outcome) => {
                panic!("{}: {said:?} is said, {outcome:?} done", context());
            }
        }
    }

    /// Nobody has done anything for longer than the client may take (R54).
    fn time_passes(&mut self, merged: &Merged, seed: u64) {
        let (registro, tipo) = (&merged.registro, &merged.tipo);
        let waits = registro.fase(tipo) == Fase::EsperaCliente && tipo.dias_inatividade.is_some();
        let heads = self.server.heads();
        let ended = self.server.end_wait(&heads, PedidoId::from_u128(seed.into()));
        assert!(waits || !ended, "a wait was ended that was none");
        let last = self.server.registro().pedidos.last().filter(|_| ended);
        self.done.extend(last.map(|pedido| (pedido.verbo.clone(), Place::Clock)));
        let again = self.server.end_wait(&heads, PedidoId::from_u128(u128::from(seed) << 64));
        assert!(!(ended && again), "a wait was ended twice");
    }

    /// The store has received a file, or looked at it.
    fn photo_arrives(&mut self, merged: &Merged, seed: u64) {
        use SituacaoArquivo::{Recebida, Recusada, Verificada};
        assert!(!self.server.arquivo(ItemId::from_u128(seed.into()), Verificada), "no such file");
        let mut dice = Dice::new(seed);
        let anexos: Vec<ItemId> = merged.registro.anexos.keys().copied().collect();
        let Some(anexo) = dice.maybe(&anexos) else { return };
        let situacao = *dice.pick(&[Recebida, Recusada, Verificada, Verificada]);
        assert!(self.server.arquivo(anexo, situacao));
        let proven = merged.registro.arquivo(&anexo) == Verificada;
        let expected = if proven { Verificada } else { situacao };
        assert_eq!(self.server.registro().arquivo(&anexo), expected);
    }

    /// Whatever happened: it is a record of this tipo, in a situação that an edge leads to.
    fn sound(&self, before: &Server) {
        let Some(merged) = self.server.merged() else { return };
        let (registro, tipo) = (&merged.registro, &*merged.tipo);
        assert_eq!(invariantes::verificar(registro, tipo), Ok(()), "{registro:?}");
        let codigo = |registro: &Registro| {
            registro.situacao.clone().unwrap_or_else(|| tipo.fluxo.inicial.clone())
        };
        let from = before.merged().map_or(tipo.fluxo.inicial.clone(), |m| codigo(&m.registro));
        let to = codigo(registro);
        let asked = before.merged().map_or(0, |m| m.registro.pedidos.len());
        assert!(registro.pedidos.len() <= asked + 1, "one command, more requests");
        let waiting: Vec<_> = registro.pedidos_pendentes().collect();
        for (place, pedido) in waiting.iter().enumerate() {
            let behind = waiting[..place].iter().any(|p| p.autoria.por == pedido.autoria.por);
            let photos = flow::awaits_photos(registro, tipo, &pedido.verbo);
            assert!(behind || photos, "{pedido:?} waits for its verdict");
        }
        let done_before = |id: PedidoId| {
            let mut done = before.merged().into_iter().flat_map(|m| m.registro.feitos());
            done.any(|(pedido, _)| pedido.id == id)
        };
        let done = || registro.feitos().filter(|(pedido, _)| !done_before(pedido.id));
        for (pedido, veredito) in done() {
            let edge = tipo.fluxo.transicao(&pedido.verbo).unwrap();
            let along = edge.de.contains(&veredito.de) && edge.para == veredito.para;
            assert!(along, "{veredito:?} by {edge:?}");
        }
        // One after the other, from where it was to where it is.
        let all: Vec<_> = done().map(|(_, veredito)| (&veredito.de, &veredito.para)).collect();
        match all[..] {
            [] => assert_eq!(from, to, "it moved by itself"),
            [one] => assert_eq!(one, (&from, &to)),
            _ => {
                assert!(all.iter().any(|(de, _)| **de == from), "{from}: {all:?}");
                assert!(all.iter().any(|(_, para)| **para == to), "{to}: {all:?}");
            }
        }
    }
}

/// Says what was done.
fn live(server: Server, seed: u64, steps: &[u64]) -> Done {
    let mut day = Day::new(server, seed);
    for seed in steps {
        let before = day.server.clone();
        match (before.merged(), seed % 8) {
            (Some(merged), 0) => day.time_passes(merged, *seed),
            (Some(merged), 1) => day.photo_arrives(merged, *seed),
            _ => {
                let step = day.step(*seed);
                day.compare(&step);
            }
        }
        day.sound(&before);
    }
    day.done
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    }
}

/// A new record, or one in any situação.
#[test]
fn on_every_preset_device_and_gate_agree_on_every_verb_and_no_command_leaves_the_fluxo() {
    let steps = prop::collection::vec(any::<u64>(), 5..25);
    let days = (any::<prop::sample::Index>(), any::<u64>(), steps);
    for tipo in tipos() {
        let cases = 15 * tipo.fluxo.transicoes.len() as u32;
        let mut starts: Vec<Server> = everywhere(&tipo).into_values().collect();
        starts.push(Server::new([tipo.clone()]));
        let done = RefCell::new(Done::new());
        let day = |(start, seed, steps): (prop::sample::Index, u64, Vec<u64>)| {
            done.borrow_mut().extend(live(start.get(&starts).clone(), seed, &steps));
            Ok(())
        };
        TestRunner::new(config(cases)).run(&days, day).unwrap();
        let must = tipo.fluxo.transicoes.iter().flat_map(|transicao| {
            possible(transicao, &tipo).into_iter().map(|place| (transicao.verbo.clone(), place))
        });
        let never: Vec<_> = must.filter(|one| !done.borrow().contains(one)).collect();
        assert!(never.is_empty(), "{}: never done: {never:?}", tipo.codigo);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn with_photos_that_every_transition_needs_they_agree_as_well(
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        steps in prop::collection::vec(any::<u64>(), 10..60),
    ) {
        let tipo = which.get(&tipos().collect::<Vec<_>>()).clone();
        live(Server::new([with_photos(tipo)]), seed, &steps);
    }

    #[test]
    fn on_a_fluxo_that_nobody_has_thought_of_they_agree_as_well(
        fluxo in any::<u64>(),
        seed in any::<u64>(),
        steps in prop::collection::vec(any::<u64>(), 10..60),
    ) {
        live(Server::new([sixth(&mut Dice::new(fluxo))]), seed, &steps);
    }
}
