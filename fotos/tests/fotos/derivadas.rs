//! What is made of a whole photo: size, orientation, colours and metadata.

use crate::apoio::{CORES, Modo, em, em_pe, exif, jpeg, jpeg_de, ler, perfil, perto, quadrantes};
use campo_fotos::{MINIATURA_PX, PREVIA_PX, codificar, derivar, inteira, marcador, posicao};
use image::{
    DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage, imageops,
};
use jpeg_encoder::ColorType;

#[test]
fn every_exif_orientation_comes_out_upright() {
    let certa = quadrantes(2400, 1200);
    for orientacao in 1..=8_u16 {
        // What the sensor saw, so that turning it as the EXIF says gives the right picture.
        let crua = match orientacao {
            2 => imageops::flip_horizontal(&certa),
            3 => imageops::rotate180(&certa),
            4 => imageops::flip_vertical(&certa),
            5 => imageops::rotate90(&imageops::flip_vertical(&certa)),
            6 => imageops::rotate270(&certa),
            7 => imageops::rotate270(&imageops::flip_vertical(&certa)),
            8 => imageops::rotate90(&certa),
            _ => certa.clone(),
        };
        let bloco = exif(orientacao, false);
        let foto = jpeg(&crua, Modo::default(), Some(&bloco), None);
        let feitas = derivar(&foto, false).unwrap();
        assert_eq!((feitas.largura, feitas.altura), (2400, 1200), "orientation {orientacao}");
        assert_eq!(inteira(&foto), Ok((2400, 1200)));
        let (previa, miniatura) = (ler(&feitas.previa).0, ler(&feitas.miniatura).0);
        assert_eq!(previa.dimensions(), (PREVIA_PX, PREVIA_PX / 2));
        assert_eq!(miniatura.dimensions(), (MINIATURA_PX, MINIATURA_PX / 2));
        assert!(em_pe(&previa) && em_pe(&miniatura), "orientation {orientacao}");
    }
}

#[test]
fn an_unknown_orientation_leaves_the_picture_as_it_lies() {
    for orientacao in [0, 9, 300] {
        let bloco = exif(orientacao, false);
        let foto = jpeg(&quadrantes(64, 48), Modo::default(), Some(&bloco), None);
        assert!(em_pe(&ler(&derivar(&foto, false).unwrap().previa).0));
    }
}

#[test]
fn a_small_photo_is_never_enlarged() {
    let feitas = derivar(&em(ImageFormat::Png, quadrantes(400, 1)), false).unwrap();
    assert_eq!(ler(&feitas.previa).0.dimensions(), (400, 1));
    assert_eq!(ler(&feitas.miniatura).0.dimensions(), (320, 1));
    let feitas = derivar(&em(ImageFormat::Png, quadrantes(2, 3)), false).unwrap();
    assert_eq!(ler(&feitas.previa).0.dimensions(), (2, 3));
    assert_eq!(ler(&feitas.miniatura).0.dimensions(), (2, 3));
}

#[test]
fn derivatives_carry_no_exif_unless_the_position_is_asked_for() {
    for modo in [Modo::default(), Modo { progressivo: true, ..Modo::default() }] {
        let foto = jpeg(&quadrantes(800, 600), modo, Some(&exif(1, true)), None);
        let (latitude, longitude) = posicao(&foto).unwrap();
        assert!((latitude + 23.96).abs() < 1e-9 && (longitude + 46.333_333).abs() < 1e-5);

        let sem = derivar(&foto, false).unwrap();
        for derivada in [&sem.previa, &sem.miniatura] {
            assert!(ler(derivada).2.is_none());
            assert_eq!(posicao(derivada), None);
        }
        let com = derivar(&foto, true).unwrap();
        for derivada in [&com.previa, &com.miniatura] {
            assert_eq!(posicao(derivada), posicao(&foto));
            let exif = ler(derivada).2.unwrap();
            let alheio = exif.fields().find(|c| c.tag.context() != exif::Context::Gps);
            assert!(alheio.is_none(), "{alheio:?}");
            assert!(!derivada.windows(7).any(|janela| janela == b"Secreta"));
        }
    }
}

#[test]
fn asking_for_the_position_of_a_photo_without_one_adds_nothing() {
    let foto = jpeg(&quadrantes(80, 60), Modo::default(), Some(&exif(6, false)), None);
    assert_eq!(posicao(&foto), None);
    assert!(ler(&derivar(&foto, true).unwrap().previa).2.is_none());
    assert_eq!(posicao(b""), None);
    assert_eq!(posicao(&em(ImageFormat::Png, quadrantes(8, 8))), None);
}

#[test]
fn a_colour_profile_is_kept_when_it_fits_the_pixels() {
    let rgb = perfil(b"RGB ", 560);
    let foto = jpeg(&quadrantes(800, 600), Modo::default(), None, Some(&rgb));
    let feitas = derivar(&foto, false).unwrap();
    assert_eq!(ler(&feitas.previa).1, Some(rgb.clone()));
    assert_eq!(ler(&feitas.miniatura).1, Some(rgb));

    for alheio in [perfil(b"CMYK", 560), perfil(b"GRAY", 560), perfil(b"RGB ", 300_000)] {
        let foto = jpeg(&quadrantes(800, 600), Modo::default(), None, Some(&alheio));
        assert_eq!(ler(&derivar(&foto, false).unwrap().previa).1, None);
    }
}

#[test]
fn a_grey_jpeg_stays_grey_with_its_profile() {
    let grey = perfil(b"GRAY", 300);
    let cinza = DynamicImage::from(quadrantes(400, 300)).into_luma8();
    let modo = Modo::default();
    let foto =
        jpeg_de(&cinza, (400, 300), ColorType::Luma, modo, Some(&exif(6, false)), Some(&grey));
    let feitas = derivar(&foto, false).unwrap();
    assert_eq!((feitas.largura, feitas.altura), (300, 400));
    let (previa, icc, _) = ler(&feitas.previa);
    assert_eq!(icc, Some(grey));
    let (dado, visto) = (cinza.get_pixel(5, 5).0[0], previa.get_pixel(295, 5).0);
    assert!(perto(visto, [dado; 3], 4), "{dado} became {visto:?}");
}

#[test]
fn a_cmyk_jpeg_has_its_colours() {
    // As Photoshop writes them: inverted, with its mark; the encoder inverts.
    let cmyk: Vec<u8> = (0..64 * 64).flat_map(|_| [0, 255, 255, 0]).collect();
    for cor in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let foto = jpeg_de(&cmyk, (64, 64), cor, Modo::default(), None, None);
        let previa = ler(&derivar(&foto, false).unwrap().previa).0;
        assert!(
            perto(previa.get_pixel(30, 30).0, [255, 0, 0], 12),
            "{:?}",
            previa.get_pixel(30, 30)
        );
    }
}

#[test]
fn what_is_transparent_lies_on_white() {
    let imagem = RgbaImage::from_fn(400, 300, |x, _| match x {
        0..200 => Rgba([10, 20, 30, 0]),
        _ => Rgba([0, 0, 0, 128]),
    });
    for formato in [ImageFormat::Png, ImageFormat::WebP] {
        let previa = ler(&derivar(&em(formato, imagem.clone()), false).unwrap().previa).0;
        assert!(perto(previa.get_pixel(50, 50).0, [255; 3], 3));
        assert!(perto(previa.get_pixel(350, 50).0, [127; 3], 3));
    }
    let cinza = ImageBuffer::from_fn(40, 30, |_, _| LumaA([0_u8, 64]));
    let previa = ler(&derivar(&em(ImageFormat::Png, cinza), false).unwrap().previa).0;
    assert!(perto(previa.get_pixel(20, 20).0, [191; 3], 3));
}

#[test]
fn sixteen_bits_become_eight() {
    let rgb = DynamicImage::from(quadrantes(400, 300));
    for larga in [DynamicImage::from(rgb.to_rgb16()), DynamicImage::from(rgb.to_rgba16())] {
        let feitas = derivar(&em(ImageFormat::Png, larga), false).unwrap();
        assert!(em_pe(&ler(&feitas.previa).0));
    }
    let cinza = ImageBuffer::from_fn(40, 30, |_, _| Luma([0x8000_u16]));
    let previa = ler(&derivar(&em(ImageFormat::Png, cinza), false).unwrap().previa).0;
    assert!(perto(previa.get_pixel(20, 20).0, [128; 3], 2));
}

#[test]
fn a_png_with_a_palette_has_its_colours() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(CORES.concat());
    let linha = |y: usize| -> [u8; 16] {
        std::array::from_fn(
            |x| if x < 8 { 0b1010_1010 } else { 0b1111_1111 } & if y < 32 { 0x55 } else { 0xFF },
        )
    };
    let pixels: Vec<u8> = (0..64).flat_map(linha).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    assert!(em_pe(&ler(&derivar(&bytes, false).unwrap().previa).0));
}

#[test]
fn every_way_to_encode_a_jpeg_is_read() {
    for progressivo in [false, true] {
        for subamostrado in [false, true] {
            for reinicio in [0, 1, 7, 1000] {
                let modo = Modo { progressivo, subamostrado, reinicio };
                for (x, y) in [(1, 1), (8, 8), (17, 33), (333, 251)] {
                    let foto = jpeg(&quadrantes(x, y), modo, None, None);
                    assert_eq!(inteira(&foto), Ok((x, y)), "{modo:?}");
                }
                let foto = jpeg(&quadrantes(333, 251), modo, None, None);
                let previa = ler(&derivar(&foto, false).unwrap().previa).0;
                assert!(em_pe(&previa), "{modo:?}");
            }
        }
    }
}

#[test]
fn the_preview_shows_what_the_photo_shows() {
    let imagem = RgbImage::from_fn(311, 203, |x, y| {
        Rgb([(x * 255 / 311) as u8, (y * 255 / 203) as u8, ((x + y) * 255 / 514) as u8])
    });
    for progressivo in [false, true] {
        for (subamostrado, reinicio) in [(false, 0), (true, 0), (true, 3)] {
            let modo = Modo { progressivo, subamostrado, reinicio };
            let foto = jpeg(&imagem, modo, None, None);
            let previa = ler(&derivar(&foto, false).unwrap().previa).0;
            let pares = previa.as_raw().iter().zip(imagem.as_raw());
            let pior = pares.map(|(a, b)| a.abs_diff(*b)).max();
            assert!(pior < Some(24), "{modo:?}: {pior:?}");
        }
    }
}

#[test]
fn a_photo_of_one_very_long_line_has_a_preview() {
    let feitas = derivar(&em(ImageFormat::Png, quadrantes(3_000_000, 2)), false).unwrap();
    assert_eq!((feitas.largura, feitas.altura), (3_000_000, 2));
    assert_eq!(ler(&feitas.previa).0.dimensions(), (PREVIA_PX, 1));
    assert_eq!(ler(&feitas.miniatura).0.dimensions(), (MINIATURA_PX, 1));
}

#[test]
fn the_same_photo_gives_the_same_bytes() {
    let foto = jpeg(&crate::apoio::textura(1700, 900), Modo::default(), None, None);
    assert_eq!(derivar(&foto, true), derivar(&foto, true));
}

#[test]
fn the_placeholder_is_a_thumbnail() {
    let imagem = ler(&marcador()).0;
    assert_eq!(imagem.width(), MINIATURA_PX);
    assert!(marcador().len() < 16 * 1024);
}

#[test]
fn pixels_that_do_not_fit_the_size_encode_to_nothing() {
    assert!(codificar(&[0; 11], 2, 2, 80).is_empty());
    assert!(codificar(&[], 0, 0, 80).is_empty());
    assert!(codificar(&[0; 12], 2, 2, 200).starts_with(&[0xFF, 0xD8]));
}
