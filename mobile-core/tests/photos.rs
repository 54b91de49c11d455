//! From the camera to the disk: what is kept, what is refused, and what a crash leaves.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::{
    ids::DocumentId,
    parte::{Colecao, Variante},
    pessoa::Permissao::Ver,
    preset,
    refusal::Codigo,
    valor::Valor,
};
use campo_mobile_core::{Error, Phone, PhotoSource, PhotoState};
use campo_sync::wire::Entry;
use chrono::{SubsecRound, Utc};
use std::{collections::BTreeSet, fs, process::Command};
use support::{
    Device, Server,
    photos::{ana, nova},
    pictures::{bomb, heic, jpeg, pdf, sha256},
};

#[test]
fn a_photo_is_on_the_disk_with_its_pictures_before_the_call_returns() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = jpeg(1, 2_000, 1_000);
    let path = device.dir.path().join("IMG_0001.jpg");
    fs::write(&path, &bytes).unwrap();
    let quando = Utc::now().trunc_subsecs(3) - chrono::TimeDelta::hours(2);
    let mut foto = nova("IMG_0001.jpg", PhotoSource::Path(&path));
    (foto.caption, foto.taken_at) = (Some("Dobradiça"), Some(quando));
    let anexo = device.campo.add_photo(caso, &foto).unwrap();
    fs::remove_file(&path).unwrap();

    let device = device.reopen();
    let original = device.campo.arquivo(caso, anexo, Variante::Original).unwrap();
    assert_eq!(fs::read(&original).unwrap(), bytes);
    assert_eq!(original, device.original(&sha256(&bytes)));
    let sides = |variante| {
        let path = device.campo.arquivo(caso, anexo, variante).unwrap();
        campo_fotos::verify(&fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(sides(Variante::Previa), (1_600, 800));
    assert_eq!(sides(Variante::Miniatura), (320, 160));

    let foto = device.foto(caso, anexo);
    assert_eq!((foto.nome.as_str(), foto.mime.as_str()), ("IMG_0001.jpg", "image/jpeg"));
    assert_eq!((foto.tamanho, foto.capturada_em), (bytes.len() as u64, Some(quando)));
    assert_eq!((foto.autor.nome.as_str(), foto.minha), ("ana", true));
    assert_eq!(foto.estado, PhotoState::OnPhone);
    assert_eq!(foto.locais, BTreeSet::from(Variante::TODAS));
    let registro = device.campo.show(caso).unwrap().registro;
    let parte = &registro.colecao(Colecao::Anexos)[&anexo];
    assert_eq!(parte.valor("sha256").texto(), Some(sha256(&bytes).as_str()));
    assert_eq!(parte.valor("legenda").texto(), Some("Dobradiça"));
    assert_eq!(*parte.valor("posicao"), Valor::Nulo);
    assert_eq!(device.campo.status().unwrap().photos.waiting, 1);
}

#[test]
fn ff34_what_is_not_a_whole_photo_is_refused_at_capture_by_its_name() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let whole = jpeg(1, 400, 300);
    let cut = &whole[..whole.len() / 2];
    let cases: [(&str, &[u8], &str); 4] = [
        ("vazia.jpg", b"", "foto_vazia"),
        ("cortada.jpg", cut, "foto_cortada"),
        ("bomba.jpg", &bomb(), "foto_grande_demais"),
        ("zeros.jpg", &[0; 5_000], "foto_ilegivel"),
    ];
    let before = device.pendentes();
    for (nome, bytes, codigo) in cases {
        let error = device.try_photo(caso, nome, bytes).unwrap_err();
        assert_eq!(error.codigo(), codigo, "{nome}");
        let mensagem = error.to_string();
        assert!(mensagem.starts_with(nome) && mensagem.contains("não foi anexada"), "{mensagem}");
        let path = device.dir.path().join(nome);
        fs::write(&path, bytes).unwrap();
        let error =
            device.campo.add_photo(caso, &nova(nome, PhotoSource::Path(&path))).unwrap_err();
        assert_eq!(error.codigo(), codigo, "{nome}");
    }
    let gone = device.dir.path().join("sumiu.jpg");
    let error = device.campo.add_photo(caso, &nova("sumiu.jpg", PhotoSource::Path(&gone)));
    assert_eq!(error.unwrap_err().codigo(), "arquivo_ilegivel");
    assert_eq!(device.files(), Vec::<String>::new());
    assert_eq!(device.pendentes(), before);
    assert!(device.campo.fotos(caso).unwrap().is_empty());
}

#[test]
fn a_record_that_takes_no_photo_refuses_it_before_anything_is_read() {
    let server = Server::start();
    let device = ana(&server);
    let (caso, cliente) = (device.caso(), device.cliente("Zé"));
    let nowhere = device.dir.path().join("nenhum.jpg");
    let refused = |document: DocumentId, categoria: &str| {
        let foto = nova("nenhum.jpg", PhotoSource::Path(&nowhere));
        let foto = campo_mobile_core::NewPhoto { category: categoria, ..foto };
        match device.campo.add_photo(document, &foto).unwrap_err() {
            Error::Recusa(refusal) => refusal.codigo,
            error => panic!("{error}"),
        }
    };
    assert_eq!(refused(caso, "selfie"), Codigo::ValorInvalido);
    refused(cliente, "avaria");
    device.campo.transicionar(caso, "cancelar", Some("Desistiu")).unwrap();
    assert_eq!(refused(caso, "avaria"), Codigo::SituacaoNaoPermiteEdicao);
    let absent = device.try_photo(uuid::Uuid::now_v7().into(), "a.jpg", b"x").unwrap_err();
    assert_eq!(absent.codigo(), "nao_encontrado");
    assert!(device.files().is_empty());
}

#[test]
fn heic_and_other_files_keep_their_original_and_get_a_placeholder_that_stays_here() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    for (nome, bytes, mime) in
        [("a.heic", heic(), "image/heic"), ("laudo.pdf", pdf(1, 9_000), "application/pdf")]
    {
        let anexo = device.photo(caso, nome, &bytes);
        let foto = device.foto(caso, anexo);
        assert_eq!(foto.mime, mime);
        assert_eq!(foto.locais, BTreeSet::from([Variante::Original, Variante::Miniatura]));
        let miniatura = device.campo.arquivo(caso, anexo, Variante::Miniatura).unwrap();
        assert_eq!(fs::read(miniatura).unwrap(), campo_fotos::placeholder());
        let previa = device.campo.arquivo(caso, anexo, Variante::Previa);
        assert!(matches!(previa, Err(Error::ArquivoAusente(_))));
    }
    device.sync().unwrap();
    let report = device.send();
    assert_eq!((report.files, report.photos), (2, 2));
    assert!(server.tus.whole("miniatura").is_empty());
}

#[test]
fn the_same_bytes_twice_are_two_photos_over_one_file() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let bytes = jpeg(1, 600, 400);
    let (um, dois) = (device.photo(caso, "1.jpg", &bytes), device.photo(caso, "2.jpg", &bytes));
    assert_ne!(um, dois);
    assert_eq!(device.files().len(), 3);
    assert_eq!(device.campo.armazenamento().unwrap().originals, bytes.len() as u64);
    device.sync().unwrap();
    assert_eq!(device.send().photos, 2);
    // One is verified: the other still needs the bytes (ff12).
    device.told(&server, caso, &[(um, "verificada", None), (dois, "recebida", None)]);
    assert_eq!(device.campo.limpar_conferidas().unwrap().originals, 0);
    assert!(device.original(&sha256(&bytes)).is_file());
    device.told(&server, caso, &[(dois, "verificada", None)]);
    assert_eq!(device.campo.limpar_conferidas().unwrap().originals, 1);
}

#[test]
fn the_position_is_kept_only_where_the_company_asks_for_it() {
    let server = Server::start();
    for mut tipo in preset::carregar("P001").unwrap().tipos {
        tipo.pede_posicao = true;
        let key = format!("{}@{}", tipo.codigo, tipo.versao);
        server.reference("tipo", &key, &serde_json::to_string(&tipo).unwrap());
    }
    let device = ana(&server);
    let caso = device.caso();
    let mut foto = nova("a.jpg", PhotoSource::Bytes(b""));
    let bytes = jpeg(1, 100, 100);
    (foto.source, foto.position) = (PhotoSource::Bytes(&bytes), Some((-23.55052, -46.633308)));
    let anexo = device.campo.add_photo(caso, &foto).unwrap();
    let registro = device.campo.show(caso).unwrap().registro;
    let posicao = registro.colecao(Colecao::Anexos)[&anexo].valor("posicao").clone();
    assert_eq!(posicao.texto(), Some("-23.550520,-46.633308"));
    foto.position = Some((-123.0, 0.0));
    assert!(matches!(device.campo.add_photo(caso, &foto), Err(Error::Recusa(_))));
    // Refused after it was written: the file of the other photo stays.
    assert_eq!(fs::read(device.original(&sha256(&bytes))).unwrap(), bytes);
    assert_eq!(device.files().len(), 3);
}

#[test]
fn a_crash_leaves_files_that_the_next_opening_sweeps_and_no_original_goes_for_want_of_a_row() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    let anexo = device.photo(caso, "a.jpg", &jpeg(1, 600, 400));
    let before = device.files();
    // Between the files and the transaction; and in the middle of a file.
    let orphan = device.original(&sha256(b"orphan"));
    fs::write(&orphan, b"orphan").unwrap();
    let picture = device.dir.path().join("campo.db.fotos/1/previas").join(sha256(b"orphan"));
    fs::write(picture.with_extension("jpg"), b"orphan").unwrap();
    fs::write(orphan.with_extension("parte"), b"orp").unwrap();
    fs::write(orphan.with_file_name("0190b3a0.tmp"), b"or").unwrap();
    fs::write(orphan.with_file_name("LEIA-ME"), b"not ours").unwrap();
    let device = device.reopen();
    let ours = fs::remove_file(orphan.with_file_name("LEIA-ME"));
    assert!(ours.is_ok());
    // It may be the only copy: that no row names it proves nothing.
    assert_eq!(fs::read(&orphan).unwrap(), b"orphan");
    fs::remove_file(&orphan).unwrap();
    assert_eq!(device.files(), before);
    assert_eq!(device.foto(caso, anexo).locais.len(), 3);
}

#[test]
fn a_photo_that_somebody_else_is_writing_survives_another_opening() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.photo(caso, "a.jpg", &jpeg(1, 600, 400));
    let draft = device.original("0190b3a0.tmp");
    let file = fs::File::create(&draft).unwrap();
    file.lock().unwrap();
    let other = Phone::open(&device.dir.path().join("campo.db"), None).unwrap();
    assert!(draft.is_file());
    drop((file, other));
    drop(Phone::open(&device.dir.path().join("campo.db"), None).unwrap());
    assert!(!draft.is_file());
}

#[test]
fn a_full_disk_refuses_the_photo_and_leaves_the_store_intact() {
    let server = Server::start();
    let device = ana(&server);
    let caso = device.caso();
    device.photo(caso, "antes.jpg", &jpeg(1, 300, 200));
    let (files, pendentes) = (device.files(), device.pendentes());
    let path = device.dir.path().join("video.pdf");
    fs::write(&path, pdf(1, 3_000_000)).unwrap();
    // target/PROFILE/deps/this-test → target/PROFILE/examples/device
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/device");
    assert!(program.exists(), "{}", program.display());
    // No file larger than 1 MB, and an error instead of a signal.
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$@\"", "bash"])
        .arg(program)
        .arg("--db")
        .arg(device.dir.path().join("campo.db"))
        .args(["--json", "photo", "add", &caso.to_string()])
        .arg(&path)
        .args(["--categoria", "documento"])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("sem_espaco"), "{error}");
    assert!(error.contains("libere espaço"), "{error}");
    assert_eq!((device.files(), device.pendentes()), (files, pendentes));
    let device = device.reopen();
    device.photo(caso, "video.pdf", &pdf(1, 3_000_000));
    let check: String =
        device.raw().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn ff26_photos_of_who_used_the_phone_before_are_neither_seen_nor_sent() {
    let server = Server::start();
    server.person("bruno@demo", &[Ver]);
    let device = ana(&server);
    let caso = device.caso();
    let anexo = device.photo(caso, "a.jpg", &jpeg(1, 600, 400));
    device.sync().unwrap();
    device.enter(&server, "bruno@demo");
    device.sync().unwrap();
    assert!(matches!(device.campo.fotos(caso), Err(Error::NaoEncontrado(_))));
    let arquivo = device.campo.arquivo(caso, anexo, Variante::Original);
    assert!(matches!(arquivo, Err(Error::NaoEncontrado(_))));
    assert_eq!(device.campo.armazenamento().unwrap().originals, 0);
    assert_eq!(device.send().files, 0);
    assert!(server.tus.log().is_empty());
    assert_eq!(device.campo.safe_to_uninstall().unwrap().photos, 1);
    device.enter(&server, "ana@demo");
    assert_eq!(device.send().photos, 1);
}

#[test]
fn an_erased_record_takes_its_photos_along() {
    let server = Server::start();
    let device = ana(&server);
    let (caso, outro) = (device.caso(), device.caso());
    let bytes = jpeg(1, 600, 400);
    device.photo(caso, "a.jpg", &bytes);
    device.photo(caso, "b.jpg", &jpeg(2, 600, 400));
    device.photo(outro, "c.jpg", &bytes);
    device.sync().unwrap();
    assert_eq!(device.files().len(), 6);
    let gone = device.original(&sha256(&jpeg(2, 600, 400)));
    assert!(gone.is_file());
    device.hear(&server, vec![Entry::Erased { seq: 91, document: caso }]);
    assert!(!gone.exists());
    assert_eq!(device.files().len(), 3);
    assert!(device.original(&sha256(&bytes)).is_file());
}

#[test]
fn nothing_is_safe_to_uninstall_until_the_server_has_verified_every_photo() {
    let server = Server::start();
    let device: Device = ana(&server);
    assert!(device.campo.safe_to_uninstall().unwrap().safe);
    let caso = device.caso();
    let a = device.photo(caso, "a.jpg", &jpeg(1, 300, 200));
    let b = device.photo(caso, "b.jpg", &jpeg(2, 300, 200));
    let left = || {
        let resposta = device.campo.safe_to_uninstall().unwrap();
        assert_eq!(resposta.safe, resposta.sentence.contains("Pode desinstalar"), "{resposta:?}");
        (resposta.commands, resposta.held, resposta.photos)
    };
    assert_eq!(left(), (4, 0, 2));
    device.sync().unwrap();
    assert_eq!(left(), (0, 0, 2));
    device.send();
    assert_eq!(left(), (0, 0, 2));
    device.told(&server, caso, &[(a, "verificada", None), (b, "recebida", None)]);
    assert_eq!(left(), (0, 0, 1));
    // Removed: nobody waits for it any more.
    device.campo.remover_item(caso, b).unwrap();
    assert_eq!(left(), (1, 0, 1));
    device.sync().unwrap();
    assert_eq!(left(), (0, 0, 0));
    assert!(device.campo.safe_to_uninstall().unwrap().safe);
}
