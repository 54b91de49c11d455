//! Photos whose way is not straight: databases older than their files, disks that cannot be read,
//! servers that say no, and clocks that are wrong. No original is lost, none is called safe too
//! early, and whatever does not arrive says why.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::ids::{DocumentId, ItemId};
use campo_mobile_core::{Phone, PhotoSource, PhotoState};
use campo_sync::wire::{Outcome, Reason};
use chrono::{DateTime, Utc};
use std::{
    fs,
    os::unix::fs::symlink,
    sync::{atomic::AtomicBool, mpsc::channel},
};
use support::{
    Device, Server,
    photos::{ana, nova},
    pictures::{heic, jpeg, pdf, sha256},
};

/// A server, Ana's device, and a case that the server knows.
fn cena() -> (Server, Device, DocumentId) {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.sync().unwrap();
    (server, device, caso)
}

/// Why it failed, and when the next try is due.
fn falhou(device: &Device, caso: DocumentId, anexo: ItemId) -> (String, Option<DateTime<Utc>>) {
    match device.estado(caso, anexo) {
        PhotoState::Failed { reason, next_try_at } => (reason, next_try_at),
        estado => panic!("{estado:?}"),
    }
}

fn pode(device: &Device) -> bool {
    device.campo.safe_to_uninstall().unwrap().safe
}

/// Whatever was scheduled is due at that instant.
fn due(device: &Device, at: i64) {
    device.raw().execute("UPDATE arquivo SET proxima_em = ?", [at]).unwrap();
}

#[test]
fn a_database_made_anew_beside_its_files_takes_no_original_with_it() {
    let (_server, device, caso) = cena();
    let bytes = jpeg(1, 600, 400);
    device.photo(caso, "a.jpg", &bytes);
    let Device { dir, campo } = device;
    drop(campo);
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        if entry.path().is_file() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let campo = Phone::open(&dir.path().join("campo.db"), None).unwrap();
    let device = Device { dir, campo }.reopen();
    assert_eq!(fs::read(device.original(&sha256(&bytes))).unwrap(), bytes);
}

#[test]
fn originals_that_were_gone_and_are_back_are_sent_after_all() {
    let (server, device, caso) = cena();
    let (bytes, other) = (pdf(1, 5_000), pdf(2, 5_000));
    let anexo = device.photo(caso, "a.pdf", &bytes);
    let wrong = device.photo(caso, "b.pdf", &other);
    device.sync().unwrap();
    let away = device.dir.path().join("away");
    fs::rename(device.dir.path().join("campo.db.fotos"), &away).unwrap();
    assert_eq!(device.send().given_up, 2);
    assert!(falhou(&device, caso, anexo).0.contains("não está mais neste aparelho"));
    fs::remove_dir_all(device.dir.path().join("campo.db.fotos")).unwrap();
    fs::rename(&away, device.dir.path().join("campo.db.fotos")).unwrap();
    fs::write(device.original(&sha256(&other)), b"something else").unwrap();

    let device = device.reopen();
    device.campo.set_network(campo_mobile_core::Network::WiFi);
    assert_eq!(fs::read(device.original(&sha256(&bytes))).unwrap(), bytes);
    assert_eq!(device.estado(caso, anexo), PhotoState::OnPhone);
    assert!(falhou(&device, caso, wrong).0.contains("não está mais neste aparelho"));
    assert_eq!(device.send().photos, 1);
    assert_eq!(server.tus.whole("original")[0].bytes, bytes);
}

#[test]
fn work_that_was_refused_is_on_this_device_alone_until_it_is_dismissed() {
    let (server, device, caso) = cena();
    let fora = Reason { code: "fora".into(), message: "Por fora.".into() };
    server.judge(move |_| Some(Outcome::Refused { reason: fora.clone() }));
    device.campo.editar(caso, "situacao_alegada", "Outra").unwrap();
    device.sync().unwrap();
    let resposta = device.campo.safe_to_uninstall().unwrap();
    assert_eq!((resposta.safe, resposta.commands, resposta.refused), (false, 0, 1));
    assert!(resposta.sentence.contains("1 alteração recusada"), "{}", resposta.sentence);
    let recusada = device.campo.pending().unwrap().recusadas[0].id;
    device.campo.dismiss(recusada).unwrap();
    assert!(pode(&device));
}

#[test]
fn a_file_that_cannot_be_read_waits_alone_and_says_so() {
    let (server, device, caso) = cena();
    let bytes = pdf(0, 5_000);
    let bad = device.photo(caso, "a.pdf", &bytes);
    let good: Vec<_> = (1..6).map(|seed| device.photo(caso, "b.pdf", &pdf(seed, 5_000))).collect();
    device.sync().unwrap();
    // A link to itself cannot be followed, by anybody.
    let path = device.original(&sha256(&bytes));
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    let report = device.send();
    assert_eq!((report.photos, report.failed, report.stopped), (5, 1, None));
    assert!(good.iter().all(|anexo| device.estado(caso, *anexo) == PhotoState::AtServer));
    let (porque, proxima) = falhou(&device, caso, bad);
    assert!(porque.contains("não pôde ser lido neste aparelho") && proxima.is_some(), "{porque}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    device.campo.tentar_fotos_agora().unwrap();
    assert_eq!(device.send().photos, 1);
    assert_eq!(server.tus.whole("original").len(), 6);
}

#[test]
fn a_file_that_ends_while_it_is_sent_is_not_blamed_on_the_network() {
    let (server, device, caso) = cena();
    let bytes = pdf(1, 30_000_000);
    let anexo = device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    let path = device.original(&sha256(&bytes));
    server.tus.watch(move |_| {
        fs::File::options().write(true).open(&path).unwrap().set_len(1_000).unwrap();
    });
    let report = device.send();
    assert_eq!((report.failed, report.stopped), (1, None));
    let (porque, _) = falhou(&device, caso, anexo);
    assert!(porque.contains("não pôde ser lido neste aparelho"), "{porque}");
}

#[test]
fn a_photo_removed_out_of_sight_is_not_asked_about_for_ever() {
    let (server, device, caso) = cena();
    device.photo(caso, "a.pdf", &pdf(1, 5_000));
    device.sync().unwrap();
    device.revoked(&server, caso);
    server.tus.answer(410, "anexo_removido", None);
    assert_eq!(device.send().failed, 0);
    assert!(pode(&device));
    due(&device, 1);
    device.send();
    assert_eq!(server.tus.count("POST"), 0);
    assert!(device.original(&sha256(&pdf(1, 5_000))).is_file());
}

#[test]
fn a_photo_of_a_record_that_is_gone_says_so_and_can_be_dismissed() {
    let (server, device, caso) = cena();
    let anexo = device.photo(caso, "a.pdf", &pdf(1, 5_000));
    device.sync().unwrap();
    // In sight it is tried again: the document will say what became of it.
    server.tus.answer(404, "nao_encontrado", None);
    assert_eq!(device.send().failed, 1);
    assert!(falhou(&device, caso, anexo).1.is_some());
    assert!(device.campo.dispensar_foto(caso, anexo).is_err());
    device.revoked(&server, caso);
    for _ in 0..2 {
        server.tus.answer(404, "nao_encontrado", None);
        device.campo.tentar_fotos_agora().unwrap();
        assert_eq!(device.send().given_up, 1);
        let (porque, proxima) = falhou(&device, caso, anexo);
        assert!(porque.contains("não tem mais o registro") && proxima.is_none(), "{porque}");
        assert!(!pode(&device));
    }
    device.campo.dispensar_foto(caso, anexo).unwrap();
    assert!(pode(&device));
    assert!(device.campo.fotos(caso).unwrap().is_empty());
    device.campo.tentar_fotos_agora().unwrap();
    device.send();
    assert_eq!(server.tus.count("POST"), 0);
    assert!(device.original(&sha256(&pdf(1, 5_000))).is_file());
}

#[test]
fn what_the_server_refuses_of_some_files_holds_up_no_other_however_many_they_are() {
    let (server, device, caso) = cena();
    for seed in 0..4 {
        device.photo(caso, "a.jpg", &jpeg(seed, 400, 300));
    }
    device.sync().unwrap();
    (0..4).for_each(|_| server.tus.answer(422, "previa_invalida", None));
    let report = device.send();
    assert_eq!((report.photos, report.files, report.stopped), (4, 8, None));
    assert_eq!((report.failed, report.given_up), (0, 0));
    let outros: Vec<_> =
        (0..6).map(|seed| device.photo(caso, "a.pdf", &pdf(seed, 5_000))).collect();
    device.sync().unwrap();
    let posts = server.tus.count("POST");
    (0..4).for_each(|_| server.tus.answer(400, "tamanho_diferente", None));
    let report = device.send();
    assert_eq!((report.failed, report.stopped), (4, None));
    assert!(server.tus.count("POST") > posts);
    let sent = |anexo: &&ItemId| device.estado(caso, **anexo) == PhotoState::AtServer;
    assert_eq!(outros.iter().filter(sent).count(), 2);
    // No thumbnail was tried again.
    assert!(server.tus.whole("miniatura").is_empty());
}

#[test]
fn a_clock_that_was_wrong_while_a_photo_was_sent_keeps_it_from_nothing() {
    let (server, device, caso) = cena();
    device.photo(caso, "a.pdf", &pdf(1, 5_000));
    device.sync().unwrap();
    assert_eq!(device.send().photos, 1);
    let posts = server.tus.count("POST");
    device.send();
    assert_eq!(server.tus.count("POST"), posts, "it is not time yet");
    due(&device, (Utc::now() + chrono::TimeDelta::days(1_500)).timestamp_millis());
    device.send();
    assert_eq!(server.tus.count("POST"), posts + 1);
    // So is what waits after a failure; and a person need not wait at all.
    device.campo.tentar_fotos_agora().unwrap();
    device.send();
    assert_eq!(server.tus.count("POST"), posts + 2);
}

#[test]
fn a_server_that_has_lost_what_it_had_verified_gets_it_again() {
    let (server, device, caso) = cena();
    let bytes = pdf(1, 5_000);
    let anexo = device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    server.tus.knows(&sha256(&bytes));
    device.send();
    assert_eq!(server.tus.count("PATCH"), 0);
    server.tus.forget();
    device.send();
    assert_eq!(server.tus.count("PATCH"), 0, "it is asked once a day");
    due(&device, 1);
    assert_eq!(device.send().photos, 1);
    assert_eq!(server.tus.whole("original")[0].bytes, bytes);
    assert_eq!(device.estado(caso, anexo), PhotoState::AtServer);
}

#[test]
fn news_that_a_photo_was_discarded_may_come_before_its_last_answer() {
    let (server, device, caso) = cena();
    let bytes = pdf(1, 50_000);
    let anexo = device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    let (heard, hear) = channel();
    server.tus.watch(move |has| {
        if has == 50_000 {
            hear.recv().unwrap();
        }
    });
    device
        .campo
        .enviar_fotos(&AtomicBool::new(false), &|progress| {
            if progress.sent == progress.size {
                device.told(&server, caso, &[(anexo, "recusada", Some("hash_diferente"))]);
                heard.send(()).unwrap();
            }
        })
        .unwrap();
    let (porque, proxima) = falhou(&device, caso, anexo);
    assert!(porque.contains("chegou diferente"), "{porque}");
    assert!(proxima.unwrap() < Utc::now() + chrono::TimeDelta::minutes(1), "{proxima:?}");
}

#[test]
fn what_is_discarded_again_and_again_costs_less_and_less() {
    let (server, device, caso) = cena();
    let (a, b) = (pdf(1, 50_000), pdf(2, 50_000));
    let changed = device.photo(caso, "a.pdf", &a);
    let unreadable = device.photo(caso, "b.pdf", &b);
    device.sync().unwrap();
    assert_eq!(device.send().photos, 2);
    server.tus.forget();
    let told = |anexo, motivo| device.told(&server, caso, &[(anexo, "recusada", Some(motivo))]);
    told(unreadable, "imagem_ilegivel");
    assert_eq!(falhou(&device, caso, unreadable).1, None);
    let hours = || (falhou(&device, caso, changed).1.unwrap() - Utc::now()).num_hours();
    for often in 1..=12 {
        std::thread::sleep(std::time::Duration::from_millis(3));
        told(changed, "hash_diferente");
        assert!(often > 5 || hours() < 1, "{often}");
    }
    assert_eq!(hours(), 23);
    let posts = server.tus.count("POST");
    assert_eq!((device.send().files, server.tus.count("POST")), (0, posts));
    // The person asks: once.
    device.campo.tentar_fotos_agora().unwrap();
    assert_eq!(device.send().photos, 2);
    told(unreadable, "imagem_ilegivel");
    assert_eq!(falhou(&device, caso, unreadable).1, None);
    due(&device, 1);
    let posts = server.tus.count("POST");
    device.send();
    assert_eq!(server.tus.count("POST"), posts + 1, "only the other one is asked about");
}

#[test]
fn a_server_that_takes_nothing_gets_no_photo_over_and_over() {
    let (server, device, caso) = cena();
    let anexo = device.photo(caso, "a.pdf", &pdf(1, 50_000));
    device.sync().unwrap();
    server.tus.keep_nothing();
    let report = device.send();
    assert_eq!((report.photos, report.failed), (0, 1));
    assert!(server.tus.count("PATCH") <= 3);
    assert!(falhou(&device, caso, anexo).1.is_some());
}

#[test]
fn a_cut_heic_and_a_source_that_is_not_what_it_says_are_refused() {
    let (_server, device, caso) = cena();
    let whole = heic();
    for cut in [whole.len() / 2, whole.len() - 1, 200] {
        let error = device.try_photo(caso, "a.heic", &whole[..cut]).unwrap_err();
        assert_eq!(error.codigo(), "foto_cortada", "{cut}");
    }
    // It says that it has no bytes, and gives some.
    let odd = std::path::Path::new("/proc/version");
    assert_eq!(odd.metadata().unwrap().len(), 0);
    let error = device.campo.add_photo(caso, &nova("v.txt", PhotoSource::Path(odd))).unwrap_err();
    assert_eq!(error.codigo(), "arquivo_ilegivel");
    assert!(device.files().is_empty());
    device.photo(caso, "a.heic", &whole);
}

#[test]
fn a_sent_photo_that_was_fetched_again_is_still_asked_about() {
    use campo_domain::parte::Variante::Original;
    let (server, device, caso) = cena();
    let bytes = pdf(1, 5_000);
    let anexo = device.photo(caso, "a.pdf", &bytes);
    device.sync().unwrap();
    device.send();
    fs::remove_file(device.original(&sha256(&bytes))).unwrap();
    server.tus.give(anexo, "original", &bytes);
    device.campo.baixar(caso, anexo, Original).unwrap();
    let posts = server.tus.count("POST");
    device.send();
    assert_eq!(server.tus.count("POST"), posts + 1);
}
