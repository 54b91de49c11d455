//! What goes wrong with photos in the field, each with the device and the server as they are and a
//! road that breaks between them: a photo has arrived when the server has verified it, and until
//! then the device keeps it.

use crate::{
    estudio::{Celular, Estudio, sha256},
    tus::{Programa, cabecalho, declara},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    registro::SituacaoArquivo::{Esperada, Recebida, Recusada, Verificada},
};
use campo_mobile_core::{Budget, Network, Phone, PhotoSource, PhotoState, SessionState, Stop};
use campo_tests::{
    pictures::{self, CAPTURED, Shot, numbered},
    proxy::{Fault, Passed, Request},
};
use exif::{In, Tag};
use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor},
    process::{Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Some 70 kB of photo.
fn pequena(seed: u64) -> Vec<u8> {
    Shot::new(seed, 480, 360).jpeg().unwrap()
}

/// Some 2 MB of photo, which is several buffers on every way.
fn grande(seed: u64) -> Vec<u8> {
    Shot::new(seed, 2_800, 2_100).jpeg().unwrap()
}

/// A company, a telephone, and an assistência that the server knows.
fn cena() -> (Estudio, Celular, DocumentId) {
    let estudio = Estudio::novo();
    let celular = estudio.celular(&estudio.pessoa("lia", "ver"));
    let caso = celular.assistencia("Porta riscada");
    celular.sync();
    (estudio, celular, caso)
}

/// Whether a request brings more than thumbnails and previews are long.
fn de_original(request: &Request) -> bool {
    request.method == "PATCH" && request.length() > 600_000
}

fn meets(estudio: &Estudio, fault: Fault) {
    let mut fault = Some(fault);
    estudio.proxy.rule(move |request| match de_original(request) {
        true => fault.take().unwrap_or(Fault::Pass),
        false => Fault::Pass,
    });
}

/// The original is on the device, byte for byte.
fn guarda(celular: &Celular, caso: DocumentId, anexo: ItemId, bytes: &[u8]) {
    let path = celular.arquivo(caso, anexo, Variante::Original).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[test]
fn however_many_ask_at_once_an_expired_session_is_renewed_once() {
    let (estudio, celular, caso) = cena();
    // As another process has it: the same file, opened once more.
    let again = Phone::open(&celular.file(), None).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    estudio.proxy.rule(move |request| {
        if request.path == "/v1/auth/refresh" {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Fault::Pass
    });
    for turn in 0..3 {
        celular.fotografa(caso, &pequena(turn)).unwrap();
        celular.sync();
        estudio.sql("UPDATE device_session SET access_expira_em = now() - interval '1 s'");
        let (begin, never) = (Barrier::new(3), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for phone in [&*celular, &again] {
                scope.spawn(|| {
                    begin.wait();
                    phone.sync_now(&|_| {}, &never).unwrap();
                });
            }
            scope.spawn(|| {
                begin.wait();
                celular.enviar_fotos(&never, &|_| {}).unwrap();
            });
        });
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1, "turn {turn}");
        assert_eq!(celular.session_state().unwrap(), SessionState::Active);
    }
}

/// Sends, whatever waits for its time, until the server has verified it.
fn ate_conferida(estudio: &Estudio, celular: &Celular, caso: DocumentId, anexo: ItemId) {
    estudio.espera("the photo is verified", || {
        celular.tentar_fotos_agora().unwrap();
        celular.envia();
        celular.sync();
        celular.mostra(caso, anexo) == PhotoState::Verified
    });
}

fn fotos_pendentes(celular: &Celular) -> u32 {
    celular.safe_to_uninstall().unwrap().photos
}

#[test]
fn ff07_a_record_that_arrived_is_not_complete_until_each_of_its_photos_has() {
    let (estudio, celular, caso) = cena();
    let (uma, outra) = (grande(1), grande(2));
    let first = celular.fotografa(caso, &uma).unwrap();
    let second = celular.fotografa(caso, &outra).unwrap();
    // What is known of them comes first, and is nothing but that.
    celular.sync();
    assert_eq!(estudio.registro(caso).anexos.len(), 2);
    assert_eq!((estudio.estado(caso, first), estudio.estado(caso, second)), (Esperada, Esperada));

    // Of each the first half arrives; thumbnails and previews are whole.
    let half = uma.len() as u64 / 2;
    estudio.proxy.rule(move |request| match de_original(request) {
        true if request.header("upload-offset") == "0" => Fault::CutUp(half),
        true => Fault::Refuse,
        false => Fault::Pass,
    });
    let report = celular.envia();
    assert_eq!((report.photos, report.waiting), (0, 2), "{report:?}");
    celular.sync();
    assert_eq!((estudio.estado(caso, first), estudio.estado(caso, second)), (Esperada, Esperada));
    for anexo in [first, second] {
        assert_ne!(celular.mostra(caso, anexo), PhotoState::Verified);
    }
    assert_eq!(fotos_pendentes(&celular), 2);

    estudio.proxy.clear();
    for (anexo, bytes) in [(first, &uma), (second, &outra)] {
        ate_conferida(&estudio, &celular, caso, anexo);
        assert_eq!(estudio.guardado(&sha256(bytes)).as_ref(), Some(bytes));
    }
    assert!(celular.safe_to_uninstall().unwrap().safe);
}

#[test]
fn ff08_a_photo_is_said_to_have_arrived_only_when_the_server_has_verified_it() {
    let (estudio, celular, caso) = cena();
    let bytes = grande(1);
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    assert_eq!(celular.mostra(caso, anexo), PhotoState::OnPhone);
    // The server takes every byte, and cannot read one of them back.
    estudio.store.fail_reads(1_000);
    let report = celular.envia();
    assert_eq!(report.waiting, 1, "{report:?}");
    estudio.espera_estado(caso, anexo, Recebida);
    celular.sync();
    assert_eq!(celular.mostra(caso, anexo), PhotoState::AtServer);
    let uninstall = celular.safe_to_uninstall().unwrap();
    assert_eq!((uninstall.safe, uninstall.photos), (false, 1));
    assert!(uninstall.sentence.contains("1 foto"), "{}", uninstall.sentence);
    assert_eq!(celular.status().unwrap().photos.waiting, 1);

    estudio.store.heal();
    estudio.apressa();
    estudio.espera_estado(caso, anexo, Verificada);
    // The device says so once it has heard of it, and not before.
    assert_eq!(celular.mostra(caso, anexo), PhotoState::AtServer);
    celular.sync();
    assert_eq!(celular.mostra(caso, anexo), PhotoState::Verified);
    assert_eq!(estudio.guardado(&sha256(&bytes)).unwrap(), bytes);
    assert!(celular.safe_to_uninstall().unwrap().safe);
}

#[test]
fn ff09_no_later_synchronisation_deletes_a_photo_that_is_not_verified() {
    let (estudio, mut celular, caso) = cena();
    let bytes = grande(1);
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    estudio.proxy.rule(|request| match de_original(request) {
        true if request.header("upload-offset") == "0" => Fault::CutUp(500_000),
        true => Fault::Refuse,
        false => Fault::Pass,
    });
    celular.envia();
    // The office closes the record meanwhile, and the device hears of it.
    let path = format!("/v1/assistencias/{caso}/transicoes/cancelar");
    let motivo = serde_json::json!({ "motivo": "Cliente desistiu" });
    estudio.adm.post(&path, &motivo).feito();
    for _ in 0..3 {
        celular.sync();
        celular.reabre();
        guarda(&celular, caso, anexo, &bytes);
        assert_eq!(celular.limpar_conferidas().unwrap().originals, 0);
        guarda(&celular, caso, anexo, &bytes);
    }
    estudio.proxy.clear();
    ate_conferida(&estudio, &celular, caso, anexo);

    // Only now it may go; and it comes back, as it was.
    let freed = celular.limpar_conferidas().unwrap();
    assert_eq!((freed.originals, freed.bytes), (1, bytes.len() as u64));
    assert!(celular.arquivo(caso, anexo, Variante::Original).is_err());
    celular.arquivo(caso, anexo, Variante::Miniatura).unwrap();
    celular.baixar(caso, anexo, Variante::Original).unwrap();
    guarda(&celular, caso, anexo, &bytes);
}

#[test]
fn ff12_nothing_is_freed_on_an_error_whatever_it_is() {
    let (estudio, celular, caso) = cena();
    let bytes = grande(1);
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    let kept = |when: &str| {
        let _ = celular.tenta_enviar();
        celular.sync();
        assert_ne!(celular.mostra(caso, anexo), PhotoState::Verified, "{when}");
        assert_eq!(celular.limpar_conferidas().unwrap().originals, 0, "{when}");
        guarda(&celular, caso, anexo, &bytes);
        celular.tentar_fotos_agora().unwrap();
    };
    estudio.proxy.rule(|request| {
        if request.path.starts_with("/v1/arquivos") { Fault::Refuse } else { Fault::Pass }
    });
    kept("nothing gets through");
    estudio.proxy.clear();
    estudio.store.fail(1_000);
    kept("the store is down");
    estudio.store.heal();
    // A byte arrives wrong: found by the hash, said, and asked for again.
    meets(&estudio, Fault::Flip(3_000));
    celular.tentar_fotos_agora().unwrap();
    celular.envia();
    estudio.espera("it was refused", || {
        estudio.arquivo(caso, anexo).is_some_and(|arquivo| arquivo.situacao == Recusada)
    });
    let refused = estudio.arquivo(caso, anexo).unwrap();
    assert_eq!(refused.motivo.as_deref(), Some("hash_diferente"));
    estudio.proxy.rule(|request| if de_original(request) { Fault::Refuse } else { Fault::Pass });
    kept("the hash was wrong");
    estudio.proxy.clear();
    ate_conferida(&estudio, &celular, caso, anexo);
    assert_eq!(estudio.guardado(&sha256(&bytes)).unwrap(), bytes);
    assert_eq!(celular.limpar_conferidas().unwrap().originals, 1);
}

#[test]
fn ff13_a_hundred_files_and_a_large_one_fit_through_every_limit() {
    let (estudio, celular, caso) = cena();
    let base = Shot::new(1, 160, 120).jpeg().unwrap();
    for number in 0..100 {
        let (nome, bytes) = match number % 10 {
            0 => ("foto.jpg", numbered(&base, number).unwrap()),
            _ => ("medidas.bin", pictures::noise(number, 3_000)),
        };
        celular.anexa(caso, nome, PhotoSource::Bytes(&bytes)).unwrap();
    }
    let large = pictures::noise(1, 20 << 20);
    let file = celular.file().with_file_name("laudo.bin");
    std::fs::write(&file, &large).unwrap();
    let last = celular.anexa(caso, "laudo.bin", PhotoSource::Path(&file)).unwrap();
    let report = celular.sync();
    assert_eq!((report.accepted, report.refused, report.pending), (101, 0, 0));
    let report = celular.envia();
    assert_eq!((report.photos, report.failed), (101, 0), "{report:?}");
    estudio.espera("all are verified", || {
        estudio.estados().iter().all(|(_, estado)| estado == "verificada")
    });
    celular.sync();
    assert!(celular.safe_to_uninstall().unwrap().safe);
    assert_eq!(celular.mostra(caso, last), PhotoState::Verified);
    assert_eq!(estudio.guardado(&sha256(&large)).unwrap(), large);
    assert_eq!(estudio.objetos_em("originais/").len(), 101);
}

#[test]
fn ff14_an_upload_that_was_interrupted_leaves_no_lock() {
    let (estudio, celular, caso) = cena();
    let bytes = grande(1);
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    let programa = Programa::de(&estudio, &estudio.adm);
    let total = bytes.len() as u64;
    let location = cabecalho(&programa.cria(caso, anexo, total), "location");
    // One connection stands still in the middle, and the server does not know that it is dead.
    meets(&estudio, Fault::Stall(total / 2, Duration::from_secs(60)));
    std::thread::scope(|scope| {
        let stalled = scope.spawn(|| programa.tenta(&location, 0, &bytes));
        estudio.espera("half is there", || estudio.proxy.up() > total / 2);
        // The next one, of the device, goes through at once, past the first.
        let begun = Instant::now();
        ate_conferida(&estudio, &celular, caso, anexo);
        assert!(begun.elapsed() < Duration::from_secs(10), "it waited {:?}", begun.elapsed());
        estudio.proxy.clear();
        assert!(!matches!(stalled.join().unwrap(), Ok(204)));
    });
    assert_eq!(estudio.guardado(&sha256(&bytes)).unwrap(), bytes);
    // Nor does one that is cut off, to the same sender.
    let bytes = grande(2);
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    meets(&estudio, Fault::CutUp(bytes.len() as u64 / 2));
    let begun = Instant::now();
    let report = celular.envia();
    assert_eq!((report.failed, report.photos), (0, 1), "{report:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    estudio.espera_estado(caso, anexo, Verificada);
}

#[test]
fn ff34_a_photo_of_no_bytes_or_cut_short_is_named_at_capture_and_at_arrival() {
    let (estudio, celular, caso) = cena();
    let whole = pequena(1);
    let errors = [
        (Vec::new(), "foto_vazia", "vazia"),
        (pictures::cut(&whole, 600), "foto_cortada", "incompleta"),
        (pictures::bomb().unwrap(), "foto_grande_demais", "60000"),
    ];
    for (bytes, codigo, palavra) in errors {
        let error = celular.fotografa(caso, &bytes).unwrap_err();
        assert_eq!(error.codigo(), codigo);
        let message = error.to_string();
        assert!(message.contains("foto.jpg") && message.contains(palavra), "{message}");
    }
    assert!(celular.fotos(caso).unwrap().is_empty());
    assert_eq!(celular.armazenamento().unwrap().originals, 0);

    // It was whole when it was taken, and is not any more: it does not leave, and that is said.
    let anexo = celular.fotografa(caso, &whole).unwrap();
    celular.sync();
    let path = celular.arquivo(caso, anexo, Variante::Original).unwrap();
    File::options().write(true).open(path).unwrap().set_len(100).unwrap();
    celular.envia();
    let PhotoState::Failed { reason: porque, .. } = celular.mostra(caso, anexo) else {
        panic!("{:?}", celular.mostra(caso, anexo))
    };
    assert!(porque.contains("mudou"), "{porque}");
    assert_eq!(fotos_pendentes(&celular), 1);

    // Another program sends what was cut before anybody declared it.
    let registro = estudio.caso(&estudio.adm);
    let cut = pictures::cut(&whole, 600);
    let cortada = declara(&estudio.adm, &registro, &cut);
    Programa::de(&estudio, &estudio.adm).envia(registro.id, cortada, &cut);
    estudio.espera_estado(registro.id, cortada, Recusada);
    let arquivo = estudio.arquivo(registro.id, cortada).unwrap();
    assert_eq!(arquivo.motivo.as_deref(), Some("imagem_ilegivel"));
    let historia = estudio.adm.historia(&registro, "tudo").join("\n");
    assert!(historia.contains("foto.jpg"), "{historia}");
    assert_eq!(estudio.guardado(&sha256(&cut)), None);
}

#[test]
fn ff36_the_original_is_never_touched_and_keeps_its_date() {
    let (estudio, celular, caso) = cena();
    let bytes = Shot::new(1, 1_200, 800).held(6).at(-23.5505, -46.6333).jpeg().unwrap();
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    guarda(&celular, caso, anexo, &bytes);
    celular.sync();
    ate_conferida(&estudio, &celular, caso, anexo);
    guarda(&celular, caso, anexo, &bytes);

    let programa = Programa::de(&estudio, &estudio.adm);
    let get = |variante| {
        let path = format!("/v1/anexos/{caso}/{anexo}/{variante}");
        programa.pede("GET", &path, &[], b"").into_body().read_to_vec().unwrap()
    };
    let original = get("original");
    assert_eq!(original, bytes);
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(&original)).unwrap();
    let captured = exif.get_field(Tag::DateTimeOriginal, In::PRIMARY).unwrap();
    assert_eq!(captured.display_value().to_string().replace('-', ":"), CAPTURED);
    assert!(exif.get_field(Tag::GPSLatitude, In::PRIMARY).is_some());

    // What is made of it stands upright and does not say where.
    let previa = get("previa");
    let seen = image::load_from_memory(&previa).unwrap();
    assert_eq!((seen.width(), seen.height()), (800, 1_200));
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(&previa));
    assert!(exif.is_err(), "the preview has EXIF");
}

#[test]
fn ff38_an_upload_killed_in_the_background_goes_on_from_the_byte_it_had() {
    let (estudio, mut celular, caso) = cena();
    let bytes = Shot::new(1, 4_000, 3_000).jpeg().unwrap();
    let total = bytes.len() as u64;
    let anexo = celular.fotografa(caso, &bytes).unwrap();
    celular.sync();
    celular.fecha();
    let process = || {
        let mut process = Command::new(env!("CARGO_BIN_EXE_photos_under_test"));
        process.arg("--db").arg(celular.file()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let half = total / 2;
    meets(&estudio, Fault::Stall(half, Duration::from_secs(60)));
    let mut first = process();
    let of_original = |passed: &Passed| de_original(&passed.request);
    estudio.espera("half is there", || {
        estudio.proxy.passed().iter().any(|passed| of_original(passed) && passed.up >= half)
    });
    first.kill().unwrap();
    first.wait().unwrap();
    estudio.proxy.clear();
    assert_eq!(estudio.estado(caso, anexo), Esperada);

    let before = estudio.proxy.passed().len();
    let mut second = process();
    let said = BufReader::new(second.stdout.take().unwrap()).lines().last().unwrap().unwrap();
    assert!(said.starts_with("conferidas"), "{said}");
    assert!(second.wait().unwrap().success());
    let resumed: Vec<Passed> =
        estudio.proxy.passed().split_off(before).into_iter().filter(of_original).collect();
    let offset: u64 = resumed[0].request.header("upload-offset").parse().unwrap();
    assert_eq!((resumed.len(), offset), (1, half), "the server had {half}");
    assert_eq!(resumed[0].up, total - half);
    assert_eq!(estudio.guardado(&sha256(&bytes)).unwrap(), bytes);
    celular.reabre();
    assert_eq!(celular.mostra(caso, anexo), PhotoState::Verified);
}

#[test]
fn ff39_wifi_only_means_wifi_only_even_in_the_middle_of_a_photo() {
    let (estudio, celular, caso) = cena();
    // More than what the buffers of all sockets on the way hold.
    let bytes = pictures::noise(1, 24 << 20);
    let anexo = celular.anexa(caso, "laudo.bin", PhotoSource::Bytes(&bytes)).unwrap();
    celular.set_budget(Budget::WiFiOnly).unwrap();
    celular.set_network(Network::Mobile);
    celular.sync();
    let before = estudio.proxy.passed().len();
    let report = celular.envia();
    assert_eq!((report.bytes, report.stopped), (0, Some(Stop::Network)));
    assert_eq!(celular.mostra(caso, anexo), PhotoState::OnPhone);
    let photos = |passed: &[Passed]| {
        passed.iter().filter(|one| one.request.path.starts_with("/v1/arquivos")).count()
    };
    assert_eq!(photos(&estudio.proxy.passed()[before..]), 0);

    // Wi-Fi goes while the original is on its way: what is on the wire arrives, no more.
    celular.set_network(Network::WiFi);
    let app = celular.app();
    let gone = Box::new(move || app.set_network(Network::Mobile));
    meets(&estudio, Fault::Meanwhile(200_000, gone));
    let report = celular.envia();
    assert_eq!(report.stopped, Some(Stop::Network), "{report:?}");
    let passed = estudio.proxy.passed();
    let original = passed.iter().find(|passed| de_original(&passed.request)).unwrap();
    assert!(original.up < bytes.len() as u64, "{} of {}", original.up, bytes.len());
    let after = passed.len();
    assert_eq!(celular.envia().bytes, 0);
    assert_eq!(photos(&estudio.proxy.passed()[after..]), 0);

    // What may go on mobile data goes: thumbnails.
    let menor = celular.fotografa(caso, &grande(2)).unwrap();
    celular.sync();
    celular.set_budget(Budget::ThumbnailsOnMobile).unwrap();
    let report = celular.envia();
    assert_eq!((report.files, report.photos), (1, 0), "{report:?}");
    assert!(report.bytes < 200_000);

    celular.set_network(Network::WiFi);
    for anexo in [anexo, menor] {
        ate_conferida(&estudio, &celular, caso, anexo);
    }
    // A person who cancels is heard within a buffer too.
    let last = celular.fotografa(caso, &grande(3)).unwrap();
    celular.sync();
    let cancel = AtomicBool::new(false);
    let report = celular.enviar_fotos(&cancel, &|progress| {
        if progress.variant == Variante::Original {
            cancel.store(true, Ordering::SeqCst);
        }
    });
    assert_eq!(report.unwrap().stopped, Some(Stop::Cancelled));
    ate_conferida(&estudio, &celular, caso, last);
}
