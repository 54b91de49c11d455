//! Pictures that the tests make themselves.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Corners of the drawn pictures, upright: top left, top right, bottom left, bottom right.
pub const COLORS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 40], [30, 40, 220], [240, 230, 40]];

/// Four quadrants of the four colours.
pub fn quadrants(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(COLORS[usize::from(x * 2 >= width) + 2 * usize::from(y * 2 >= height)])
    })
}

/// Something with detail everywhere, so that every cut loses some of it.
pub fn texture(width: u32, height: u32) -> RgbImage {
    let mut acaso = 9_u32;
    RgbImage::from_fn(width, height, |x, y| {
        acaso = acaso.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let ruido = acaso >> 27;
        let [r, g, b] = [x * 150 / width, y * 150 / height, (x ^ y) & 127];
        Rgb([r + ruido, g + ruido, b + ruido].map(|v| v as u8 + 40))
    })
}

/// How a JPEG is to be encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    pub progressive: bool,
    pub subsampled: bool,
    pub restart: u16,
}

pub fn jpeg(imagem: &RgbImage, mode: Mode, exif: Option<&[u8]>, icc: Option<&[u8]>) -> Vec<u8> {
    jpeg_of(imagem, imagem.dimensions(), ColorType::Rgb, mode, exif, icc)
}

pub fn jpeg_of(
    pixels: &[u8],
    (width, height): (u32, u32),
    color: ColorType,
    mode: Mode,
    exif: Option<&[u8]>,
    icc: Option<&[u8]>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_progressive(mode.progressive);
    let (cheia, metade) = (SamplingFactor::F_1_1, SamplingFactor::F_2_2);
    encoder.set_sampling_factor(if mode.subsampled { metade } else { cheia });
    if mode.restart > 0 {
        encoder.set_restart_interval(mode.restart);
    }
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).unwrap();
    }
    if let Some(icc) = icc {
        encoder.add_icc_profile(icc).unwrap();
    }
    encoder.encode(pixels, width as u16, height as u16, color).unwrap();
    bytes
}

pub fn as_file(format: ImageFormat, imagem: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    imagem.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// An EXIF block with an orientation, the camera's name and, if asked for, a position in Santos.
pub fn exif(orientation: u16, with_position: bool) -> Vec<u8> {
    let campo = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let texto = |t: &str| Value::Ascii(vec![t.as_bytes().to_vec()]);
    let graus = |partes: [(u32, u32); 3]| {
        Value::Rational(partes.map(|(num, denom)| Rational { num, denom }).to_vec())
    };
    let mut campos = vec![
        campo(Tag::Make, texto("Camera Secreta")),
        campo(Tag::Orientation, Value::Short(vec![orientation])),
    ];
    if with_position {
        campos.push(campo(Tag::GPSLatitudeRef, texto("S")));
        campos.push(campo(Tag::GPSLatitude, graus([(23, 1), (57, 1), (36, 1)])));
        campos.push(campo(Tag::GPSLongitudeRef, texto("W")));
        campos.push(campo(Tag::GPSLongitude, graus([(46, 1), (20, 1), (0, 1)])));
    }
    let mut writer = Writer::new();
    campos.iter().for_each(|c| writer.push_field(c));
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    block.into_inner()
}

/// The smallest thing that says to be a colour profile of that space.
pub fn profile(space: &[u8; 4], length: usize) -> Vec<u8> {
    let mut profile = vec![7; length];
    profile[16..20].copy_from_slice(space);
    profile
}

/// The picture in the file, its colour profile and its EXIF.
pub fn read(jpeg: &[u8]) -> (RgbImage, Option<Vec<u8>>, Option<exif::Exif>) {
    use image::ImageDecoder;
    let mut decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(jpeg)).unwrap();
    let icc = decoder.icc_profile().unwrap();
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(jpeg)).ok();
    (DynamicImage::from_decoder(decoder).unwrap().into_rgb8(), icc, exif)
}

/// The four corners have the four colours, as an upright picture has them.
pub fn upright(imagem: &RgbImage) -> bool {
    let (x, y) = imagem.dimensions();
    let cantos = [(x / 6, y / 6), (x - x / 6, y / 6), (x / 6, y - y / 6), (x - x / 6, y - y / 6)];
    cantos.iter().zip(COLORS).all(|((x, y), color)| close(imagem.get_pixel(*x, *y).0, color, 14))
}

pub fn close(a: [u8; 3], b: [u8; 3], ate: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= ate)
}
