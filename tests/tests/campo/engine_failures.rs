//! What goes wrong in the field, on the engine alone: phones and the memory ledger, no network and
//! no disk. Each test is a line of the list, told as the person would tell it.

use campo_domain::{
    command::{Command, Listados},
    ids::{DocumentId, NotaId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    registro::{Campos, Registro, Visibilidade},
    tipo::{TipoRef, Tipos},
    valor::Valor,
};
use campo_sync::{
    admission::Requester,
    client::{self, Context, Event, Fate, LocalDocument, Stamp},
    document,
    exchange::{Planner, World},
    wire::{Entry, Limits, Outcome, SyncRequest, SyncResponse},
};
use campo_tests::{
    device::{Account, Crash, Device},
    dice::Dice,
    ledger::{Ledger, What},
    memory::MemoryLedger,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

const ANA: UserId = UserId::from_u128(0xa);
const BIA: UserId = UserId::from_u128(0xb);
const RITA: UserId = UserId::from_u128(0xc);
const EDU: UserId = UserId::from_u128(0xe);

fn person(id: UserId, nome: &str, permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    Pessoa { id, nome: nome.into(), permissoes, ..Pessoa::servidor() }
}

fn anotar(id: NotaId, texto: &str) -> Command {
    let visibilidade = Visibilidade::Interna;
    Command::Anotar { id, texto: texto.into(), visibilidade, resposta_a: None }
}

/// Two technicians, the office, and a server.
struct Company {
    ledger: MemoryLedger,
    dice: Dice,
    now: DateTime<Utc>,
}

impl Company {
    fn new() -> Self {
        let mut ledger = MemoryLedger::new(7, None);
        let now = DateTime::from_timestamp(1_772_452_800, 0).unwrap();
        let people = [
            person(ANA, "Ana", &[Permissao::Ver]),
            person(BIA, "Bia", &[Permissao::Ver]),
            person(RITA, "Rita", &Permissao::TODAS),
            person(EDU, "Edu", &[Permissao::Ver, Permissao::VerTodas]),
        ];
        ledger.found(now, &people, &["P001"], &[]).unwrap();
        Company { ledger, dice: Dice::new(7), now }
    }

    /// A phone that has not synchronised yet.
    fn new_phone(&mut self, usuario: UserId, limits: Limits) -> Device {
        let id = self.dice.uuid(self.now).into();
        Device::new(id, usuario, TimeDelta::zero(), limits)
    }

    /// A phone that has.
    fn phone(&mut self, usuario: UserId) -> Device {
        let mut phone = self.new_phone(usuario, Limits::DEFAULT);
        self.sync(&mut phone);
        phone
    }

    fn id<T: From<uuid::Uuid>>(&mut self) -> T {
        self.dice.uuid(self.now).into()
    }

    /// The server answers; whether the phone hears of it is another question.
    fn answer(&mut self, usuario: UserId, request: SyncRequest) -> SyncResponse {
        let ticket = self.ledger.begin(self.now, usuario, request).unwrap();
        self.ledger.finish(self.now, ticket).unwrap()
    }

    fn hear(&mut self, phone: &mut Device, response: SyncResponse) {
        phone.absorb(response, &mut self.dice, Crash::No, None).unwrap();
    }

    /// One request and its answer.
    fn exchange(&mut self, phone: &mut Device) -> SyncResponse {
        let response = self.answer(phone.signed_in, phone.request());
        self.hear(phone, response.clone());
        response
    }

    /// Requests until nothing is left.
    fn sync(&mut self, phone: &mut Device) {
        for _ in 0..500 {
            self.exchange(phone);
            if !phone.account().more && phone.account().queue().is_empty() {
                return;
            }
        }
        panic!("the phone does not come to rest");
    }

    fn run(&mut self, phone: &mut Device, id: DocumentId, command: Command) {
        let at = phone.clock(self.now);
        let stamp =
            Stamp { id: self.id(), at, seen: phone.account().cursor.seq, nonce: self.dice.word() };
        assert!(phone.run(id, command, stamp, Crash::No).unwrap());
    }

    fn note(&mut self, phone: &mut Device, id: DocumentId, texto: &str) {
        let nota = self.id();
        self.run(phone, id, anotar(nota, texto));
    }

    fn create(&mut self, kind: Kind, campos: &[(&str, Valor)]) -> (DocumentId, Command) {
        let id = self.id();
        let tipo = TipoRef { codigo: format!("p001.{kind}"), versao: 1 };
        let campos: Campos =
            campos.iter().map(|(nome, valor)| ((*nome).to_owned(), valor.clone())).collect();
        (id, Command::Criar { id, kind, tipo, campos, itens: vec![] })
    }

    fn assistencia(&mut self, responsavel: UserId) -> (DocumentId, Command) {
        let cliente: uuid::Uuid = self.id();
        self.create(
            Kind::Assistencia,
            &[
                ("cliente", Valor::Id(cliente)),
                ("situacao_alegada", text("a porta caiu")),
                ("responsavel", Valor::Id(responsavel.uuid())),
            ],
        )
    }

    fn office(&mut self, id: DocumentId, command: Command) {
        self.ledger.office(self.now, RITA, id, &[command]).unwrap().unwrap();
    }

    /// A case that the office opened for this technician.
    fn case(&mut self, responsavel: UserId) -> DocumentId {
        let (id, command) = self.assistencia(responsavel);
        self.office(id, command);
        id
    }

    /// The case goes to another technician.
    fn reassign(&mut self, id: DocumentId, to: UserId) {
        self.office(id, edit("responsavel", Valor::Id(to.uuid())));
    }

    fn close(&mut self, id: DocumentId) {
        for verbo in ["iniciar", "resolver"] {
            let pedido = self.id();
            let (verbo, motivo) = (verbo.into(), None);
            self.office(id, Command::Transicionar { pedido, verbo, motivo, email: false });
        }
    }

    /// The record as the server has it.
    fn record(&mut self, id: DocumentId) -> Registro {
        let documents: BTreeMap<_, _> = self.ledger.documents().unwrap().into_iter().collect();
        document::read(&document::load(&documents[&id]).unwrap()).unwrap()
    }

    fn head(&mut self) -> u64 {
        self.ledger.rows(0).unwrap().last().unwrap().seq
    }

    /// What follows an answer that never came: both sides end up alike.
    fn alike(&mut self, phone: &Device, id: DocumentId) {
        let server = self.record(id);
        assert_eq!(shown(phone, id), Some(server));
    }
}

fn text(text: &str) -> Valor {
    Valor::Texto(text.into())
}

fn edit(campo: &str, valor: Valor) -> Command {
    Command::Editar { campo: campo.into(), valor, visto: None }
}

/// How the record reads on the phone.
fn shown(phone: &Device, id: DocumentId) -> Option<Registro> {
    let account = phone.account();
    let pessoa = account.pessoa.as_ref()?;
    let ctx = Context { pessoa, device: phone.id, tipos: &account.tipos };
    client::view(account.documents.get(&id)?, &ctx).ok().map(|view| view.registro)
}

fn notes(registro: &Registro) -> Vec<&str> {
    registro.notas.iter().map(|nota| nota.texto.as_str()).collect()
}

fn outcomes(response: &SyncResponse) -> Vec<&Outcome> {
    response.verdicts.iter().map(|verdict| &verdict.outcome).collect()
}

fn fates(account: &Account) -> Vec<&Fate> {
    account.settled.iter().map(|settled| &settled.fate).collect()
}

#[test]
fn ff01_an_answer_that_is_lost_after_the_commit_leaves_one_record() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    company.note(&mut ana, id, "cheguei");
    company.answer(ANA, ana.request());
    let head = company.head();
    let again = company.exchange(&mut ana);
    assert!(matches!(outcomes(&again)[..], [Outcome::Known { .. }, Outcome::Known { .. }]));
    assert_eq!(company.head(), head);
    assert_eq!(notes(&company.record(id)), ["cheguei"]);
    assert_eq!(fates(ana.account()), [&Fate::Accepted, &Fate::Accepted]);
    company.alike(&ana, id);
}

#[test]
fn ff02_the_same_request_twice_at_the_same_time_makes_one_record() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    let now = company.now;
    // Both processes have looked before either commits.
    let first = company.ledger.begin(now, ANA, ana.request()).unwrap();
    let second = company.ledger.begin(now, ANA, ana.request()).unwrap();
    let first = company.ledger.finish(now, first).unwrap();
    let second = company.ledger.finish(now, second).unwrap();
    assert!(matches!(outcomes(&first)[..], [Outcome::Accepted { .. }]));
    assert!(matches!(outcomes(&second)[..], [Outcome::Known { .. }]));
    assert_eq!(company.ledger.documents().unwrap().len(), 1);
    company.hear(&mut ana, second);
    company.alike(&ana, id);
}

#[test]
fn ff03_a_retry_with_more_in_it_is_a_new_version_and_no_dead_end() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    company.answer(ANA, ana.request());
    company.run(&mut ana, id, edit("cidade", text("Olinda")));
    let again = company.exchange(&mut ana);
    assert!(matches!(outcomes(&again)[..], [Outcome::Known { .. }, Outcome::Accepted { .. }]));
    assert_eq!(company.record(id).valor("cidade"), &text("Olinda"));
    company.alike(&ana, id);
}

#[test]
fn ff04_a_record_edited_while_it_is_sent_arrives_in_both_states_in_order() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    let sent = company.answer(ANA, ana.request());
    company.run(&mut ana, id, edit("cidade", text("Olinda")));
    company.hear(&mut ana, sent);
    assert_eq!(shown(&ana, id).unwrap().valor("cidade"), &text("Olinda"));
    company.sync(&mut ana);
    assert_eq!(fates(ana.account()), [&Fate::Accepted, &Fate::Accepted]);
    assert_eq!(company.record(id).valor("cidade"), &text("Olinda"));
    company.alike(&ana, id);
}

#[test]
fn ff10_accepted_means_merged_and_a_pull_takes_nothing_back() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let id = company.case(ANA);
    company.sync(&mut ana);
    company.note(&mut ana, id, "troquei a dobradiça");
    let answer = company.exchange(&mut ana);
    assert!(matches!(outcomes(&answer)[..], [Outcome::Accepted { .. }]));
    assert_eq!(notes(&company.record(id)), ["troquei a dobradiça"]);
    company.office(id, edit("cidade", text("Recife")));
    company.sync(&mut ana);
    assert_eq!(notes(&shown(&ana, id).unwrap()), ["troquei a dobradiça"]);
    company.alike(&ana, id);
}

#[test]
fn ff16_changes_that_arrive_before_what_they_build_on_are_asked_for_again() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    company.note(&mut ana, id, "primeira");
    company.note(&mut ana, id, "segunda");
    let request = ana.request();
    let mut out_of_order = request.clone();
    out_of_order.push.reverse();
    let answer = company.answer(ANA, out_of_order);
    let [second, first, genesis] = outcomes(&answer)[..] else { panic!("three verdicts") };
    assert!(matches!(second, Outcome::Missing { deps } if deps.len() == 1));
    assert!(matches!(first, Outcome::Missing { .. }));
    assert!(matches!(genesis, Outcome::Accepted { .. }));
    company.hear(&mut ana, answer);
    assert_eq!(ana.account().queue().len(), 2);
    company.sync(&mut ana);
    assert_eq!(notes(&company.record(id)), ["primeira", "segunda"]);
}

#[test]
fn ff18_three_edits_of_one_field_are_all_kept_and_the_conflict_says_who_and_when() {
    let mut company = Company::new();
    let (mut ana, mut bia) = (company.phone(ANA), company.phone(BIA));
    let id = company.case(ANA);
    company.office(id, Command::Participar { usuario: BIA, participa: true });
    company.sync(&mut ana);
    company.sync(&mut bia);
    company.run(&mut ana, id, edit("contrato", text("12")));
    company.run(&mut bia, id, edit("contrato", text("21")));
    company.office(id, edit("contrato", text("1-2")));
    for phone in [&mut ana, &mut bia] {
        company.sync(phone);
    }
    company.sync(&mut ana);
    let shown_to_ana = shown(&ana, id).unwrap();
    let [conflito] = &shown_to_ana.conflitos[..] else { panic!("one conflict") };
    let wrote: BTreeSet<(UserId, Valor)> =
        conflito.versoes.iter().map(|v| (v.autoria.por, v.valor.clone())).collect();
    assert_eq!(wrote, [(ANA, text("12")), (BIA, text("21")), (RITA, text("1-2"))].into());
    assert!(conflito.versoes.iter().all(|versao| versao.quando == company.now));
    assert_eq!(conflito.versoes[0].valor, *shown_to_ana.valor("contrato"));
    company.alike(&bia, id);
    // Writing it again settles it, also with the value that shows.
    let showing = shown_to_ana.valor("contrato").clone();
    company.run(&mut ana, id, edit("contrato", showing.clone()));
    company.sync(&mut ana);
    let settled = company.record(id);
    assert_eq!((settled.valor("contrato"), settled.conflitos.len()), (&showing, 0));
}

#[test]
fn ff19_a_phone_that_thinks_it_is_2001_loses_and_misorders_nothing() {
    let mut company = Company::new();
    let (mut ana, mut bia) = (company.phone(ANA), company.phone(BIA));
    ana.clock_off = TimeDelta::days(-25 * 365);
    bia.clock_off = TimeDelta::days(14 * 365);
    let id = company.case(ANA);
    company.office(id, Command::Participar { usuario: BIA, participa: true });
    company.sync(&mut bia);
    company.run(&mut bia, id, edit("cidade", text("Recife")));
    company.note(&mut bia, id, "em 2040");
    company.sync(&mut bia);
    company.sync(&mut ana);
    company.run(&mut ana, id, edit("cidade", text("Olinda")));
    company.note(&mut ana, id, "em 2001");
    company.sync(&mut ana);
    let record = company.record(id);
    assert_eq!(notes(&record), ["em 2040", "em 2001"]);
    assert_eq!(record.valor("cidade"), &text("Olinda"));
    assert!(record.conflitos.is_empty() && record.notas[1].quando < record.notas[0].quando);
}

#[test]
fn ff20_what_happens_at_one_instant_is_not_skipped() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let id = company.case(ANA);
    // The clock stands still; only positions in the log tell before from after.
    for n in 0..5 {
        let nota = company.id();
        company.office(id, anotar(nota, &format!("nota {n}")));
        let before = ana.account().cursor.seq;
        company.exchange(&mut ana);
        assert!(before < ana.account().cursor.seq);
        assert_eq!(ana.account().cursor.seq, company.head());
        assert_eq!(shown(&ana, id).unwrap().notas.len(), n + 1);
    }
}

#[test]
fn ff21_a_case_that_was_old_when_access_was_granted_arrives_whole() {
    let mut company = Company::new();
    let id = company.case(ANA);
    let nota = company.id();
    company.office(id, anotar(nota, "de ontem"));
    let mut bia = company.phone(BIA);
    assert_eq!(shown(&bia, id), None);
    company.reassign(id, BIA);
    company.sync(&mut bia);
    assert_eq!(notes(&shown(&bia, id).unwrap()), ["de ontem"]);
    company.alike(&bia, id);
}

#[test]
fn ff22_one_refused_command_holds_up_nothing_but_its_own_branch() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let bad = company.case(ANA);
    company.sync(&mut ana);
    let at = company.now;
    let stamp = Stamp { id: company.id(), at, seen: 0, nonce: company.dice.word() };
    // A modified app, or a rule that is newer than the app.
    let unknown = edit("nao_existe", text("x"));
    assert!(ana.run_unchecked(bad, unknown, stamp).unwrap());
    company.note(&mut ana, bad, "atrás da recusada");
    let mut behind = Vec::new();
    for _ in 0..60 {
        let (id, criar) = company.assistencia(ANA);
        company.run(&mut ana, id, criar);
        behind.push(id);
    }
    let answer = company.exchange(&mut ana);
    let accepted = outcomes(&answer).into_iter().filter(|o| matches!(o, Outcome::Accepted { .. }));
    assert_eq!(accepted.count(), 60);
    assert!(behind.iter().all(|id| shown(&ana, *id).is_some()));
    company.sync(&mut ana);
    let refused = fates(ana.account());
    assert_eq!(refused.iter().filter(|fate| matches!(fate, Fate::Refused { .. })).count(), 1);
    assert_eq!(notes(&company.record(bad)), ["atrás da recusada"]);
}

#[test]
fn ff26_a_queue_belongs_to_who_wrote_it() {
    let mut company = Company::new();
    let mut phone = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut phone, id, criar);
    let of_ana = phone.request();
    phone.sign_in(BIA);
    assert!(phone.request().push.is_empty());
    company.sync(&mut phone);
    assert_eq!(shown(&phone, id), None);
    let stolen = company.answer(BIA, of_ana);
    let [Outcome::Refused { reason }] = outcomes(&stolen)[..] else { panic!("refused") };
    assert_eq!(reason.code, "autor_alheio");
    phone.sign_in(ANA);
    company.sync(&mut phone);
    company.alike(&phone, id);
}

#[test]
fn ff28_the_report_of_a_technician_who_was_replaced_is_held_shown_and_can_be_merged() {
    let mut company = Company::new();
    let (mut ana, mut bia) = (company.phone(ANA), company.phone(BIA));
    let id = company.case(ANA);
    company.sync(&mut ana);
    company.note(&mut ana, id, "consertei");
    company.run(&mut ana, id, edit("cidade", text("Olinda")));
    company.reassign(id, BIA);
    company.sync(&mut ana);
    let [Fate::Held { held, reason }, Fate::Held { held: also, .. }] = fates(ana.account())[..]
    else {
        panic!("both are held")
    };
    assert_eq!((reason.code.as_str(), held), ("fora_de_alcance", also));
    assert_eq!(shown(&ana, id), None);
    assert_eq!(notes(&company.record(id)), [""; 0]);
    company.ledger.decide(company.now, RITA, *held, true).unwrap().unwrap();
    company.sync(&mut ana);
    company.sync(&mut bia);
    assert!(ana.account().decided.iter().any(|decided| decided.approved));
    assert_eq!(notes(&shown(&bia, id).unwrap()), ["consertei"]);
    assert_eq!(company.record(id).valor("cidade"), &text("Olinda"));
}

#[test]
fn ff29_unsent_work_of_a_person_who_lost_access_is_kept_and_still_sent() {
    let mut company = Company::new();
    let limits = Limits { push_items_max: 1, ..Limits::DEFAULT };
    let mut ana = company.new_phone(ANA, limits);
    let id = company.case(ANA);
    company.sync(&mut ana);
    company.note(&mut ana, id, "primeira");
    company.note(&mut ana, id, "segunda");
    company.reassign(id, BIA);
    company.exchange(&mut ana);
    let kept = &ana.account().documents[&id];
    assert!(!kept.in_scope && kept.queue.len() == 1);
    assert_eq!(shown(&ana, id).map(|_| ()), Some(()), "its content can still be read");
    company.sync(&mut ana);
    assert!(fates(ana.account()).iter().all(|fate| matches!(fate, Fate::Held { .. })));
    let branches = company.ledger.held().unwrap();
    assert_eq!(branches.iter().map(|branch| branch.changes.len()).sum::<usize>(), 2);
    assert!(!ana.account().documents.contains_key(&id));
}

#[test]
fn ff31_a_stale_phone_cannot_bring_back_what_was_erased() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let (id, criar) = company.assistencia(ANA);
    company.run(&mut ana, id, criar);
    company.note(&mut ana, id, "isto não pode voltar");
    let pessoa = ana.account().pessoa.clone().unwrap();
    let tipos: Tipos = ana.account().tipos.clone();
    let requester = Requester { pessoa: pessoa.clone(), device: ana.id, earlier: vec![] };
    let world = World {
        now: company.now,
        year: 2026,
        epoch: 1,
        tipos: std::sync::Arc::new(tipos.clone()),
        limits: Limits::DEFAULT,
        documents: BTreeMap::new(),
        erased: [id].into(),
        cases: BTreeMap::new(),
        logged: BTreeMap::new(),
        branches: BTreeMap::new(),
        revoked: BTreeMap::new(),
        last_number: Default::default(),
        restrictions: BTreeMap::new(),
        authors: BTreeMap::new(),
        assignees: BTreeMap::new(),
        people: BTreeMap::new(),
    };
    let mut planner = Planner::new(world, || unreachable!("nothing is held"));
    for push in ana.request().push {
        let Outcome::Refused { reason } = planner.push(&requester, &push).outcome else {
            panic!("it came back")
        };
        assert_eq!(reason.code, "apagado");
    }
    assert!(planner.finish().is_empty());
    let ctx = Context { pessoa: &pessoa, device: ana.id, tipos: &tipos };
    let local: LocalDocument = ana.account().documents[&id].clone();
    let absorbed = client::absorb(Some(local), id, vec![Event::Erased], &ctx, 1).unwrap();
    assert_eq!(absorbed.document, None);
}

#[test]
fn ff45_the_first_page_is_enough_to_work_with() {
    let mut company = Company::new();
    let cases: Vec<DocumentId> = (0..80).map(|_| company.case(ANA)).collect();
    let limits = Limits { page_bytes_max: 24_000, ..Limits::DEFAULT };
    let mut ana = company.new_phone(ANA, limits);
    let first = company.exchange(&mut ana);
    assert!(first.more && ana.account().pessoa.is_some());
    // The way is cut: the person works on what is there, and opens something new.
    let there = *ana.account().documents.keys().next().unwrap();
    company.note(&mut ana, there, "já dá para trabalhar");
    let (new, criar) = company.assistencia(ANA);
    company.run(&mut ana, new, criar);
    // It goes on where it stopped, crashes included.
    let page = company.answer(ANA, ana.request());
    ana.absorb(page, &mut company.dice, Crash::Before, None).unwrap();
    company.sync(&mut ana);
    for id in cases.into_iter().chain([new]) {
        company.alike(&ana, id);
    }
    assert_eq!(fates(ana.account()), [&Fate::Accepted, &Fate::Accepted]);
}

#[test]
fn ff46_todays_agenda_is_in_the_first_page_with_its_case_and_cliente() {
    let mut company = Company::new();
    let (cliente, criar) = company.create(Kind::Cliente, &[("nome", text("Dona Lia"))]);
    company.office(cliente, criar);
    let (case, criar) = company.create(
        Kind::Assistencia,
        &[("cliente", Valor::Id(cliente.uuid())), ("situacao_alegada", text("porta"))],
    );
    company.office(case, criar);
    let inicio = company.now + TimeDelta::hours(2);
    let (agenda, criar) = company.create(
        Kind::Agenda,
        &[
            ("assistencia", Valor::Id(case.uuid())),
            ("responsavel", Valor::Id(ANA.uuid())),
            ("tipo_agenda", text("assistencia_tecnica")),
            ("assunto", text("visita")),
            ("inicio", Valor::Instante(inicio)),
            ("fim", Valor::Instante(inicio + TimeDelta::hours(1))),
        ],
    );
    company.office(agenda, criar);
    // Everything else is newer, and would come first.
    for _ in 0..200 {
        company.case(ANA);
    }
    let limits = Limits { page_bytes_max: 24_000, ..Limits::DEFAULT };
    let mut ana = company.new_phone(ANA, limits);
    let first = company.exchange(&mut ana);
    assert!(first.more);
    let brought: BTreeSet<DocumentId> = first
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Snapshot { document, .. } => Some(*document),
            _ => None,
        })
        .collect();
    assert!(brought.is_superset(&[agenda, case, cliente].into()), "{brought:?}");
    company.sync(&mut ana);
    assert_eq!(ana.account().documents.len(), 203);
}

#[test]
fn r86_what_happened_while_a_case_was_hidden_comes_with_the_case_and_never_before() {
    let mut company = Company::new();
    let id = company.case(ANA);
    company.office(id, Command::Participar { usuario: EDU, participa: true });
    let mut edu = company.phone(EDU);
    company.alike(&edu, id);
    let para = Some(Listados { usuarios: [ANA].into(), ..Listados::default() });
    company.office(id, Command::Restringir { para });
    company.sync(&mut edu);
    assert!(edu.account().documents.is_empty());
    let nota = company.id();
    company.office(id, anotar(nota, "só entre nós"));
    company.exchange(&mut edu);
    assert!(edu.account().documents.is_empty());
    company.office(id, Command::Restringir { para: None });
    // Edu sees it as everybody's now, and takes no part any more.
    company.office(id, Command::Participar { usuario: EDU, participa: false });
    let brought = company.exchange(&mut edu);
    let first = brought
        .entries
        .iter()
        .find(|entry| matches!(entry, Entry::Change { .. } | Entry::Snapshot { .. }));
    assert!(matches!(first, Some(Entry::Snapshot { .. })), "{first:?}");
    company.alike(&edu, id);
}

#[test]
fn r48_what_is_written_on_a_record_that_was_closed_meanwhile_waits_for_the_office() {
    let mut company = Company::new();
    let mut ana = company.phone(ANA);
    let id = company.case(ANA);
    company.sync(&mut ana);
    company.run(&mut ana, id, edit("cidade", text("Olinda")));
    company.close(id);
    company.sync(&mut ana);
    let [Fate::Held { reason, .. }] = fates(ana.account())[..] else { panic!("held") };
    assert_eq!(reason.code, "situacao_nao_permite_edicao");
    let changes = company.ledger.rows(0).unwrap();
    let changes = changes.iter().filter(|row| matches!(row.what, What::Change { .. }));
    assert_eq!(changes.count(), 6, "creation, number, two requests with their verdicts");
}
