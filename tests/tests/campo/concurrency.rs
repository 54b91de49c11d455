//! Two people who do not know of each other ask for two transitions: a technician without signal
//! for one, the office, a client or the server's clock for another. For every preset, every
//! situação and every pair of verbs that leave it. The technician works on behind the request, as
//! the phone lets it.

use crate::one_record::{CLIENT, PHONE, RECORD, Server, client, somebody};
use campo_domain::{
    command::{Command, NovoItem, NovoPedido},
    fluxo::{Guarda, Modo, Quem, Transicao},
    ids::{AnaliseId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    preset,
    refusal::Codigo,
    registro::{Campos, Registro, SituacaoArquivo, TipoAnalise, Visibilidade},
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use campo_sync::{
    client::{self, Context, Event, Fate, LocalDocument, Stamp},
    document,
    wire::{Outcome, Push, Verdict},
};
use campo_tests::oracle::flow;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The request of the technician, and the other one.
const PROPOSED: PedidoId = PedidoId::from_u128(0xa1);
const DECIDED: PedidoId = PedidoId::from_u128(0xb1);
/// Notes of both.
const OF_THE_PHONE: NotaId = NotaId::from_u128(0xa2);
const OF_THE_OFFICE: NotaId = NotaId::from_u128(0xb2);

/// Of pairs of verbs that are both possible: how many there are, and how much the technician wrote
/// behind the request that it alone made possible: what was merged, and what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    pairs: u32,
    merged: u32,
    held: u32,
}

impl Tally {
    fn add(&mut self, pair: Option<Tally>) {
        let Tally { pairs, merged, held } = pair.unwrap_or_default();
        self.pairs += pairs;
        self.merged += merged;
        self.held += held;
    }
}

/// A number that changes says that a rule has changed: look which pair came or went, and whether it
/// should.
const PAIRS: [(&str, Tally); 5] = [
    ("P000", Tally { pairs: 30, merged: 4, held: 1 }),
    ("P001", Tally { pairs: 85, merged: 0, held: 0 }),
    ("P002", Tally { pairs: 67, merged: 11, held: 10 }),
    ("P003", Tally { pairs: 60, merged: 9, held: 9 }),
    ("P004", Tally { pairs: 124, merged: 12, held: 0 }),
];
/// The same for photos on their way, over all presets.
const ON_THE_WAY: Tally = Tally { pairs: 248, merged: 6, held: 20 };

fn technician() -> Pessoa {
    somebody(1)
}

fn office() -> Pessoa {
    somebody(2)
}

/// Something that the field takes.
fn sample(campo: &Campo, tipo: &Tipo) -> Valor {
    let text = |text: &str| Valor::Texto(text.into());
    match (campo.nome, &campo.tipo) {
        ("categoria", _) if !tipo.categorias.is_empty() => text(&tipo.categorias[0].codigo),
        ("uf", _) => text("SP"),
        ("email" | "contato_email", _) => text("lia@exemplo.com.br"),
        (_, TipoCampo::Texto { .. } | TipoCampo::TextoLongo { .. }) => text("escrito"),
        (_, TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. }) => Valor::Inteiro(1_000),
        (_, TipoCampo::Inteiro { min, .. }) => Valor::Inteiro(*min),
        (_, TipoCampo::Logico) => Valor::Logico(false),
        (_, TipoCampo::Data) => Valor::Data(NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()),
        (_, TipoCampo::Instante) => Valor::Instante(DateTime::UNIX_EPOCH),
        (_, TipoCampo::Escolha(opcoes)) => text(opcoes[0].0),
        (_, TipoCampo::Referencia(Alvo::Catalogo(_))) => text("codigo"),
        (_, TipoCampo::Referencia(Alvo::Usuario)) => Valor::Id(technician().id.uuid()),
        (_, TipoCampo::Referencia(Alvo::Documento(Kind::Cliente))) => Valor::Id(CLIENT.uuid()),
        (_, TipoCampo::Referencia(_)) => Valor::Id(Uuid::from_u128(7)),
    }
}

/// A record with every field of its form filled in, but for what is judged later.
fn opened(tipo: &Tipo) -> Server {
    let form = tipo.kind.campos().iter().filter(|campo| tipo.tem_campo(campo.nome));
    let fields = form.filter(|campo| !matches!(campo.nome, "procedencia" | "ocorrencia"));
    let campos: Campos = fields.map(|campo| (campo.nome.to_owned(), sample(campo, tipo))).collect();
    let (id, kind, referencia) = (RECORD, tipo.kind, tipo.referencia());
    let mut server = Server::new([tipo.clone()]);
    let criar = Command::Criar { id, kind, tipo: referencia, campos, itens: vec![] };
    server.office(&office(), &criar).unwrap();
    server
}

/// The request of a transition, with the analysis that it brings.
fn ask(transicao: &Transicao, pedido: PedidoId) -> Command {
    match transicao.traz {
        Some(tipo) => Command::Analisar {
            analise: AnaliseId::from(pedido.uuid()),
            tipo,
            texto: "Visto.".into(),
            procedente: (tipo == TipoAnalise::Laudo).then_some(true),
            pedido: Some(NovoPedido { id: pedido, email: true }),
            encaminhar: None,
        },
        None => Command::Transicionar {
            pedido,
            verbo: transicao.verbo.clone(),
            motivo: Some("Porque sim.".into()),
            email: true,
        },
    }
}

/// A photo, declared.
fn photo(tipo: &Tipo, categoria: &str, n: u128) -> Command {
    let fields = tipo.kind.campos_de(Colecao::Anexos).iter();
    let fields = fields.map(|campo| (campo.nome.to_owned(), sample(campo, tipo)));
    let mut campos: Campos = fields.collect();
    campos.insert("categoria".into(), Valor::Texto(categoria.to_owned()));
    campos.insert("sha256".into(), Valor::Texto("0".repeat(64)));
    campos.insert("posicao".into(), Valor::Texto("-23.55052,-46.63331".into()));
    let id = ItemId::from_u128(n);
    Command::IncluirItem { em: Colecao::Anexos, item: NovoItem { id, campos } }
}

/// What the record still lacks for the transition, as far as somebody may fill it in.
fn fulfil(server: &mut Server, transicao: &Transicao) {
    let tipo = server.tipo().clone();
    for (n, guarda) in transicao.guardas.iter().enumerate() {
        let text = |campo: &str, valor: &str| Command::Editar {
            campo: campo.into(),
            valor: Valor::Texto(valor.into()),
            visto: None,
        };
        let command = match guarda {
            Guarda::Categoria(nomes) => Some(text("categoria", &nomes[0])),
            Guarda::CategoriaExceto(nomes) => {
                let other = tipo.categorias.iter().find(|c| !nomes.contains(&c.codigo));
                other.map(|categoria| text("categoria", &categoria.codigo))
            }
            Guarda::Procedencia if tipo.analisa_procedencia => {
                Some(text("procedencia", "procedente"))
            }
            Guarda::Fotos => {
                let mut asked = tipo.min_fotos.keys();
                asked.next().map(|categoria| photo(&tipo, categoria, 0xf0 + n as u128))
            }
            _ => None,
        };
        if let Some(command) = command {
            // Where it may not be written, the request is refused, as it must be.
            let _ = server.office(&office(), &command);
            if let Command::IncluirItem { em: Colecao::Anexos, item } = &command {
                server.arquivo(item.id, SituacaoArquivo::Verificada);
            }
        }
    }
}

/// Every situação of the tipo's fluxo, with a record that came to it step by step.
pub fn everywhere(tipo: &Tipo) -> BTreeMap<String, Server> {
    let mut reached = BTreeMap::from([(tipo.fluxo.inicial.clone(), opened(tipo))]);
    let mut waiting = vec![tipo.fluxo.inicial.clone()];
    while let Some(codigo) = waiting.pop() {
        for (n, transicao) in tipo.fluxo.transicoes.iter().enumerate() {
            if !transicao.de.contains(&codigo) || reached.contains_key(&transicao.para) {
                continue;
            }
            let mut server = reached[&codigo].clone();
            fulfil(&mut server, transicao);
            let pedido = PedidoId::from_u128(((reached.len() as u128) << 16) + n as u128 + 1);
            if decide(&mut server, transicao, pedido) {
                reached.insert(transicao.para.clone(), server);
                waiting.push(transicao.para.clone());
            }
        }
    }
    reached
}

/// Somebody who may, asks for it on the server. False if it is refused.
fn decide(server: &mut Server, transicao: &Transicao, pedido: PedidoId) -> bool {
    let quem =
        if transicao.quem.contains(&Quem::Interno) { Quem::Interno } else { transicao.quem[0] };
    match quem {
        Quem::Interno => server.office(&office(), &ask(transicao, pedido)).is_ok(),
        Quem::Cliente => server.office(&client(3), &ask(transicao, pedido)).is_ok(),
        Quem::Sistema => {
            let heads = server.heads();
            server.end_wait(&heads, pedido)
        }
    }
}

/// What a phone holds of the record.
fn held_by_phone(server: &Server) -> LocalDocument {
    LocalDocument {
        id: RECORD,
        generation: 1,
        chunks: document::save(&server.merged().unwrap().document),
        nonce: None,
        in_scope: true,
        queue: Vec::new(),
    }
}

fn context<'a>(server: &'a Server, pessoa: &'a Pessoa) -> Context<'a> {
    Context { pessoa, device: PHONE, tipos: server.tipos() }
}

/// The technician does it without signal; `None` if the app does not allow it.
fn offline(
    local: LocalDocument,
    server: &Server,
    pessoa: &Pessoa,
    command: Command,
    at: DateTime<Utc>,
) -> Option<LocalDocument> {
    let id = Uuid::from_u128(0xc0 + local.queue.len() as u128).into();
    let stamp = Stamp { id, at, seen: 0, nonce: 9 };
    client::run(Some(local), &context(server, pessoa), command, stamp).ok().map(|ran| ran.document)
}

fn note(id: NotaId) -> Command {
    let visibilidade = Visibilidade::Interna;
    Command::Anotar { id, texto: "Vale para sempre.".into(), visibilidade, resposta_a: None }
}

/// What the technician does behind the request and could not do before it: a field that opens, and
/// a partial analysis. In order; nothing where the request opens nothing.
fn go_on(mut local: LocalDocument, server: &Server, pessoa: &Pessoa) -> LocalDocument {
    let tipo = server.tipo();
    let fields = tipo.kind.campos().iter().filter(|campo| tipo.tem_campo(campo.nome));
    let edits = fields.filter(|campo| !campo.longo()).map(|campo| {
        let valor = match sample(campo, tipo) {
            // Not what it is already.
            Valor::Texto(text) if text == "escrito" => Valor::Texto("de novo".into()),
            valor => valor,
        };
        Command::Editar { campo: campo.nome.to_owned(), valor, visto: None }
    });
    let analysis = Command::Analisar {
        analise: AnaliseId::from_u128(0xa3),
        tipo: TipoAnalise::Parcial,
        texto: "Adiantado sem sinal.".into(),
        procedente: None,
        pedido: None,
        encaminhar: None,
    };
    let closed = |command: &Command| {
        let now = server.clone().office(pessoa, command);
        now.is_err_and(|refusal| refusal.codigo == Codigo::SituacaoNaoPermiteEdicao)
    };
    let mut edited = false;
    for command in edits.chain([analysis]).filter(closed) {
        let edits = matches!(command, Command::Editar { .. });
        if edits && edited {
            continue;
        }
        let before = local.queue.len();
        if let Some(gone) = offline(local.clone(), server, pessoa, command, server.now()) {
            edited |= edits && gone.queue.len() > before;
            local = gone;
        }
    }
    local
}

/// What stands in the queue from that place on.
fn pushes(local: &LocalDocument, from: usize) -> Vec<Push> {
    let push = |change: &Vec<u8>| Push {
        document: RECORD,
        generation: 1,
        change: change.clone(),
        seen: 0,
    };
    local.queue[from..].iter().map(|queued| push(&queued.change)).collect()
}

/// One pair, from one situação. `None` if one of the two is not possible there.
fn pair(start: &Server, proposed: &Transicao, decided: &Transicao) -> Option<Tally> {
    let tec = technician();
    let mut server = start.clone();
    fulfil(&mut server, proposed);
    fulfil(&mut server, decided);
    let common = server.log.len();
    let local = held_by_phone(&server);
    let other_phone = local.clone();

    let local = offline(local, &server, &tec, ask(proposed, PROPOSED), server.now())?;
    let noted = offline(local.clone(), &server, &tec, note(OF_THE_PHONE), server.now());
    let told = noted.is_some();
    let local = noted.unwrap_or(local);
    let until_then = local.queue.len();
    let local = go_on(local, &server, &tec);

    let told_too = server.office(&office(), &note(OF_THE_OFFICE)).is_ok();
    if !decide(&mut server, decided, DECIDED) {
        return None;
    }
    let before = server.registro().clone();
    let tipo = server.tipo().clone();
    assert_eq!(before.situacao.as_deref(), Some(&*decided.para));
    let command = ask(proposed, PROPOSED);
    let request = flow::request(&command, &tipo).unwrap();
    let leads = flow::leads(&before, &tipo, &tec, &request, false);

    let pushes = pushes(&local, 0);
    let (verdicts, held) = server.push(&tec, PHONE, &pushes);
    let label = format!(
        "{} {:?}: {} proposed, {} decided",
        tipo.codigo,
        start.registro().situacao,
        proposed.verbo,
        decided.verbo
    );

    // The order of judgement, and nothing else, says where it leads.
    let registro = server.registro();
    let expected = leads.as_ref().unwrap_or(&decided.para);
    assert_eq!(registro.situacao.as_ref(), Some(expected), "{label}");
    let verdict = |id: PedidoId| {
        let of: Vec<_> = registro.pedidos.iter().filter(|p| p.id == id).collect();
        assert_eq!(of.len(), 1, "{label}");
        of[0].veredito.clone().unwrap_or_else(|| panic!("{label}: no verdict"))
    };
    assert_eq!(verdict(DECIDED).recusa, None, "{label}");
    let recusa = verdict(PROPOSED).recusa.map(|refusal| refusal.codigo.codigo());
    match &leads {
        Ok(_) => assert_eq!(recusa, None, "{label}"),
        Err(codes) => assert!(recusa.is_some_and(|c| codes.contains(c)), "{label}: {recusa:?}"),
    }
    assert!(registro.pedidos.iter().all(|pedido| pedido.veredito.is_some()), "{label}");

    // Nothing is lost: merged, or kept for the office.
    let kept = |id: NotaId| registro.notas.iter().any(|nota| nota.id == id);
    let waits = |own: &Push| held.iter().any(|push| push.change == own.change);
    assert!(!told || kept(OF_THE_PHONE) || waits(&pushes[1]), "{label}: the note is lost");
    assert!(!told_too || kept(OF_THE_OFFICE), "{label}");
    if let Some(traz) = proposed.traz {
        let analise = registro.analises.iter().find(|a| a.pedido == Some(PROPOSED));
        assert_eq!(analise.map(|a| a.tipo), Some(traz), "{label}: the analysis is lost");
    }

    // A fact is always kept: merged where the request led as foreseen, for the office to decide
    // where somebody else's took its place and it fits no more.
    let gone_on = &pushes[until_then..];
    let mut tally = Tally { pairs: 1, ..Tally::default() };
    for (own, verdict) in gone_on.iter().zip(&verdicts[until_then..]) {
        let merged = matches!(verdict.outcome, Outcome::Accepted { .. });
        assert!(
            merged || waits(own),
            "{label}: {:?} of what was written behind it",
            verdict.outcome
        );
        assert!(merged || leads.is_err(), "{label}: held, though it led as foreseen");
        let fits = decided.para == proposed.para || *expected == proposed.para;
        assert!(merged || !fits, "{label}: held, though it fits");
        *(if merged { &mut tally.merged } else { &mut tally.held }) += 1;
    }

    // Every replica comes to the same.
    let own: Vec<&[u8]> = pushes.iter().map(|push| &push.change[..]).collect();
    let change = |bytes: &Vec<u8>| Event::Change { generation: 1, bytes: bytes.clone() };
    let new = &server.log[common..];
    let verdicts =
        verdicts.into_iter().map(|v| Event::Verdict { hash: v.hash, outcome: v.outcome });
    let arrives = new.iter().filter(|bytes| !own.contains(&&bytes[..])).map(change);
    let events: Vec<Event> = verdicts.chain(arrives).collect();
    let absorbed =
        client::absorb(Some(local), RECORD, events, &context(&server, &tec), 10).unwrap();
    assert_eq!(absorbed.settled.len(), pushes.len(), "{label}");
    let refused = absorbed.settled.iter().any(|s| matches!(s.fate, Fate::Refused { .. }));
    assert!(!refused, "{label}: {:?}", absorbed.settled);
    let view = absorbed.view.unwrap();
    assert_eq!((&view.registro, &view.previsto), (registro, registro), "{label}");
    let events = new.iter().map(change).collect();
    let absorbed =
        client::absorb(Some(other_phone), RECORD, events, &context(&server, &tec), 11).unwrap();
    assert_eq!(&absorbed.view.unwrap().registro, registro, "{label}");
    Some(tally)
}

#[test]
fn whoever_is_judged_first_wins_and_nothing_is_lost_in_every_pair_of_verbs_of_every_preset() {
    let mut pairs = Vec::new();
    for preset in preset::ids() {
        let mut tally = Tally::default();
        let tipos = preset::carregar(preset).unwrap().tipos;
        for tipo in tipos.iter().filter(|tipo| !tipo.fluxo.transicoes.is_empty()) {
            let reached = everywhere(tipo);
            let unreached = tipo.fluxo.situacoes.iter().find(|s| !reached.contains_key(&s.codigo));
            assert!(unreached.is_none(), "{}: no way to {unreached:?}", tipo.codigo);
            for (codigo, start) in &reached {
                let from = |t: &&Transicao| t.de.contains(codigo);
                for proposed in tipo.fluxo.transicoes.iter().filter(from) {
                    for decided in tipo.fluxo.transicoes.iter().filter(from) {
                        let pair = pair(start, proposed, decided);
                        let offline =
                            proposed.modo != Modo::Online && proposed.quem.contains(&Quem::Interno);
                        assert!(offline || pair.is_none(), "{} without signal", proposed.verbo);
                        tally.add(pair);
                    }
                }
            }
        }
        pairs.push((preset, tally));
    }
    assert_eq!(pairs, PAIRS);
}

/// R61–R63: sent for analysis without signal, judged and analysed on the spot.
#[test]
fn what_is_written_behind_ones_own_request_is_merged_with_it_or_kept_for_the_office() {
    let preset = preset::carregar("P003").unwrap();
    let tipo = preset.tipos.iter().find(|tipo| tipo.codigo == "p003.reclamacao").unwrap();
    let start = &everywhere(tipo)["iniciado"];
    let edge = |verbo| tipo.fluxo.transicao(verbo).unwrap();
    let tec = technician();
    let enviar = ask(edge("enviar_para_analise"), PROPOSED);
    let local = offline(held_by_phone(start), start, &tec, enviar, start.now()).unwrap();
    let pushes = pushes(&go_on(local, start, &tec), 0);
    let outcomes = |server: &mut Server| -> Vec<&str> {
        let (verdicts, _) = server.push(&tec, PHONE, &pushes);
        let outcomes = verdicts.iter().map(|verdict| match &verdict.outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Held { .. } => "held",
            _ => "lost",
        });
        outcomes.collect()
    };

    let mut server = start.clone();
    assert_eq!(outcomes(&mut server), ["accepted"; 3]);
    let registro = server.registro();
    assert_eq!(registro.valor("procedencia").texto(), Some("procedente"));
    assert_eq!((registro.situacao.as_deref(), registro.analises.len()), (Some("em_analise"), 1));

    let mut server = start.clone();
    assert!(decide(&mut server, edge("cancelar"), DECIDED));
    assert_eq!(outcomes(&mut server), ["accepted", "held", "held"]);
    assert_eq!(server.registro().situacao.as_deref(), Some("cancelado"));
}

/// A technician asks for a transition with a photo that is still on the phone; the office decides
/// something meanwhile, or the photo arrives first. `None` if that is not possible here.
fn photo_on_its_way(start: &Server, proposed: &Transicao, decided: &Transicao) -> Option<Tally> {
    let (tec, tipo) = (technician(), start.tipo());
    let mut with_photo = tipo.clone();
    with_photo.min_fotos = [("avaria".to_owned(), 1)].into();
    let of = |t: &&mut Transicao| t.verbo == proposed.verbo;
    with_photo.fluxo.transicoes.iter_mut().find(of).unwrap().guardas.push(Guarda::Fotos);
    let mut server = start.with(with_photo);
    fulfil(&mut server, proposed);
    fulfil(&mut server, decided);
    let id = ItemId::from_u128(0xff);
    server.office(&tec, &photo(tipo, "avaria", 0xff)).unwrap();
    let local =
        offline(held_by_phone(&server), &server, &tec, ask(proposed, PROPOSED), server.now())?;
    let local = go_on(local, &server, &tec);
    let (push, behind) = (pushes(&local, 0).remove(0), pushes(&local, 1));
    let mut at_once = server.clone();
    at_once.push_and_verify(&tec, &push, id);
    server.push(&tec, PHONE, &[push]);

    let label = format!("{}: {} proposed, {} decided", tipo.codigo, proposed.verbo, decided.verbo);
    let verdict = |server: &Server| {
        let pedido = server.registro().pedidos.iter().find(|p| p.id == PROPOSED).unwrap().clone();
        pedido.veredito.map(|v| v.recusa.map_or(Ok(v.para), |refusal| Err(refusal.codigo)))
    };
    assert_eq!(verdict(&server), None, "{label}: concluded on what nobody has");
    assert_eq!(verdict(&at_once), Some(Ok(proposed.para.clone())), "{label}: in one commit");
    let at_the_desk = server.clone().office(&office(), &ask(proposed, DECIDED));
    let told = at_the_desk.map_err(|refusal| refusal.codigo);
    assert_eq!(told, Err(Codigo::FotosACaminho), "{label}");

    // The phone shows the record where the request leads: what is written there is kept, also
    // while the request waits.
    let accepted = |server: &mut Server| {
        let (verdicts, _) = server.push(&tec, PHONE, &behind);
        let accepted = |v: &Verdict| matches!(v.outcome, Outcome::Accepted { .. });
        assert!(verdicts.iter().all(accepted), "{label}: {verdicts:?}");
    };
    accepted(&mut server.clone());
    accepted(&mut at_once);

    let mut first = server.clone();
    for situacao in [SituacaoArquivo::Recebida, SituacaoArquivo::Recusada] {
        assert!(first.arquivo(id, situacao));
        assert_eq!(verdict(&first), None, "{label}: {situacao:?}");
    }
    assert!(first.arquivo(id, SituacaoArquivo::Verificada));
    assert_eq!(verdict(&first), Some(Ok(proposed.para.clone())), "{label}");
    let after = first.registro().clone();
    accepted(&mut first.clone());
    assert!(first.arquivo(id, SituacaoArquivo::Recusada), "the answer of a slower process");
    assert_eq!(first.registro(), &after, "{label}");

    // It does not keep the office waiting.
    if !decide(&mut server, decided, DECIDED) {
        return None;
    }
    let mut tally = Tally { pairs: 1, ..Tally::default() };
    let (verdicts, held) = server.clone().push(&tec, PHONE, &behind);
    for (own, verdict) in behind.iter().zip(verdicts) {
        let waits = held.iter().any(|push| push.change == own.change);
        let merged = matches!(verdict.outcome, Outcome::Accepted { .. });
        assert!(merged || waits, "{label}: {:?} of what was written behind it", verdict.outcome);
        *(if merged { &mut tally.merged } else { &mut tally.held }) += 1;
    }
    let (registro, tipo) = (server.registro(), server.tipo());
    assert_eq!(registro.situacao.as_ref(), Some(&decided.para), "{label}");
    let command = ask(proposed, PROPOSED);
    let request = flow::request(&command, tipo).unwrap();
    match flow::leads(registro, tipo, &tec, &request, false) {
        Ok(para) => {
            assert_eq!(verdict(&server), None, "{label}");
            assert!(server.arquivo(id, SituacaoArquivo::Verificada));
            assert_eq!(verdict(&server), Some(Ok(para)), "{label}");
        }
        Err(codes) => {
            let refused = verdict(&server).and_then(Result::err);
            assert!(refused.is_some_and(|code| codes.contains(code.codigo())), "{label}");
        }
    }
    Some(tally)
}

#[test]
fn a_request_waits_for_its_photos_and_nobody_waits_for_it() {
    let tipos = preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos);
    let mut tally = Tally::default();
    for tipo in tipos {
        for (codigo, start) in everywhere(&tipo) {
            let from = |t: &&Transicao| t.de.contains(&codigo);
            for proposed in tipo.fluxo.transicoes.iter().filter(from) {
                for decided in tipo.fluxo.transicoes.iter().filter(from) {
                    if decided.verbo != proposed.verbo {
                        tally.add(photo_on_its_way(&start, proposed, decided));
                    }
                }
            }
        }
    }
    assert_eq!(tally, ON_THE_WAY);
}

#[test]
fn a_wait_that_has_ended_is_not_ended_again_and_a_late_answer_is_judged_as_late() {
    let tipos = preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos);
    let mut waits = 0;
    for tipo in tipos.filter(|tipo| tipo.dias_inatividade.is_some()) {
        let all = &tipo.fluxo.transicoes;
        let ends = all.iter().find(|t| t.quem.contains(&Quem::Sistema)).unwrap();
        let reached = everywhere(&tipo);
        let start = &reached[&ends.de[0]];
        // Two servers found it; one of them is first.
        let mut server = start.clone();
        let found = server.heads();
        assert!(server.end_wait(&found, DECIDED));
        assert!(!server.end_wait(&found, PROPOSED));
        assert_eq!(server.registro().situacao.as_ref(), Some(&ends.para));
        let last = server.registro().pedidos.last().unwrap();
        assert_eq!((last.id, last.autoria.por), (DECIDED, UserId::SERVIDOR));
        // What was written before its time and arrives after the look begins the wait anew.
        let mut server = start.clone();
        let found = server.heads();
        let tec = technician();
        let at = DateTime::UNIX_EPOCH;
        let local = offline(held_by_phone(&server), &server, &tec, note(OF_THE_PHONE), at).unwrap();
        let change = local.queue[0].change.clone();
        let push = Push { document: RECORD, generation: 1, change, seen: 0 };
        server.push(&tec, PHONE, &[push]);
        assert!(!server.end_wait(&found, DECIDED));
        let registro: &Registro = server.registro();
        assert_eq!(registro.situacao.as_ref(), Some(&ends.de[0]));
        assert_eq!(registro.notas.len(), start.registro().notas.len() + 1);
        waits += 1;
    }
    assert!(waits > 0, "no preset waits for its client");
}
