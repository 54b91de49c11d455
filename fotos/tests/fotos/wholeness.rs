//! A file is whole or it is refused: cut anywhere, empty, a bomb, or anything else at all.

use std::time::{Duration, Instant};

use crate::pictures::{Mode, as_file, exif, jpeg, quadrants, texture};
use campo_fotos::{Format, PIXELS_MAX, PhotoError, derive, position, sniff, verify, whole_iso};
use image::ImageFormat;
use proptest::prelude::*;

fn modes() -> impl Iterator<Item = Mode> {
    [(false, false, 0), (false, true, 0), (false, true, 5), (true, true, 0), (true, false, 9)]
        .into_iter()
        .map(|(progressive, subsampled, restart)| Mode { progressive, subsampled, restart })
}

fn cortada(erro: Result<(u32, u32), PhotoError>) -> bool {
    matches!(erro, Err(PhotoError::Cut | PhotoError::Unreadable))
}

#[test]
fn a_jpeg_cut_anywhere_is_refused() {
    for mode in modes() {
        let photo = jpeg(&texture(211, 157), mode, Some(&exif(6, true)), None);
        assert_eq!(verify(&photo), Ok((157, 211)));
        for fim in (3..photo.len() - 64).step_by(61).chain(photo.len() - 64..photo.len()) {
            assert!(cortada(verify(&photo[..fim])), "{mode:?} cut at {fim} of {}", photo.len());
        }
        assert_eq!(verify(&photo[..photo.len() / 2]), Err(PhotoError::Cut));
    }
}

#[test]
fn a_jpeg_whose_lost_end_was_filled_is_refused() {
    for mode in modes() {
        let photo = jpeg(&texture(211, 157), mode, None, None);
        for fim in [photo.len() / 2, photo.len() * 3 / 4, photo.len() - 200] {
            let mut zerada = photo.clone();
            zerada[fim..].fill(0);
            assert!(cortada(verify(&zerada)), "{mode:?} zeros from {fim}");
        }
    }
}

#[test]
fn a_baseline_jpeg_cut_and_closed_is_refused() {
    for mode in modes().filter(|mode| !mode.progressive) {
        let photo = jpeg(&texture(211, 157), mode, None, None);
        for fim in (photo.len() / 2..photo.len() - 24).step_by(29) {
            let fechada = [&photo[..fim], &[0xFF, 0xD9]].concat();
            assert!(cortada(verify(&fechada)), "{mode:?} cut at {fim} of {}", photo.len());
        }
    }
}

#[test]
fn a_jpeg_with_something_behind_its_end_is_whole() {
    for mode in modes() {
        let photo = jpeg(&texture(64, 48), mode, None, None);
        let segunda = jpeg(&texture(16, 16), Mode::default(), None, None);
        let video = b"\0\0\0\x18ftypmp42".repeat(50);
        for cauda in [&segunda[..], &segunda[..99], &video, &[0; 4096], b"\n", &[0xFF]] {
            assert_eq!(verify(&[&photo, cauda].concat()), Ok((64, 48)), "{mode:?}");
        }
    }
}

#[test]
fn bytes_between_the_segments_of_a_jpeg_do_no_harm() {
    let photo = jpeg(&texture(64, 48), Mode::default(), None, None);
    let com_sobra =
        [&photo[..2], &[0xFF, 0xFF, 0xFF], &photo[3..20], &[0; 9], &photo[20..]].concat();
    assert_eq!(verify(&com_sobra), Ok((64, 48)));
}

#[test]
fn a_png_or_webp_cut_anywhere_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let photo = as_file(format, texture(121, 77));
        assert_eq!(verify(&photo), Ok((121, 77)));
        for fim in (12..photo.len() - 40).step_by(97).chain(photo.len() - 40..photo.len() - 1) {
            assert!(cortada(verify(&photo[..fim])), "{format:?} cut at {fim} of {}", photo.len());
        }
        assert_eq!(verify(&photo[..photo.len() / 2]), Err(PhotoError::Cut));
        assert_eq!(verify(&[&photo[..], b"more"].concat()), Ok((121, 77)));
    }
}

#[test]
fn an_iso_file_is_whole_only_if_its_boxes_end_where_it_ends() {
    let caixa = |tipo: &[u8; 4], corpo: &[u8]| {
        [&(8 + corpo.len() as u32).to_be_bytes(), &tipo[..], corpo].concat()
    };
    let longa = |tipo: &[u8; 4], corpo: &[u8]| {
        let length = (16 + corpo.len() as u64).to_be_bytes();
        [&1_u32.to_be_bytes(), &tipo[..], &length, corpo].concat()
    };
    let ate_o_fim = |tipo: &[u8; 4], corpo: &[u8]| [&[0; 4], &tipo[..], corpo].concat();
    let ftyp = caixa(b"ftyp", b"heic\0\0\0\0mif1heic");
    let (meta, moov) = (caixa(b"meta", &[7; 90]), caixa(b"moov", &[7; 90]));
    let mdat = caixa(b"mdat", &[9; 300]);
    for verify in [
        [&ftyp[..], &meta, &mdat].concat(),
        [&ftyp[..], &mdat, &meta, &caixa(b"free", b"")].concat(),
        [&ftyp[..], &moov, &longa(b"mdat", &[9; 300])].concat(),
    ] {
        assert!(whole_iso(&verify));
        for fim in (0..verify.len()).filter(|fim| *fim != verify.len() - 8) {
            assert!(!whole_iso(&verify[..fim]), "cut at {fim} of {}", verify.len());
        }
        assert!(!whole_iso(&[&verify[..], b"mais"].concat()));
    }
    assert!(whole_iso(&[&ftyp[..], &meta, &ate_o_fim(b"mdat", &[9; 300])].concat()));
    let sem_fim = [&u32::MAX.to_be_bytes(), &b"mdat"[..], &u64::MAX.to_be_bytes()].concat();
    for outra in [
        [&ftyp[..], &meta].concat(),
        [&ftyp[..], &mdat].concat(),
        [&ftyp[..], &meta, &mdat, &sem_fim].concat(),
        [&ftyp[..], &meta, &mdat, &longa(b"free", b"")[..12]].concat(),
        [&ftyp[..], &meta, &mdat, &[0, 0, 0, 7], b"free"].concat(),
    ] {
        assert!(!whole_iso(&outra));
    }
}

#[test]
fn an_empty_file_is_empty() {
    assert_eq!(verify(b""), Err(PhotoError::Empty));
    assert_eq!(derive(b"", true), Err(PhotoError::Empty));
    assert_eq!(sniff(b"").format, Format::Other);
}

#[test]
fn a_header_that_claims_too_many_pixels_is_refused_at_once() {
    let grande = Err(PhotoError::TooLarge { width: 60_000, height: 60_000 });
    let lado = 60_000_u32.to_be_bytes();

    let mut photo = jpeg(&texture(64, 48), Mode::default(), None, None);
    let quadro = photo.windows(2).position(|janela| janela == [0xFF, 0xC0]).unwrap();
    photo[quadro + 5..quadro + 7].copy_from_slice(&lado[2..]);
    photo[quadro + 7..quadro + 9].copy_from_slice(&lado[2..]);
    let inicio = Instant::now();
    assert_eq!(verify(&photo), grande);

    let mut photo = as_file(ImageFormat::Png, texture(64, 48));
    photo[16..20].copy_from_slice(&lado);
    photo[20..24].copy_from_slice(&lado);
    assert_eq!(verify(&photo), grande);

    // WebP: the canvas of an extended file, and a frame larger than its canvas.
    let mut photo = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    photo.extend([&59_999_u32.to_le_bytes()[..3], &59_999_u32.to_le_bytes()[..3]].concat());
    photo.extend([0; 8]);
    assert_eq!(verify(&photo), grande);
    let mut photo = as_file(ImageFormat::WebP, texture(64, 48));
    let vp8l = photo.windows(4).position(|janela| janela == b"VP8L").unwrap();
    photo[vp8l + 9..vp8l + 13].copy_from_slice(&0x0FFF_FFFF_u32.to_le_bytes());
    assert_eq!(verify(&photo), Err(PhotoError::TooLarge { width: 16_384, height: 16_384 }));
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
    assert_eq!(derive(&bomba, false), Err(PhotoError::TooLarge { width: 60_000, height: 60_000 }));
    assert!(inicio.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_photo_that_would_take_too_much_memory_is_refused_though_its_pixels_would_fit() {
    // A progressive JPEG is held whole as coefficients, three times what its pixels take.
    let mut photo =
        jpeg(&texture(64, 48), Mode { progressive: true, ..Mode::default() }, None, None);
    let quadro = photo.windows(2).position(|janela| janela == [0xFF, 0xC2]).unwrap();
    let lado = 10_000_u16.to_be_bytes();
    photo[quadro + 5..quadro + 9].copy_from_slice(&[lado, lado].concat());
    const { assert!(10_000 * 10_000 < PIXELS_MAX) };
    assert_eq!(verify(&photo), Err(PhotoError::TooLarge { width: 10_000, height: 10_000 }));
}

#[test]
fn what_is_no_photo_is_unreadable() {
    for bytes in [&b"%PDF-1.7"[..], b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"ola", &[0xFF, 0xD8]] {
        assert_eq!(verify(bytes), Err(PhotoError::Unreadable));
    }
    let so_tabelas = [0xFF, 0xD8, 0xFF, 0xD9];
    assert_eq!(verify(&so_tabelas), Err(PhotoError::Unreadable));
}

#[test]
fn every_error_has_its_code_and_says_what_to_do() {
    let grande = PhotoError::TooLarge { width: 20_000, height: 9_000 };
    let todos = [PhotoError::Empty, PhotoError::Cut, PhotoError::Unreadable, grande];
    let codigos: std::collections::BTreeSet<_> = todos.iter().map(PhotoError::code).collect();
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
    let casos: [(Vec<u8>, Format, &str); 20] = [
        (vec![0xFF, 0xD8, 0xFF, 0xE1], Format::Jpeg, "image/jpeg"),
        (as_file(ImageFormat::Png, quadrants(2, 2)), Format::Png, "image/png"),
        (as_file(ImageFormat::WebP, quadrants(2, 2)), Format::Webp, "image/webp"),
        (ftyp("heic\0\0\0\0mif1heic"), Format::Heic, "image/heic"),
        (ftyp("mif1\0\0\0\0mif1heic"), Format::Heic, "image/heic"),
        (ftyp("mif1\0\0\0\0mif1miaf"), Format::Heic, "image/heif"),
        (ftyp("avif\0\0\0\0mif1avif"), Format::Heic, "image/avif"),
        (ftyp("isom\0\0\x02\0isomiso2avc1mp41"), Format::Other, "video/mp4"),
        (ftyp("qt  \0\0\0\0qt  "), Format::Other, "video/quicktime"),
        (ftyp("zzzz\0\0\0\0"), Format::Other, "application/octet-stream"),
        (b"%PDF-1.7\n%\xe2\xe3".to_vec(), Format::Other, "application/pdf"),
        ("Peça nº 3: não serviu.\r\n".into(), Format::Other, "text/plain"),
        (b"<!doctype html><script>".to_vec(), Format::Other, "application/octet-stream"),
        (b"\xEF\xBB\xBF <svg onload=x>".to_vec(), Format::Other, "application/octet-stream"),
        (b"<?xml version='1.0'?>".to_vec(), Format::Other, "application/octet-stream"),
        (b"oi <script>".to_vec(), Format::Other, "application/octet-stream"),
        (b"\xFE\xFF\0<\0s\0v\0g".to_vec(), Format::Other, "application/octet-stream"),
        (b"MZ\x90\0".to_vec(), Format::Other, "application/octet-stream"),
        (b"RIFF\0\0\0\0WAVE".to_vec(), Format::Other, "application/octet-stream"),
        (b"\xFF\xD8".to_vec(), Format::Other, "application/octet-stream"),
    ];
    for (bytes, format, mime) in casos {
        let tipo = sniff(&bytes);
        assert_eq!((tipo.format, tipo.mime), (format, mime), "{bytes:?}");
        assert_eq!(format.decodable(), mime.starts_with("image/") && format != Format::Heic);
    }
    // The 4096 bytes may end within a character.
    assert_eq!(sniff(&"ção".as_bytes()[..4]).mime, "text/plain");
}

/// Whole photos of every kind, for the mutations.
fn sementes() -> Vec<Vec<u8>> {
    let imagem = texture(45, 37);
    let profile = crate::pictures::profile(b"RGB ", 200);
    let mut todas: Vec<_> =
        modes().map(|mode| jpeg(&imagem, mode, Some(&exif(5, true)), Some(&profile))).collect();
    todas.push(as_file(ImageFormat::Png, imagem.clone()));
    todas.push(as_file(ImageFormat::WebP, imagem.clone()));
    todas.push(as_file(ImageFormat::Png, image::DynamicImage::from(imagem).to_luma_alpha16()));
    todas
}

/// Everything that takes bytes from outside; whatever comes back must be sound.
fn provar(bytes: &[u8]) -> Result<(), TestCaseError> {
    let _ = (sniff(bytes), position(bytes), whole_iso(bytes));
    let (tudo, length) = (derive(bytes, true), verify(bytes));
    prop_assert_eq!(tudo.as_ref().map(|d| (d.width, d.height)).map_err(|e| *e), length);
    if let Ok(made) = tudo {
        prop_assert!(verify(&made.preview).is_ok() && verify(&made.thumbnail).is_ok());
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
