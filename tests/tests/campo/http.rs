//! What the server answers to those who may not, do not, or must not: strangers, rubbish, bombs and
//! other companies.

use crate::{
    client::{Client, created},
    harness::{AURORA, Site, VIZINHA, a_device},
    page_client::Pages,
};
use campo_domain::{kind::Kind, valor::Valor};
use campo_sync::wire::{self, Entry, Limits, Outcome, Push};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

/// What a route answers to somebody without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Anybody may come in.
    Open,
    /// 401 with a problem.
    Token,
    /// A redirect to the sign-in; 401 where no page was asked for.
    Session,
}

/// Every route that is known to this test.
const ROUTES: &[(&str, Door)] = &[
    ("/healthz", Door::Open),
    ("/readyz", Door::Open),
    ("/v1/auth/login", Door::Open),
    ("/v1/auth/refresh", Door::Open),
    ("/v1/auth/logout", Door::Token),
    ("/v1/sync", Door::Token),
    ("/v1/live", Door::Token),
    ("/v1/openapi.json", Door::Open),
    ("/web/ao-vivo", Door::Session),
    ("/", Door::Open),
    ("/entrar", Door::Open),
    ("/sair", Door::Session),
    ("/assistencias", Door::Session),
    ("/ocorrencias", Door::Session),
    ("/agenda", Door::Session),
    ("/retidas", Door::Session),
    ("/retidas/{id}", Door::Session),
    ("/novo/{kind}", Door::Session),
    ("/registros/{kind}/{id}", Door::Session),
    ("/registros/{kind}/{id}/campo", Door::Session),
    ("/registros/{kind}/{id}/conflito", Door::Session),
    ("/registros/{kind}/{id}/retida", Door::Session),
    ("/registros/{kind}/{id}/transicao", Door::Session),
    ("/registros/{kind}/{id}/analise", Door::Session),
    ("/registros/{kind}/{id}/nota", Door::Session),
    ("/registros/{kind}/{id}/participante", Door::Session),
    ("/registros/{kind}/{id}/interessado", Door::Session),
    ("/registros/{kind}/{id}/restricao", Door::Session),
    ("/registros/{kind}/{id}/parte", Door::Session),
    ("/registros/{kind}/{id}/parte/remover", Door::Session),
    ("/registros/{kind}/{id}/acao", Door::Session),
    ("/registros/{kind}/{id}/corretiva", Door::Session),
    ("/web/anexos/{documento}/{anexo}/{variante}", Door::Session),
    // Opened by its signature alone.
    ("/arquivo/{tenant}/{documento}/{anexo}/{variante}", Door::Open),
    ("/assets/{file}", Door::Open),
];

#[test]
fn every_route_is_known_and_closed_to_whoever_has_no_session() {
    let routes = include_str!("../../../server/src/routes.rs");
    let path = |text: &&str| text.starts_with('/') && !text.contains('\n');
    let served: BTreeSet<&str> = routes.split('"').filter(path).collect();
    // Who may use a documented route is in a golden file (`api_routes`).
    let document = campo_server::routes::document();
    let documented = document.paths.paths.keys().map(String::as_str);
    let known: BTreeSet<&str> = ROUTES.iter().map(|(path, _)| *path).chain(documented).collect();
    assert_eq!(served, known, "say in ROUTES who may use a new route");

    let site = Site::new();
    let mut stranger = Pages::stranger(&site);
    let id = uuid::Uuid::now_v7().to_string();
    for (route, door) in ROUTES {
        let path = route
            .replace("{kind}", "assistencia")
            .replace("{id}", &id)
            .replace("{tenant}", &id)
            .replace("{documento}", &id)
            .replace("{anexo}", &id)
            .replace("{variante}", "original")
            .replace("{file}", "nada.css");
        for accept in ["text/html", "application/json"] {
            stranger.headers = vec![("accept", accept.into())];
            let form = "application/x-www-form-urlencoded";
            let answers = [stranger.get(&path), stranger.post(&path, form, b"")];
            let mut let_in = 0;
            for answer in answers {
                let to = answer.header("location");
                // The address of a button, reloaded, leads to its record, which is closed as well.
                let home = to.starts_with("/registros/") && path.starts_with(to) && path != to;
                let said = (answer.status, to.starts_with("/entrar") || home);
                match (door, said) {
                    (_, (405, _)) => {}
                    (Door::Open, _) => let_in += 1,
                    (Door::Token, (401, _)) => assert_eq!(answer.codigo(), "nao_autenticado"),
                    (Door::Session, (303, true)) if accept == "text/html" || home => {}
                    (Door::Session, (401, _)) if accept != "text/html" => {}
                    _ => panic!("{route} {accept}: {said:?} {}", answer.body),
                }
            }
            assert_eq!(let_in > 0, *door == Door::Open, "{route}");
        }
    }
}

#[test]
fn an_unknown_path_and_a_wrong_method_are_problems_that_can_be_read() {
    let site = Site::new();
    let stranger = Pages::stranger(&site);
    let answer = stranger.get("/v2/nada");
    assert_eq!((answer.status, answer.codigo()), (404, "nao_encontrado".into()));
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.json()["mensagem"].as_str().unwrap().len() > 10);
    let answer = stranger.get("/v1/sync");
    assert_eq!((answer.status, answer.codigo()), (405, "metodo_nao_aceito".into()));
}

#[test]
fn a_sync_without_a_token_or_in_another_devices_name_is_turned_away() {
    let site = Site::new();
    let stranger = Pages::stranger(&site);
    let ana = Client::enter(&stranger, AURORA, "ana");
    let mut request = ana.request(Vec::new());
    let body = wire::pack(&request).unwrap();
    let answer = stranger.post("/v1/sync", wire::CONTENT_TYPE, &body);
    assert_eq!((answer.status, answer.codigo()), (401, "nao_autenticado".into()));
    request.device = a_device();
    let answer = ana.post(&wire::pack(&request).unwrap());
    assert_eq!((answer.status, answer.codigo()), (403, "aparelho_alheio".into()));
    assert_eq!(ana.post(&body).status, 200);
}

#[test]
fn an_answer_that_did_not_wait_for_the_body_arrives_all_the_same() {
    let site = Site::new();
    let mut stream = TcpStream::connect(site.addr()).unwrap();
    let body = vec![7; 256 * 1024];
    let head =
        format!("POST /v1/sync HTTP/1.1\r\nHost: campo\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // By now the server has answered: it knows nobody here.
    std::thread::sleep(Duration::from_millis(200));
    for run in body.chunks(16 * 1024) {
        stream.write_all(run).unwrap();
    }
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 401 Unauthorized\r\n");
}

#[test]
fn rubbish_bombs_and_oversized_batches_are_told_apart_and_leave_nothing() {
    let site = Site::new();
    let pages = Pages::stranger(&site);
    let ana = Client::enter(&pages, AURORA, "ana");
    let whole = wire::pack(&ana.request(Vec::new())).unwrap();
    for body in [&b""[..], b"rubbish", &[0; 100], &whole[..whole.len() - 3]] {
        let answer = ana.post(body);
        assert_eq!((answer.status, answer.codigo()), (400, "pedido_invalido".into()));
    }
    // A few kilobytes that unpack to 64 MiB.
    let bomb = wire::pack(&minicbor::bytes::ByteVec::from(vec![0; 64 << 20])).unwrap();
    assert!(bomb.len() < 64 * 1024);
    let answer = ana.post(&bomb);
    assert_eq!((answer.status, answer.codigo()), (413, "lote_grande_demais".into()));

    let limits = Limits::DEFAULT;
    let tiny = Push { document: uuid::Uuid::nil().into(), generation: 1, change: vec![], seen: 0 };
    let many = vec![tiny.clone(); limits.push_items_max as usize + 1];
    let noise: Vec<u8> = (0..limits.push_bytes_max * 2).map(|_| rand::random()).collect();
    let large = vec![Push { change: noise, ..tiny }];
    for push in [many, large] {
        let answer = ana.post(&wire::pack(&ana.request(push)).unwrap());
        assert_eq!(answer.status, 413, "{}", answer.body);
        let told = answer.json();
        assert_eq!(told["push_items_max"], limits.push_items_max);
        assert_eq!(told["push_bytes_max"], limits.push_bytes_max);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(site.count("SELECT count(*) FROM document"), 0);
}

/// The names of the events of a live stream, as they come; the channel closes with the stream.
fn listen(site: &Site, path: &str, header: &str) -> Receiver<String> {
    let mut stream = TcpStream::connect(site.addr()).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: campo\r\n{header}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(event) = line.strip_prefix("event:") {
                let _ = sender.send(event.trim().to_owned());
            }
        }
    });
    receiver
}

const SOON: Duration = Duration::from_secs(5);

#[test]
fn live_says_that_something_moved_to_the_company_alone_and_ends_with_the_server() {
    let mut site = Site::new();
    let pages = Pages::stranger(&site);
    let mut ana = Client::enter(&pages, AURORA, "ana");
    let dora = Client::enter(&pages, VIZINHA, "dora");
    let bearer = |client: &Client| format!("authorization: {}", client.bearer());
    let carla = Pages::enter(&site, AURORA, "carla");
    let cookie = format!("cookie: {}", carla.headers[0].1);
    let hers = listen(&site, "/v1/live", &bearer(&ana));
    let office = listen(&site, "/web/ao-vivo", &cookie);
    let theirs = listen(&site, "/v1/live", &bearer(&dora));
    // The first event says that the stream stands. Whoever began to listen to the database only now
    // may tell everyone once more.
    for stream in [&hers, &office, &theirs] {
        assert_eq!(stream.recv_timeout(SOON).unwrap(), "moveu");
        while stream.recv_timeout(Duration::from_millis(600)).is_ok() {}
    }

    let nome = Valor::Texto("Padaria".into());
    let (_, push) = created(site.pessoa("ana"), ana.device, Kind::Cliente, &[("nome", nome)]);
    ana.sync(vec![push]);
    for stream in [&hers, &office] {
        assert_eq!(stream.recv_timeout(SOON).unwrap(), "moveu");
    }
    let silence = theirs.recv_timeout(Duration::from_millis(700));
    assert_eq!(silence, Err(RecvTimeoutError::Timeout));
    site.stop();
    for stream in [hers, office, theirs] {
        assert_eq!(stream.recv_timeout(SOON), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn a_device_of_one_company_neither_pushes_to_nor_pulls_from_another() {
    let site = Site::new();
    let pages = Pages::stranger(&site);
    let mut ana = Client::enter(&pages, AURORA, "ana");
    let mut elias = Client::enter(&pages, VIZINHA, "elias");
    let (pessoa, device) = (site.pessoa("ana"), ana.device);
    let nome = Valor::Texto("Padaria".into());
    let (cliente, genesis) = created(pessoa, device, Kind::Cliente, &[("nome", nome)]);
    assert!(matches!(ana.sync(vec![genesis.clone()]).0[0].outcome, Outcome::Accepted { .. }));

    let note = campo_domain::command::Command::EditarTexto {
        campo: "observacoes".into(),
        de: String::new(),
        para: "Da vizinha".into(),
    };
    let as_elias = site.pessoa("elias");
    let (_, edit) = crate::client::added(Some(cliente), as_elias, elias.device, note);
    // Ana's own bytes, and a change of Elias on Ana's document: neither finds it, and neither makes
    // one of that id that Aurora would notice.
    let (verdicts, entries) = elias.sync(vec![genesis, edit]);
    for verdict in &verdicts {
        let outcome = &verdict.outcome;
        assert!(
            matches!(outcome, Outcome::Refused { .. } | Outcome::Missing { .. }),
            "{outcome:?}"
        );
    }
    for entry in entries {
        match entry {
            Entry::Reference { data, collection, .. } => {
                assert!(!data.contains("Ana Ribeiro"), "{collection} {data}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(site.registro(verdicts[0].document).notas.len(), 0);
    let vizinha = site.vizinha;
    let theirs = format!("SELECT count(*) FROM document WHERE tenant = '{vizinha}'");
    assert_eq!(site.count(&theirs), 0);
    let carla = Pages::enter(&site, VIZINHA, "elias");
    let path = format!("/registros/cliente/{}", verdicts[0].document);
    assert_eq!(carla.get(&path).status, 404);
}
