//! Photos that others took: thumbnails of all, the rest on demand, and none out of sight.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    pessoa::Permissao::{Gerenciar, Ver},
};
use campo_mobile_core::{Budget, Error, Network, PhotoState};
use std::{fs, sync::atomic::AtomicBool};
use support::{
    Device, Server,
    photos::ana,
    pictures::{jpeg, pdf},
};

struct Cena {
    server: Server,
    ana: Device,
    bia: Device,
    caso: DocumentId,
    anexo: ItemId,
    bytes: Vec<u8>,
}

/// Ana took a photo; Bia's telephone knows of it.
fn cena(bytes: Vec<u8>) -> Cena {
    let server = Server::start();
    let ana = ana(&server);
    let caso = ana.caso();
    let anexo = ana.photo(caso, "a.jpg", &bytes);
    ana.sync().unwrap();
    server.person("bia@demo", &[Ver, Gerenciar]);
    let bia = server.device("bia@demo");
    bia.campo.set_network(Network::WiFi);
    bia.sync().unwrap();
    bia.hear(&server, vec![ana.snapshot(caso)]);
    Cena { server, ana, bia, caso, anexo, bytes }
}

fn thumbnails(device: &Device) -> Result<u32, Error> {
    device.campo.baixar_miniaturas(&AtomicBool::new(false))
}

#[test]
fn thumbnails_of_others_come_when_they_are_there_and_within_the_budget() {
    let Cena { server, ana, bia, caso, anexo, bytes } = cena(jpeg(1, 600, 400));
    let foto = bia.foto(caso, anexo);
    assert_eq!((foto.minha, foto.estado, foto.locais.len()), (false, PhotoState::Expected, 0));
    assert_eq!(foto.autor.nome, "ana");
    assert_eq!(foto.tamanho, bytes.len() as u64);
    let absent = bia.campo.arquivo(caso, anexo, Variante::Miniatura);
    assert!(matches!(absent, Err(Error::ArquivoAusente(_))));
    // Nobody has sent it yet: later.
    assert_eq!(thumbnails(&bia).unwrap(), 0);
    assert_eq!(thumbnails(&bia).unwrap(), 0);
    assert_eq!(server.tus.count("GET"), 1);

    let miniatura = ana.campo.arquivo(caso, anexo, Variante::Miniatura).unwrap();
    let miniatura = fs::read(miniatura).unwrap();
    server.tus.give(anexo, "miniatura", &miniatura);
    bia.raw().execute("UPDATE arquivo SET proxima_em = 1", []).unwrap();
    bia.campo.set_budget(Budget::WiFiOnly).unwrap();
    bia.campo.set_network(Network::Mobile);
    assert_eq!(thumbnails(&bia).unwrap(), 0);
    bia.campo.set_budget(Budget::ThumbnailsOnMobile).unwrap();
    assert_eq!(thumbnails(&bia).unwrap(), 1);
    let path = bia.campo.arquivo(caso, anexo, Variante::Miniatura).unwrap();
    assert_eq!(fs::read(path).unwrap(), miniatura);
    assert_eq!(thumbnails(&bia).unwrap(), 0);
    assert_eq!(server.tus.count("GET"), 2);
    assert!(bia.campo.safe_to_uninstall().unwrap().safe);
    bia.told(&server, caso, &[(anexo, "verificada", None)]);
    assert_eq!(bia.estado(caso, anexo), PhotoState::Verified);
}

#[test]
fn an_original_is_resumed_by_range_and_counts_only_with_the_hash_that_was_declared() {
    let Cena { server, bia, caso, anexo, bytes, .. } = cena(pdf(1, 400_000));
    let fetch = |device: &Device| device.campo.baixar(caso, anexo, Variante::Original);
    let Err(Error::Servidor { codigo, .. }) = fetch(&bia) else { panic!() };
    assert_eq!(codigo, "arquivo_nao_chegou");
    server.tus.give(anexo, "original", &bytes);
    server.tus.cut_after(&[150_000]);
    assert!(matches!(fetch(&bia), Err(Error::SemConexao(_))));
    let bia = bia.reopen();
    let path = fetch(&bia).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let froms: Vec<_> = server.tus.log().iter().map(|taken| taken.from).collect();
    assert_eq!(froms, [0, 0, 150_000]);
    assert_eq!(fetch(&bia).unwrap(), path);
    assert_eq!(bia.files().len(), 1);

    // Freed only once it is verified, and then something else comes: it does not count.
    assert_eq!(bia.campo.limpar_conferidas().unwrap().originals, 0);
    bia.told(&server, caso, &[(anexo, "verificada", None)]);
    assert_eq!(bia.campo.limpar_conferidas().unwrap().originals, 1);
    for other in [pdf(2, 400_000), pdf(1, 400_001), pdf(1, 300_000)] {
        server.tus.give(anexo, "original", &other);
        assert!(matches!(fetch(&bia), Err(Error::ArquivoDiferente(_))));
        assert!(bia.files().is_empty());
    }
    server.tus.give(anexo, "original", &bytes);
    assert_eq!(fs::read(fetch(&bia).unwrap()).unwrap(), bytes);
}

#[test]
fn what_is_no_picture_is_not_taken_for_a_preview() {
    let Cena { server, bia, caso, anexo, .. } = cena(jpeg(1, 600, 400));
    server.tus.give(anexo, "previa", b"<html>Entre na rede do hotel</html>");
    let fetched = bia.campo.baixar(caso, anexo, Variante::Previa);
    assert!(matches!(fetched, Err(Error::ArquivoDiferente(_))));
    assert!(bia.files().is_empty());
    let previa = jpeg(2, 160, 100);
    server.tus.give(anexo, "previa", &previa);
    let path = bia.campo.baixar(caso, anexo, Variante::Previa).unwrap();
    assert_eq!(fs::read(path).unwrap(), previa);
}

#[test]
fn files_of_others_go_when_the_record_goes_out_of_sight_or_the_photo_is_removed() {
    let Cena { server, ana, bia, caso, anexo, bytes } = cena(jpeg(1, 600, 400));
    let outra = ana.photo(caso, "b.jpg", &jpeg(2, 600, 400));
    ana.sync().unwrap();
    bia.hear(&server, vec![ana.snapshot(caso)]);
    let propria = bia.photo(caso, "c.pdf", &pdf(3, 5_000));
    bia.sync().unwrap();
    server.tus.give(anexo, "original", &bytes);
    server.tus.give(anexo, "miniatura", &jpeg(4, 32, 20));
    server.tus.give(outra, "miniatura", &jpeg(5, 32, 20));
    bia.campo.baixar(caso, anexo, Variante::Original).unwrap();
    assert_eq!(thumbnails(&bia).unwrap(), 2);
    assert_eq!(bia.files().len(), 5);

    ana.campo.remover_item(caso, outra).unwrap();
    ana.sync().unwrap();
    bia.hear(&server, vec![ana.snapshot(caso)]);
    assert_eq!(bia.files().len(), 4);
    assert!(bia.campo.fotos(caso).unwrap().iter().all(|foto| foto.anexo != outra));

    bia.revoked(&server, caso);
    let fotos = bia.campo.fotos(caso).unwrap();
    assert_eq!(fotos.iter().map(|foto| foto.anexo).collect::<Vec<_>>(), [propria]);
    // Her own, with its placeholder.
    assert_eq!(bia.files().len(), 2);
    assert!(bia.campo.baixar(caso, anexo, Variante::Original).is_err());
    assert_eq!(bia.send().photos, 1);
}
