//! A file is whole or it is refused: cut anywhere, empty, a bomb, or anything else at all.

use std::time::{Duration, Instant};

use crate::apoio::{Modo, em, exif, jpeg, quadrantes, textura};
use campo_fotos::{ErroFoto, Formato, PIXELS_MAX, derivar, farejar, inteira, inteiro_iso, posicao};
use image::ImageFormat;
use proptest::prelude::*;

fn modos() -> impl Iterator<Item = Modo> {
    [(false, false, 0), (false, true, 0), (false, true, 5), (true, true, 0), (true, false, 9)]
        .into_iter()
        .map(|(progressivo, subamostrado, reinicio)| Modo { progressivo, subamostrado, reinicio })
}

fn cortada(erro: Result<(u32, u32), ErroFoto>) -> bool {
    matches!(erro, Err(ErroFoto::Cortada | ErroFoto::Ilegivel))
}

#[test]
fn a_jpeg_cut_anywhere_is_refused() {
    for modo in modos() {
        let foto = jpeg(&textura(211, 157), modo, Some(&exif(6, true)), None);
        assert_eq!(inteira(&foto), Ok((157, 211)));
        for fim in (3..foto.len() - 64).step_by(61).chain(foto.len() - 64..foto.len()) {
            assert!(cortada(inteira(&foto[..fim])), "{modo:?} cut at {fim} of {}", foto.len());
        }
        assert_eq!(inteira(&foto[..foto.len() / 2]), Err(ErroFoto::Cortada));
    }
}

#[test]
fn a_jpeg_whose_lost_end_was_filled_is_refused() {
    for modo in modos() {
        let foto = jpeg(&textura(211, 157), modo, None, None);
        for fim in [foto.len() / 2, foto.len() * 3 / 4, foto.len() - 200] {
            let mut zerada = foto.clone();
            zerada[fim..].fill(0);
            assert!(cortada(inteira(&zerada)), "{modo:?} zeros from {fim}");
        }
    }
}

#[test]
fn a_baseline_jpeg_cut_and_closed_is_refused() {
    for modo in modos().filter(|modo| !modo.progressivo) {
        let foto = jpeg(&textura(211, 157), modo, None, None);
        for fim in (foto.len() / 2..foto.len() - 24).step_by(29) {
            let fechada = [&foto[..fim], &[0xFF, 0xD9]].concat();
            assert!(cortada(inteira(&fechada)), "{modo:?} cut at {fim} of {}", foto.len());
        }
    }
}

#[test]
fn a_jpeg_with_something_behind_its_end_is_whole() {
    for modo in modos() {
        let foto = jpeg(&textura(64, 48), modo, None, None);
        let segunda = jpeg(&textura(16, 16), Modo::default(), None, None);
        let video = b"\0\0\0\x18ftypmp42".repeat(50);
        for cauda in [&segunda[..], &segunda[..99], &video, &[0; 4096], b"\n", &[0xFF]] {
            assert_eq!(inteira(&[&foto, cauda].concat()), Ok((64, 48)), "{modo:?}");
        }
    }
}

#[test]
fn bytes_between_the_segments_of_a_jpeg_do_no_harm() {
    let foto = jpeg(&textura(64, 48), Modo::default(), None, None);
    let com_sobra = [&foto[..2], &[0xFF, 0xFF, 0xFF], &foto[3..20], &[0; 9], &foto[20..]].concat();
    assert_eq!(inteira(&com_sobra), Ok((64, 48)));
}

#[test]
fn a_png_or_webp_cut_anywhere_is_refused() {
    for formato in [ImageFormat::Png, ImageFormat::WebP] {
        let foto = em(formato, textura(121, 77));
        assert_eq!(inteira(&foto), Ok((121, 77)));
        for fim in (12..foto.len() - 40).step_by(97).chain(foto.len() - 40..foto.len() - 1) {
            assert!(cortada(inteira(&foto[..fim])), "{formato:?} cut at {fim} of {}", foto.len());
        }
        assert_eq!(inteira(&foto[..foto.len() / 2]), Err(ErroFoto::Cortada));
        assert_eq!(inteira(&[&foto[..], b"more"].concat()), Ok((121, 77)));
    }
}

#[test]
fn an_iso_file_is_whole_only_if_its_boxes_end_where_it_ends() {
    let caixa = |tipo: &[u8; 4], corpo: &[u8]| {
        [&(8 + corpo.len() as u32).to_be_bytes(), &tipo[..], corpo].concat()
    };
    let longa = |tipo: &[u8; 4], corpo: &[u8]| {
        let tamanho = (16 + corpo.len() as u64).to_be_bytes();
        [&1_u32.to_be_bytes(), &tipo[..], &tamanho, corpo].concat()
    };
    let ate_o_fim = |tipo: &[u8; 4], corpo: &[u8]| [&[0; 4], &tipo[..], corpo].concat();
    let ftyp = caixa(b"ftyp", b"heic\0\0\0\0mif1heic");
    let (meta, moov) = (caixa(b"meta", &[7; 90]), caixa(b"moov", &[7; 90]));
    let mdat = caixa(b"mdat", &[9; 300]);
    for inteira in [
        [&ftyp[..], &meta, &mdat].concat(),
        [&ftyp[..], &mdat, &meta, &caixa(b"free", b"")].concat(),
        [&ftyp[..], &moov, &longa(b"mdat", &[9; 300])].concat(),
    ] {
        assert!(inteiro_iso(&inteira));
        for fim in (0..inteira.len()).filter(|fim| *fim != inteira.len() - 8) {
            assert!(!inteiro_iso(&inteira[..fim]), "cut at {fim} of {}", inteira.len());
        }
        assert!(!inteiro_iso(&[&inteira[..], b"mais"].concat()));
    }
    assert!(inteiro_iso(&[&ftyp[..], &meta, &ate_o_fim(b"mdat", &[9; 300])].concat()));
    let sem_fim = [&u32::MAX.to_be_bytes(), &b"mdat"[..], &u64::MAX.to_be_bytes()].concat();
    for outra in [
        [&ftyp[..], &meta].concat(),
        [&ftyp[..], &mdat].concat(),
        [&ftyp[..], &meta, &mdat, &sem_fim].concat(),
        [&ftyp[..], &meta, &mdat, &longa(b"free", b"")[..12]].concat(),
        [&ftyp[..], &meta, &mdat, &[0, 0, 0, 7], b"free"].concat(),
    ] {
        assert!(!inteiro_iso(&outra));
    }
}

#[test]
fn an_empty_file_is_empty() {
    assert_eq!(inteira(b""), Err(ErroFoto::Vazia));
    assert_eq!(derivar(b"", true), Err(ErroFoto::Vazia));
    assert_eq!(farejar(b"").formato, Formato::Outro);
}

#[test]
fn a_header_that_claims_too_many_pixels_is_refused_at_once() {
    let grande = Err(ErroFoto::Grande { largura: 60_000, altura: 60_000 });
    let lado = 60_000_u32.to_be_bytes();

    let mut foto = jpeg(&textura(64, 48), Modo::default(), None, None);
    let quadro = foto.windows(2).position(|janela| janela == [0xFF, 0xC0]).unwrap();
    foto[quadro + 5..quadro + 7].copy_from_slice(&lado[2..]);
    foto[quadro + 7..quadro + 9].copy_from_slice(&lado[2..]);
    let inicio = Instant::now();
    assert_eq!(inteira(&foto), grande);

    let mut foto = em(ImageFormat::Png, textura(64, 48));
    foto[16..20].copy_from_slice(&lado);
    foto[20..24].copy_from_slice(&lado);
    assert_eq!(inteira(&foto), grande);

    // WebP: the canvas of an extended file, and a frame larger than its canvas.
    let mut foto = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    foto.extend([&59_999_u32.to_le_bytes()[..3], &59_999_u32.to_le_bytes()[..3]].concat());
    foto.extend([0; 8]);
    assert_eq!(inteira(&foto), grande);
    let mut foto = em(ImageFormat::WebP, textura(64, 48));
    let vp8l = foto.windows(4).position(|janela| janela == b"VP8L").unwrap();
    foto[vp8l + 9..vp8l + 13].copy_from_slice(&0x0FFF_FFFF_u32.to_le_bytes());
    assert_eq!(inteira(&foto), Err(ErroFoto::Grande { largura: 16_384, altura: 16_384 }));
    assert!(inicio.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_png_that_unpacks_to_too_many_pixels_is_refused_at_once() {
    let mut bomba = Vec::new();
    let mut encoder = png::Encoder::new(&mut bomba, 60_000, 60_000);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let mut linhas = writer.stream_writer().unwrap();
    for _ in 0..60_000 {
        std::io::Write::write_all(&mut linhas, &[0; 7_500]).unwrap();
    }
    linhas.finish().unwrap();
    drop(writer);
    assert!(bomba.len() < 8_000_000);
    let inicio = Instant::now();
    assert_eq!(derivar(&bomba, false), Err(ErroFoto::Grande { largura: 60_000, altura: 60_000 }));
    assert!(inicio.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_photo_that_would_take_too_much_memory_is_refused_though_its_pixels_would_fit() {
    // A progressive JPEG is held whole as coefficients, three times what its pixels take.
    let mut foto =
        jpeg(&textura(64, 48), Modo { progressivo: true, ..Modo::default() }, None, None);
    let quadro = foto.windows(2).position(|janela| janela == [0xFF, 0xC2]).unwrap();
    let lado = 10_000_u16.to_be_bytes();
    foto[quadro + 5..quadro + 9].copy_from_slice(&[lado, lado].concat());
    const { assert!(10_000 * 10_000 < PIXELS_MAX) };
    assert_eq!(inteira(&foto), Err(ErroFoto::Grande { largura: 10_000, altura: 10_000 }));
}

#[test]
fn what_is_no_photo_is_unreadable() {
    for bytes in [&b"%PDF-1.7"[..], b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"ola", &[0xFF, 0xD8]] {
        assert_eq!(inteira(bytes), Err(ErroFoto::Ilegivel));
    }
    let so_tabelas = [0xFF, 0xD8, 0xFF, 0xD9];
    assert_eq!(inteira(&so_tabelas), Err(ErroFoto::Ilegivel));
}

#[test]
fn every_error_has_its_code_and_says_what_to_do() {
    let grande = ErroFoto::Grande { largura: 20_000, altura: 9_000 };
    let todos = [ErroFoto::Vazia, ErroFoto::Cortada, ErroFoto::Ilegivel, grande];
    let codigos: std::collections::BTreeSet<_> = todos.iter().map(ErroFoto::codigo).collect();
    assert_eq!(codigos.len(), todos.len());
    assert!(todos.iter().all(|e| e.to_string().contains("Tire")));
    assert!(grande.to_string().contains("20000 × 9000"));
}

#[test]
fn a_type_is_told_by_the_bytes() {
    let ftyp = |marcas: &str| {
        let mut bytes = (8 + marcas.len() as u32).to_be_bytes().to_vec();
        bytes.extend([b"ftyp", marcas.as_bytes()].concat());
        bytes
    };
    let casos: [(Vec<u8>, Formato, &str); 20] = [
        (vec![0xFF, 0xD8, 0xFF, 0xE1], Formato::Jpeg, "image/jpeg"),
        (em(ImageFormat::Png, quadrantes(2, 2)), Formato::Png, "image/png"),
        (em(ImageFormat::WebP, quadrantes(2, 2)), Formato::Webp, "image/webp"),
        (ftyp("heic\0\0\0\0mif1heic"), Formato::Heic, "image/heic"),
        (ftyp("mif1\0\0\0\0mif1heic"), Formato::Heic, "image/heic"),
        (ftyp("mif1\0\0\0\0mif1miaf"), Formato::Heic, "image/heif"),
        (ftyp("avif\0\0\0\0mif1avif"), Formato::Heic, "image/avif"),
        (ftyp("isom\0\0\x02\0isomiso2avc1mp41"), Formato::Outro, "video/mp4"),
        (ftyp("qt  \0\0\0\0qt  "), Formato::Outro, "video/quicktime"),
        (ftyp("zzzz\0\0\0\0"), Formato::Outro, "application/octet-stream"),
        (b"%PDF-1.7\n%\xe2\xe3".to_vec(), Formato::Outro, "application/pdf"),
        ("Peça nº 3: não serviu.\r\n".into(), Formato::Outro, "text/plain"),
        (b"<!doctype html><script>".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"\xEF\xBB\xBF <svg onload=x>".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"<?xml version='1.0'?>".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"oi <script>".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"\xFE\xFF\0<\0s\0v\0g".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"MZ\x90\0".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"RIFF\0\0\0\0WAVE".to_vec(), Formato::Outro, "application/octet-stream"),
        (b"\xFF\xD8".to_vec(), Formato::Outro, "application/octet-stream"),
    ];
    for (bytes, formato, mime) in casos {
        let tipo = farejar(&bytes);
        assert_eq!((tipo.formato, tipo.mime), (formato, mime), "{bytes:?}");
        assert_eq!(formato.legivel(), mime.starts_with("image/") && formato != Formato::Heic);
    }
    // The 4096 bytes may end within a character.
    assert_eq!(farejar(&"ção".as_bytes()[..4]).mime, "text/plain");
}

/// Whole photos of every kind, for the mutations.
fn sementes() -> Vec<Vec<u8>> {
    let imagem = textura(45, 37);
    let perfil = crate::apoio::perfil(b"RGB ", 200);
    let mut todas: Vec<_> =
        modos().map(|modo| jpeg(&imagem, modo, Some(&exif(5, true)), Some(&perfil))).collect();
    todas.push(em(ImageFormat::Png, imagem.clone()));
    todas.push(em(ImageFormat::WebP, imagem.clone()));
    todas.push(em(ImageFormat::Png, image::DynamicImage::from(imagem).to_luma_alpha16()));
    todas
}

/// Everything that takes bytes from outside; whatever comes back must be sound.
fn provar(bytes: &[u8]) -> Result<(), TestCaseError> {
    let _ = (farejar(bytes), posicao(bytes), inteiro_iso(bytes));
    let (tudo, tamanho) = (derivar(bytes, true), inteira(bytes));
    prop_assert_eq!(tudo.as_ref().map(|d| (d.largura, d.altura)).map_err(|e| *e), tamanho);
    if let Ok(feitas) = tudo {
        prop_assert!(inteira(&feitas.previa).is_ok() && inteira(&feitas.miniatura).is_ok());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(
        inicio in prop::sample::select(vec![
            &b""[..], b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ",
            b"\0\0\0\x18ftypheic", b"RIFF\x40\0\0\0WEBPVP8X",
            b"\xFF\xD8\xFF\xE1\0\x40Exif\0\0II*\0",
        ]),
        resto in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        provar(&[inicio, &resto].concat())?;
    }

    #[test]
    fn no_mutation_of_a_photo_makes_it_panic(
        qual in any::<prop::sample::Index>(),
        trocas in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        corte in any::<prop::sample::Index>(),
        salto in prop_oneof![3 => Just(0), 1 => 0..40_usize],
    ) {
        thread_local!(static SEMENTES: Vec<Vec<u8>> = sementes());
        let mut bytes = SEMENTES.with(|todas| qual.get(todas).clone());
        for (onde, valor) in trocas {
            // Headers decide the most: half of the changes go there.
            let onde = onde.index(bytes.len());
            let onde = if valor % 2 == 0 { onde % 700 } else { onde };
            let fim = bytes.len() - 1;
            bytes[onde.min(fim)] = valor;
        }
        let de = corte.index(bytes.len());
        bytes.drain(de..(de + salto).min(bytes.len()));
        provar(&bytes)?;
    }
}
