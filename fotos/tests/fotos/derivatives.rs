//! What is made of a whole photo: size, orientation, colours and metadata.

use crate::pictures::{
    COLORS, Mode, as_file, close, exif, jpeg, jpeg_of, profile, quadrants, read, upright,
};
use campo_fotos::{PREVIEW_PX, THUMBNAIL_PX, derive, encode, placeholder, position, verify};
use image::{
    DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage, imageops,
};
use jpeg_encoder::ColorType;

#[test]
fn every_exif_orientation_comes_out_upright() {
    let certa = quadrants(2400, 1200);
    for orientation in 1..=8_u16 {
        // What the sensor saw, so that turning it as the EXIF says gives the right picture.
        let crua = match orientation {
            2 => imageops::flip_horizontal(&certa),
            3 => imageops::rotate180(&certa),
            4 => imageops::flip_vertical(&certa),
            5 => imageops::rotate90(&imageops::flip_vertical(&certa)),
            6 => imageops::rotate270(&certa),
            7 => imageops::rotate270(&imageops::flip_vertical(&certa)),
            8 => imageops::rotate90(&certa),
            _ => certa.clone(),
        };
        let block = exif(orientation, false);
        let photo = jpeg(&crua, Mode::default(), Some(&block), None);
        let made = derive(&photo, false).unwrap();
        assert_eq!((made.width, made.height), (2400, 1200), "orientation {orientation}");
        assert_eq!(verify(&photo), Ok((2400, 1200)));
        let (preview, thumbnail) = (read(&made.preview).0, read(&made.thumbnail).0);
        assert_eq!(preview.dimensions(), (PREVIEW_PX, PREVIEW_PX / 2));
        assert_eq!(thumbnail.dimensions(), (THUMBNAIL_PX, THUMBNAIL_PX / 2));
        assert!(upright(&preview) && upright(&thumbnail), "orientation {orientation}");
    }
}

#[test]
fn an_unknown_orientation_leaves_the_picture_as_it_lies() {
    for orientation in [0, 9, 300] {
        let block = exif(orientation, false);
        let photo = jpeg(&quadrants(64, 48), Mode::default(), Some(&block), None);
        assert!(upright(&read(&derive(&photo, false).unwrap().preview).0));
    }
}

#[test]
fn a_small_photo_is_never_enlarged() {
    let made = derive(&as_file(ImageFormat::Png, quadrants(400, 1)), false).unwrap();
    assert_eq!(read(&made.preview).0.dimensions(), (400, 1));
    assert_eq!(read(&made.thumbnail).0.dimensions(), (320, 1));
    let made = derive(&as_file(ImageFormat::Png, quadrants(2, 3)), false).unwrap();
    assert_eq!(read(&made.preview).0.dimensions(), (2, 3));
    assert_eq!(read(&made.thumbnail).0.dimensions(), (2, 3));
}

#[test]
fn derivatives_carry_no_exif_unless_the_position_is_asked_for() {
    for mode in [Mode::default(), Mode { progressive: true, ..Mode::default() }] {
        let photo = jpeg(&quadrants(800, 600), mode, Some(&exif(1, true)), None);
        let (latitude, longitude) = position(&photo).unwrap();
        assert!((latitude + 23.96).abs() < 1e-9 && (longitude + 46.333_333).abs() < 1e-5);

        let sem = derive(&photo, false).unwrap();
        for picture in [&sem.preview, &sem.thumbnail] {
            assert!(read(picture).2.is_none());
            assert_eq!(position(picture), None);
        }
        let com = derive(&photo, true).unwrap();
        for picture in [&com.preview, &com.thumbnail] {
            assert_eq!(position(picture), position(&photo));
            let exif = read(picture).2.unwrap();
            let alheio = exif.fields().find(|c| c.tag.context() != exif::Context::Gps);
            assert!(alheio.is_none(), "{alheio:?}");
            assert!(!picture.windows(7).any(|janela| janela == b"Secreta"));
        }
    }
}

#[test]
fn asking_for_the_position_of_a_photo_without_one_adds_nothing() {
    let photo = jpeg(&quadrants(80, 60), Mode::default(), Some(&exif(6, false)), None);
    assert_eq!(position(&photo), None);
    assert!(read(&derive(&photo, true).unwrap().preview).2.is_none());
    assert_eq!(position(b""), None);
    assert_eq!(position(&as_file(ImageFormat::Png, quadrants(8, 8))), None);
}

#[test]
fn a_colour_profile_is_kept_when_it_fits_the_pixels() {
    let rgb = profile(b"RGB ", 560);
    let photo = jpeg(&quadrants(800, 600), Mode::default(), None, Some(&rgb));
    let made = derive(&photo, false).unwrap();
    assert_eq!(read(&made.preview).1, Some(rgb.clone()));
    assert_eq!(read(&made.thumbnail).1, Some(rgb));

    for alheio in [profile(b"CMYK", 560), profile(b"GRAY", 560), profile(b"RGB ", 300_000)] {
        let photo = jpeg(&quadrants(800, 600), Mode::default(), None, Some(&alheio));
        assert_eq!(read(&derive(&photo, false).unwrap().preview).1, None);
    }
}

#[test]
fn a_grey_jpeg_stays_grey_with_its_profile() {
    let grey = profile(b"GRAY", 300);
    let cinza = DynamicImage::from(quadrants(400, 300)).into_luma8();
    let mode = Mode::default();
    let photo =
        jpeg_of(&cinza, (400, 300), ColorType::Luma, mode, Some(&exif(6, false)), Some(&grey));
    let made = derive(&photo, false).unwrap();
    assert_eq!((made.width, made.height), (300, 400));
    let (preview, icc, _) = read(&made.preview);
    assert_eq!(icc, Some(grey));
    let (dado, visto) = (cinza.get_pixel(5, 5).0[0], preview.get_pixel(295, 5).0);
    assert!(close(visto, [dado; 3], 4), "{dado} became {visto:?}");
}

#[test]
fn a_cmyk_jpeg_has_its_colours() {
    // As Photoshop writes them: inverted, with its mark; the encoder inverts.
    let cmyk: Vec<u8> = (0..64 * 64).flat_map(|_| [0, 255, 255, 0]).collect();
    for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let photo = jpeg_of(&cmyk, (64, 64), color, Mode::default(), None, None);
        let preview = read(&derive(&photo, false).unwrap().preview).0;
        assert!(
            close(preview.get_pixel(30, 30).0, [255, 0, 0], 12),
            "{:?}",
            preview.get_pixel(30, 30)
        );
    }
}

#[test]
fn what_is_transparent_lies_on_white() {
    let imagem = RgbaImage::from_fn(400, 300, |x, _| match x {
        0..200 => Rgba([10, 20, 30, 0]),
        _ => Rgba([0, 0, 0, 128]),
    });
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let preview = read(&derive(&as_file(format, imagem.clone()), false).unwrap().preview).0;
        assert!(close(preview.get_pixel(50, 50).0, [255; 3], 3));
        assert!(close(preview.get_pixel(350, 50).0, [127; 3], 3));
    }
    let cinza = ImageBuffer::from_fn(40, 30, |_, _| LumaA([0_u8, 64]));
    let preview = read(&derive(&as_file(ImageFormat::Png, cinza), false).unwrap().preview).0;
    assert!(close(preview.get_pixel(20, 20).0, [191; 3], 3));
}

#[test]
fn sixteen_bits_become_eight() {
    let rgb = DynamicImage::from(quadrants(400, 300));
    for larga in [DynamicImage::from(rgb.to_rgb16()), DynamicImage::from(rgb.to_rgba16())] {
        let made = derive(&as_file(ImageFormat::Png, larga), false).unwrap();
        assert!(upright(&read(&made.preview).0));
    }
    let cinza = ImageBuffer::from_fn(40, 30, |_, _| Luma([0x8000_u16]));
    let preview = read(&derive(&as_file(ImageFormat::Png, cinza), false).unwrap().preview).0;
    assert!(close(preview.get_pixel(20, 20).0, [128; 3], 2));
}

#[test]
fn a_png_with_a_palette_has_its_colours() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(COLORS.concat());
    let linha = |y: usize| -> [u8; 16] {
        std::array::from_fn(
            |x| if x < 8 { 0b1010_1010 } else { 0b1111_1111 } & if y < 32 { 0x55 } else { 0xFF },
        )
    };
    let pixels: Vec<u8> = (0..64).flat_map(linha).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    assert!(upright(&read(&derive(&bytes, false).unwrap().preview).0));
}

#[test]
fn every_way_to_encode_a_jpeg_is_read() {
    for progressive in [false, true] {
        for subsampled in [false, true] {
            for restart in [0, 1, 7, 1000] {
                let mode = Mode { progressive, subsampled, restart };
                for (x, y) in [(1, 1), (8, 8), (17, 33), (333, 251)] {
                    let photo = jpeg(&quadrants(x, y), mode, None, None);
                    assert_eq!(verify(&photo), Ok((x, y)), "{mode:?}");
                }
                let photo = jpeg(&quadrants(333, 251), mode, None, None);
                let preview = read(&derive(&photo, false).unwrap().preview).0;
                assert!(upright(&preview), "{mode:?}");
            }
        }
    }
}

#[test]
fn the_preview_shows_what_the_photo_shows() {
    let imagem = RgbImage::from_fn(311, 203, |x, y| {
        Rgb([(x * 255 / 311) as u8, (y * 255 / 203) as u8, ((x + y) * 255 / 514) as u8])
    });
    for progressive in [false, true] {
        for (subsampled, restart) in [(false, 0), (true, 0), (true, 3)] {
            let mode = Mode { progressive, subsampled, restart };
            let photo = jpeg(&imagem, mode, None, None);
            let preview = read(&derive(&photo, false).unwrap().preview).0;
            let pares = preview.as_raw().iter().zip(imagem.as_raw());
            let pior = pares.map(|(a, b)| a.abs_diff(*b)).max();
            assert!(pior < Some(24), "{mode:?}: {pior:?}");
        }
    }
}

#[test]
fn a_photo_of_one_very_long_line_has_a_preview() {
    let made = derive(&as_file(ImageFormat::Png, quadrants(3_000_000, 2)), false).unwrap();
    assert_eq!((made.width, made.height), (3_000_000, 2));
    assert_eq!(read(&made.preview).0.dimensions(), (PREVIEW_PX, 1));
    assert_eq!(read(&made.thumbnail).0.dimensions(), (THUMBNAIL_PX, 1));
}

#[test]
fn the_same_photo_gives_the_same_bytes() {
    let photo = jpeg(&crate::pictures::texture(1700, 900), Mode::default(), None, None);
    assert_eq!(derive(&photo, true), derive(&photo, true));
}

#[test]
fn the_placeholder_is_a_thumbnail() {
    let imagem = read(&placeholder()).0;
    assert_eq!(imagem.width(), THUMBNAIL_PX);
    assert!(placeholder().len() < 16 * 1024);
}

#[test]
fn pixels_that_do_not_fit_the_size_encode_to_nothing() {
    assert!(encode(&[0; 11], 2, 2, 80).is_empty());
    assert!(encode(&[], 0, 0, 80).is_empty());
    assert!(encode(&[0; 12], 2, 2, 200).starts_with(&[0xFF, 0xD8]));
}
