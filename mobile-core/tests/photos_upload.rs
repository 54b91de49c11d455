//! From the disk to the server: in which order, by which network, and what cuts and crashes leave.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::ids::HeldId;
use campo_mobile_core::{Budget, Error, Network, PhotoState, SessionState, Stop};
use campo_sync::wire::{Outcome, Reason};
use chrono::Utc;
use std::{
    fs,
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{
    Server,
    photos::ana,
    pictures::{jpeg, pdf, sha256},
};
use uuid::Uuid;

/// Positions in which each variant was begun: first and last.
fn ranks(patches: &[String], variante: &str) -> (usize, usize) {
    let at = |(i, v): (usize, &String)| (v == variante).then_some(i);
    let all: Vec<_> = patches.iter().enumerate().filter_map(at).collect();
    (all[0], all[all.len() - 1])
}

#[test]
fn thumbnails_of_all_go_first_then_previews_then_originals_and_all_arrive_whole() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let photos: Vec<_> = (0..6).map(|seed| jpeg(seed, 900, 600)).collect();
    let anexos: Vec<_> = photos.iter().map(|bytes| device.photo(caso, "a.jpg", bytes)).collect();
    // Nothing goes before the server knows what it is.
    assert_eq!(device.send().files, 0);
    device.sync().unwrap();
    let report = device.send();
    assert_eq!((report.files, report.photos, report.failed), (18, 6, 0));
    assert_eq!((report.waiting, report.stopped), (6, None));
    let patches = server.tus.patches();
    assert_eq!(patches.len(), 18);
    assert!(ranks(&patches, "miniatura").1 < ranks(&patches, "previa").0, "{patches:?}");
    assert!(ranks(&patches, "previa").1 < ranks(&patches, "original").0, "{patches:?}");
    for upload in server.tus.whole("original") {
        assert_eq!(sha256(&upload.bytes), upload.sha256);
        assert!(photos.contains(&upload.bytes));
    }
    assert_eq!(server.tus.whole("miniatura").len(), 6);
    for anexo in &anexos {
        assert_eq!(device.estado(caso, *anexo), PhotoState::AtServer);
    }
    // ff08: only the document says that they arrived.
    device.told(&server, caso, &[(anexos[0], "recebida", None)]);
    assert_eq!(device.estado(caso, anexos[0]), PhotoState::AtServer);
    device.told(&server, caso, &[(anexos[0], "verificada", None)]);
    assert_eq!(device.estado(caso, anexos[0]), PhotoState::Verified);
    assert_eq!(device.send().files, 0);
    assert_eq!(server.tus.patches().len(), 18);
}

#[test]
fn ff39_the_budget_of_the_network_is_kept_and_survives_a_restart() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.photo(caso, "a.jpg", &jpeg(1, 900, 600));
    device.sync().unwrap();
    let campo = &device.campo;
    campo.set_network(Network::None);
    assert_eq!(device.send().stopped, Some(Stop::Network));
    campo.set_budget(Budget::WiFiOnly).unwrap();
    campo.set_network(Network::Mobile);
    assert_eq!(device.send().stopped, Some(Stop::Network));
    assert!(server.tus.log().is_empty());

    // Until the system has said what network there is, it is one that costs.
    let device = device.reopen();
    assert_eq!(device.campo.budget().unwrap(), Budget::WiFiOnly);
    assert_eq!(device.send().files, 0);
    device.campo.set_budget(Budget::ThumbnailsOnMobile).unwrap();
    let report = device.send();
    assert_eq!((report.files, report.stopped), (1, Some(Stop::Network)));
    assert_eq!(server.tus.patches(), ["miniatura"]);
    device.campo.set_network(Network::WiFi);
    assert_eq!(device.send().files, 2);
}

#[test]
fn ff39_leaving_the_wifi_in_the_middle_of_a_file_stops_it_there() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = pdf(1, 30_000_000);
    let anexo = device.photo(caso, "video.pdf", &bytes);
    device.sync().unwrap();
    device.campo.set_budget(Budget::WiFiOnly).unwrap();
    let campo = Arc::new(device.campo);
    let (phone, seen) = (campo.clone(), Arc::new(AtomicU64::new(0)));
    let noted = seen.clone();
    server.tus.watch(move |has| {
        let has = has as u64;
        if has > 1_000_000 && noted.load(Ordering::SeqCst) == 0 {
            phone.set_network(Network::Mobile);
            noted.store(has, Ordering::SeqCst);
        }
    });
    let send = || campo.enviar_fotos(&AtomicBool::new(false), &|_| {}).unwrap();
    let report = send();
    assert_eq!((report.files, report.stopped), (0, Some(Stop::Network)));
    // What is in the buffers between the two may still arrive, and no more.
    assert!(report.bytes < seen.load(Ordering::SeqCst) + 12_000_000, "{}", report.bytes);
    let fotos = campo.fotos(caso).unwrap();
    // It waits on the telephone, and says so.
    let rotulo = fotos[0].estado.label();
    assert!(rotulo.starts_with("no celular"), "{rotulo}");
    let raw = rusqlite::Connection::open(device.dir.path().join("campo.db")).unwrap();
    let half = "UPDATE arquivo SET recebido = 1500000 WHERE variante = 'original'";
    raw.execute(half, []).unwrap();
    let rotulo = campo.fotos(caso).unwrap()[0].estado.label();
    assert_eq!(rotulo, "no celular, 5 % enviados");
    assert_eq!(send().files, 0);
    campo.set_network(Network::WiFi);
    assert_eq!(send().photos, 1);
    let upload = &server.tus.whole("original")[0];
    assert_eq!(
        (upload.anexo.as_str(), sha256(&upload.bytes)),
        (anexo.to_string().as_str(), sha256(&bytes))
    );
    // It went on where it was.
    assert!(server.tus.log().last().unwrap().from > 0);
}

#[test]
fn ff14_an_upload_goes_on_from_the_byte_that_the_server_has() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = pdf(1, 600_000);
    device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    server.tus.cut_after(&[200_000, 100_000, 50_000]);
    let report = device.send();
    assert_eq!((report.photos, report.failed), (1, 0));
    let froms: Vec<_> =
        server.tus.log().iter().filter(|t| t.method == "PATCH").map(|t| t.from).collect();
    assert_eq!(froms, [0, 200_000, 300_000, 350_000]);
    assert_eq!(server.tus.count("POST"), 1);
    assert_eq!(server.tus.whole("original")[0].bytes, bytes);
}

#[test]
fn kill_9_in_the_middle_goes_on_with_the_same_upload_after_the_next_start() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = pdf(1, 30_000_000);
    device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    // target/PROFILE/deps/this-test → target/PROFILE/examples/device
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/device");
    assert!(program.exists(), "{}", program.display());
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let victim = child.clone();
    server.tus.watch(move |has| {
        if has > 1_000_000
            && let Some(mut child) = victim.lock().unwrap().take()
        {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
    let mut command = Command::new(program);
    command.arg("--db").arg(device.dir.path().join("campo.db")).args(["photo", "send"]);
    *child.lock().unwrap() = Some(command.spawn().unwrap());
    while child.lock().unwrap().is_some() || server.tus.count("PATCH") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let progress = std::cell::Cell::new(0);
    let sent = device
        .campo
        .enviar_fotos(&AtomicBool::new(false), &|p| progress.set(p.sent.max(progress.get())));
    assert_eq!((sent.unwrap().photos, progress.get()), (1, 30_000_000));
    assert_eq!(server.tus.count("POST"), 1);
    let last = server.tus.log().last().unwrap().clone();
    assert!((1_000_000..30_000_000).contains(&last.from), "{last:?}");
    assert_eq!(server.tus.whole("original")[0].bytes, bytes);
}

#[test]
fn an_upload_that_the_server_forgot_begins_anew() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = pdf(1, 300_000);
    device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    server.tus.cut_after(&[100_000]);
    server.tus.watch({
        let tus = server.tus.clone();
        let once = AtomicBool::new(false);
        move |has| {
            if has == 100_000 && !once.swap(true, Ordering::SeqCst) {
                let tus = tus.clone();
                std::thread::spawn(move || tus.forget()).join().unwrap();
            }
        }
    });
    assert_eq!(device.send().photos, 1);
    assert_eq!(server.tus.count("POST"), 2);
    assert_eq!(server.tus.whole("original")[0].bytes, bytes);
}

#[test]
fn what_the_server_has_already_is_not_sent() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = pdf(1, 300_000);
    let anexo = device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    server.tus.knows(&sha256(&bytes));
    assert_eq!(device.send().photos, 1);
    assert_eq!(server.tus.count("PATCH"), 0);
    // It is not verified before the document says so, all the same.
    assert_eq!(device.estado(caso, anexo), PhotoState::AtServer);
    assert_eq!(device.campo.limpar_conferidas().unwrap().originals, 0);
}

#[test]
fn a_failure_waits_for_its_time_says_why_and_holds_up_no_other_file() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let a = device.photo(caso, "a.pdf", &pdf(1, 50_000));
    device.sync().unwrap();
    server.tus.answer(429, "envios_demais", Some(120));
    let before = Utc::now();
    let report = device.send();
    assert_eq!((report.photos, report.failed, report.waiting), (0, 1, 1));
    let next = report.next_try_at.unwrap();
    assert!((110..130).contains(&(next - before).num_seconds()), "{next}");
    let PhotoState::Failed { reason: porque, next_try_at: proxima_tentativa } =
        device.estado(caso, a)
    else {
        panic!()
    };
    assert!(porque.contains("próxima tentativa"), "{porque}");
    assert_eq!(proxima_tentativa, Some(next));
    let resumo = device.campo.status().unwrap().photos;
    assert_eq!((resumo.waiting, resumo.failed), (1, 1));
    assert_eq!(resumo.next_try_at, Some(next));

    let b = device.photo(caso, "b.pdf", &pdf(2, 50_000));
    device.sync().unwrap();
    assert_eq!(device.send().photos, 1);
    assert_eq!(device.estado(caso, b), PhotoState::AtServer);
    device.campo.tentar_fotos_agora().unwrap();
    assert_eq!(device.send().photos, 1);
    assert_eq!(device.estado(caso, a), PhotoState::AtServer);
}

#[test]
fn without_a_server_nothing_is_lost_and_the_run_ends_at_once() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let anexos: Vec<_> =
        (0..9).map(|seed| device.photo(caso, "a.pdf", &pdf(seed, 5_000))).collect();
    device.sync().unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = |url: &str| {
        device.raw().execute("UPDATE account SET servidor = ?", [url]).unwrap();
    };
    address(&format!("http://{gone}"));
    let report = device.send();
    assert_eq!(report.stopped, Some(Stop::Offline));
    assert!((1..=3).contains(&report.failed), "{report:?}");
    address(&server.url);
    device.campo.tentar_fotos_agora().unwrap();
    assert_eq!(device.send().photos, 9);
    assert!(anexos.iter().all(|a| device.estado(caso, *a) == PhotoState::AtServer));
}

#[test]
fn a_discarded_photo_is_sent_again_if_it_is_intact_and_never_if_it_is_not() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let (good, bad, lost) = (pdf(1, 50_000), pdf(2, 50_000), pdf(3, 50_000));
    let a = device.photo(caso, "a.pdf", &good);
    let b = device.photo(caso, "b.pdf", &bad);
    let c = device.photo(caso, "c.pdf", &lost);
    device.sync().unwrap();
    assert_eq!(device.send().photos, 3);
    let refused = Some("hash_diferente");
    let all = [(a, "recusada", refused), (b, "recusada", refused), (c, "recusada", refused)];
    server.tus.forget();
    device.told(&server, caso, &all);
    let PhotoState::Failed { reason: porque, next_try_at: proxima_tentativa } =
        device.estado(caso, a)
    else {
        panic!()
    };
    assert!(porque.contains("chegou diferente") && proxima_tentativa.is_some(), "{porque}");
    assert_eq!(device.send().photos, 0);
    // Flipped on the disk, and gone from it.
    let mut flipped = bad.clone();
    flipped[30_000] ^= 1;
    fs::write(device.original(&sha256(&bad)), flipped).unwrap();
    fs::remove_file(device.original(&sha256(&lost))).unwrap();
    let posts = server.tus.count("POST");
    device.campo.tentar_fotos_agora().unwrap();
    let report = device.send();
    assert_eq!((report.photos, report.failed, report.given_up), (1, 0, 2));
    assert_eq!(server.tus.count("POST"), posts + 1);
    assert_eq!(server.tus.whole("original")[0].bytes, good);
    // Sent again: whether it is right this time is for the document to say.
    let falhou = device.estado(caso, a);
    assert!(matches!(falhou, PhotoState::Failed { next_try_at: Some(_), .. }), "{falhou:?}");
    device.told(&server, caso, &[(a, "recebida", None)]);
    assert_eq!(device.estado(caso, a), PhotoState::AtServer);
    for (anexo, why) in [(b, "mudou neste aparelho"), (c, "não está mais neste aparelho")] {
        let PhotoState::Failed { reason: porque, next_try_at: None } = device.estado(caso, anexo)
        else {
            panic!()
        };
        assert!(porque.contains(why), "{porque}");
    }
    device.campo.tentar_fotos_agora().unwrap();
    assert_eq!(device.send().files, 0);
    // The same news again changes nothing; the photo taken again heals the lost one.
    device.sync().unwrap();
    assert_eq!(device.send().files, 0);
    let d = device.photo(caso, "de novo.pdf", &lost);
    device.sync().unwrap();
    assert_eq!(device.send().photos, 2);
    device.told(&server, caso, &[(c, "recebida", None)]);
    assert_eq!(device.estado(caso, c), PhotoState::AtServer);
    assert_eq!(device.estado(caso, d), PhotoState::AtServer);
    device.told(&server, caso, &[(a, "verificada", None), (b, "recusada", refused)]);
    assert_eq!(device.campo.limpar_conferidas().unwrap().originals, 1);
    assert!(device.original(&sha256(&bad)).is_file());
}

#[test]
fn ff09_cleaning_up_frees_what_the_document_calls_verified_and_nothing_else() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let photos: Vec<_> = (0..4).map(|seed| jpeg(seed, 600, 400)).collect();
    let anexos: Vec<_> = photos.iter().map(|bytes| device.photo(caso, "a.jpg", bytes)).collect();
    device.sync().unwrap();
    device.send();
    let clean = || device.campo.limpar_conferidas().unwrap().originals;
    assert_eq!(clean(), 0);
    let states = [
        (anexos[0], "verificada", None),
        (anexos[1], "recebida", None),
        (anexos[2], "recusada", Some("imagem_ilegivel")),
    ];
    device.told(&server, caso, &states);
    let cheio = device.campo.armazenamento().unwrap();
    assert_eq!((cheio.verified, cheio.verified_bytes), (1, photos[0].len() as u64));
    assert_eq!(cheio.waiting, 3);
    // ff12: an error frees nothing.
    let raw = device.raw();
    raw.execute_batch(
        "CREATE TRIGGER no BEFORE UPDATE ON arquivo BEGIN SELECT raise(FAIL, 'no'); END",
    )
    .unwrap();
    assert!(device.campo.limpar_conferidas().is_err());
    assert!(photos.iter().all(|bytes| device.original(&sha256(bytes)).is_file()));
    raw.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(clean(), 1);
    let here: Vec<_> =
        photos.iter().map(|bytes| device.original(&sha256(bytes)).is_file()).collect();
    assert_eq!(here, [false, true, true, true]);
    let foto = device.foto(caso, anexos[0]);
    assert_eq!((foto.estado, foto.locais.len()), (PhotoState::Verified, 2));
    assert_eq!(clean(), 0);
    // It comes back when somebody wants it, and is verified by its hash.
    server.tus.give(anexos[0], "original", &photos[0]);
    use campo_domain::parte::Variante::Original;
    let path = device.campo.baixar(caso, anexos[0], Original).unwrap();
    assert_eq!(fs::read(path).unwrap(), photos[0]);
}

#[test]
fn a_photo_whose_declaration_is_held_or_refused_is_not_sent_and_says_so() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.sync().unwrap();
    let a = device.photo(caso, "a.pdf", &pdf(1, 5_000));
    let held = HeldId::from(Uuid::now_v7());
    let reason = |code: &str| Reason { code: code.into(), message: format!("Por {code}.") };
    let tarde = reason("tarde");
    server.judge(move |_| Some(Outcome::Held { id: held, reason: tarde.clone() }));
    device.sync().unwrap();
    let retida = PhotoState::Held { reason: "Por tarde.".into() };
    assert_eq!(device.estado(caso, a), retida);
    let fora = reason("fora");
    server.judge(move |_| Some(Outcome::Refused { reason: fora.clone() }));
    let b = device.photo(caso, "b.pdf", &pdf(2, 5_000));
    device.sync().unwrap();
    let falhou = PhotoState::Failed { reason: "Por fora.".into(), next_try_at: None };
    assert_eq!(device.estado(caso, b), falhou);
    assert_eq!(device.send().files, 0);
    assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 2);
    // Dismissed: the person knows.
    let recusada = device.campo.pending().unwrap().recusadas[0].id;
    device.campo.dismiss(recusada).unwrap();
    assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 1);
    assert!(device.campo.fotos(caso).unwrap().iter().all(|foto| foto.anexo != b));
    assert!(device.original(&sha256(&pdf(2, 5_000))).is_file());
}

#[test]
fn a_removed_photo_is_no_longer_sent_and_an_unsent_one_outlives_the_sight_of_its_record() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let a = device.photo(caso, "a.pdf", &pdf(1, 5_000));
    device.sync().unwrap();
    device.campo.remover_item(caso, a).unwrap();
    assert!(device.campo.fotos(caso).unwrap().is_empty());
    device.sync().unwrap();
    assert_eq!(device.send().files, 0);

    let b = device.photo(caso, "b.pdf", &pdf(2, 5_000));
    device.sync().unwrap();
    device.revoked(&server, caso);
    assert_eq!(device.estado(caso, b), PhotoState::OnPhone);
    assert_eq!(device.send().photos, 1);
    // No document will ever say that it arrived; the server may say so itself, later.
    assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 1);
    let hour_later = || {
        device.raw().execute("UPDATE arquivo SET proxima_em = 1", []).unwrap();
        device.send()
    };
    // That it has received all of it is no proof that it is right.
    let posts = server.tus.count("POST");
    for asked in 1..=2 {
        assert_eq!((hour_later().photos, server.tus.count("POST")), (0, posts + asked));
        assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 1);
        assert_eq!(device.estado(caso, b), PhotoState::AtServer);
    }
    server.tus.knows(&sha256(&pdf(2, 5_000)));
    hour_later();
    assert!(device.campo.safe_to_uninstall().unwrap().safe);
    assert_eq!(device.campo.limpar_conferidas().unwrap().originals, 0);
}

#[test]
fn an_expired_token_is_renewed_once_and_an_expired_session_stops_the_run() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    for seed in 0..4 {
        device.photo(caso, "a.pdf", &pdf(seed, 5_000));
    }
    device.sync().unwrap();
    let token = |device: &support::Device| -> String {
        device.raw().query_row("SELECT acesso FROM session", [], |row| row.get(0)).unwrap()
    };
    server.tus.refuse(&token(&device));
    assert_eq!(device.send().photos, 4);
    let refreshes = server.log().iter().filter(|path| path.contains("refresh")).count();
    assert_eq!(refreshes, 1);

    device.photo(caso, "b.pdf", &pdf(9, 5_000));
    device.sync().unwrap();
    server.tus.refuse(&token(&device));
    server.script(|request| match request.path.as_str() {
        "/v1/auth/refresh" => Some(support::problem(401, "sessao_expirada")),
        _ => None,
    });
    let sent = device.campo.enviar_fotos(&AtomicBool::new(false), &|_| {});
    assert!(matches!(sent, Err(Error::SessaoExpirada)), "{sent:?}");
    assert!(matches!(device.campo.session_state().unwrap(), SessionState::Expired { .. }));
    assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 5);
}

#[test]
fn two_runs_at_once_are_one() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.photo(caso, "a.pdf", &pdf(1, 500_000));
    device.sync().unwrap();
    let campo = Arc::new(device.campo);
    let (second, said) = (campo.clone(), Arc::new(Mutex::new(None)));
    let noted = said.clone();
    server.tus.watch(move |_| {
        let report = second.enviar_fotos(&AtomicBool::new(false), &|_| {}).unwrap();
        noted.lock().unwrap().get_or_insert(report.stopped);
    });
    assert_eq!(campo.enviar_fotos(&AtomicBool::new(false), &|_| {}).unwrap().photos, 1);
    assert_eq!(*said.lock().unwrap(), Some(Some(Stop::AlreadyRunning)));
    assert_eq!(server.tus.count("POST"), 1);
}
