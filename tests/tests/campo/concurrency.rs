//! Two people who do not know of each other ask for two transitions: a technician without signal
//! for one, the office, a client or the server's clock for another. For every preset, every
//! situação and every pair of verbs that leave it.

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
    wire::Push,
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
fn everywhere(tipo: &Tipo) -> BTreeMap<String, Server> {
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

/// One pair, from one situação. False if one of the two is not possible there.
fn pair(start: &Server, proposed: &Transicao, decided: &Transicao) -> bool {
    let tec = technician();
    let mut server = start.clone();
    fulfil(&mut server, proposed);
    fulfil(&mut server, decided);
    let common = server.log.len();
    let local = held_by_phone(&server);
    let other_phone = local.clone();

    let Some(local) = offline(local, &server, &tec, ask(proposed, PROPOSED), server.now()) else {
        return false;
    };
    let noted = offline(local.clone(), &server, &tec, note(OF_THE_PHONE), server.now());
    let told = noted.is_some();
    let local = noted.unwrap_or(local);

    let told_too = server.office(&office(), &note(OF_THE_OFFICE)).is_ok();
    if !decide(&mut server, decided, DECIDED) {
        return false;
    }
    let before = server.registro().clone();
    let tipo = server.tipo().clone();
    assert_eq!(before.situacao.as_deref(), Some(&*decided.para));
    let command = ask(proposed, PROPOSED);
    let request = flow::request(&command, &tipo).unwrap();
    let leads = flow::leads(&before, &tipo, &tec, &request, false);

    let pushes: Vec<Push> = local
        .queue
        .iter()
        .map(|queued| Push {
            document: RECORD,
            generation: 1,
            change: queued.change.clone(),
            seen: 0,
        })
        .collect();
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
    let waiting = held.iter().any(|push| Some(&push.change) == pushes.last().map(|p| &p.change));
    assert!(!told || kept(OF_THE_PHONE) || waiting, "{label}: the note is lost");
    assert!(!told_too || kept(OF_THE_OFFICE), "{label}");
    if let Some(traz) = proposed.traz {
        let analise = registro.analises.iter().find(|a| a.pedido == Some(PROPOSED));
        assert_eq!(analise.map(|a| a.tipo), Some(traz), "{label}: the analysis is lost");
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
    true
}

#[test]
fn whoever_is_judged_first_wins_and_nothing_is_lost_in_every_pair_of_verbs_of_every_preset() {
    for preset in preset::ids() {
        let mut pairs = 0;
        let tipos = preset::carregar(preset).unwrap().tipos;
        for tipo in tipos.iter().filter(|tipo| !tipo.fluxo.transicoes.is_empty()) {
            let reached = everywhere(tipo);
            let unreached = tipo.fluxo.situacoes.iter().find(|s| !reached.contains_key(&s.codigo));
            assert!(unreached.is_none(), "{}: no way to {unreached:?}", tipo.codigo);
            for (codigo, start) in &reached {
                let from = |t: &&Transicao| t.de.contains(codigo);
                for proposed in tipo.fluxo.transicoes.iter().filter(from) {
                    for decided in tipo.fluxo.transicoes.iter().filter(from) {
                        let possible = pair(start, proposed, decided);
                        let offline =
                            proposed.modo != Modo::Online && proposed.quem.contains(&Quem::Interno);
                        assert!(offline || !possible, "{} without signal", proposed.verbo);
                        pairs += u32::from(possible);
                    }
                }
            }
        }
        assert!(pairs >= 12, "{preset}: only {pairs} pairs were possible");
    }
}

/// A technician asks for a transition with a photo that is still on the phone; the office decides
/// something meanwhile, or the photo arrives first. False if that is not possible here.
fn photo_on_its_way(tipo: &Tipo, proposed: &Transicao, decided: &Transicao) -> bool {
    let tec = technician();
    let mut with_photo = tipo.clone();
    with_photo.min_fotos = [("avaria".to_owned(), 1)].into();
    let of = |t: &&mut Transicao| t.verbo == proposed.verbo;
    with_photo.fluxo.transicoes.iter_mut().find(of).unwrap().guardas.push(Guarda::Fotos);
    let mut server = opened(&with_photo);
    fulfil(&mut server, proposed);
    fulfil(&mut server, decided);
    let id = ItemId::from_u128(0xff);
    server.office(&tec, &photo(tipo, "avaria", 0xff)).unwrap();
    let asked =
        offline(held_by_phone(&server), &server, &tec, ask(proposed, PROPOSED), server.now());
    let Some(local) = asked else { return false };
    let change = local.queue[0].change.clone();
    let push = Push { document: RECORD, generation: 1, change, seen: 0 };
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

    let mut first = server.clone();
    for situacao in [SituacaoArquivo::Recebida, SituacaoArquivo::Recusada] {
        assert!(first.arquivo(id, situacao));
        assert_eq!(verdict(&first), None, "{label}: {situacao:?}");
    }
    assert!(first.arquivo(id, SituacaoArquivo::Verificada));
    assert_eq!(verdict(&first), Some(Ok(proposed.para.clone())), "{label}");
    let after = first.registro().clone();
    assert!(first.arquivo(id, SituacaoArquivo::Recusada), "the answer of a slower process");
    assert_eq!(first.registro(), &after, "{label}");

    // It does not keep the office waiting.
    if !decide(&mut server, decided, DECIDED) {
        return false;
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
    true
}

#[test]
fn a_request_waits_for_its_photos_and_nobody_waits_for_it() {
    let tipos = preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos);
    let mut pairs = 0;
    for tipo in tipos {
        let from = |t: &&Transicao| t.de.contains(&tipo.fluxo.inicial);
        for proposed in tipo.fluxo.transicoes.iter().filter(from) {
            for decided in tipo.fluxo.transicoes.iter().filter(from) {
                if decided.verbo != proposed.verbo {
                    pairs += u32::from(photo_on_its_way(&tipo, proposed, decided));
                }
            }
        }
    }
    assert!(pairs >= 30, "only {pairs} pairs were possible");
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
