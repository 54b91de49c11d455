//! Pictures that the tests make themselves.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Corners of the drawn pictures, upright: top left, top right, bottom left, bottom right.
pub const CORES: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 40], [30, 40, 220], [240, 230, 40]];

/// Four quadrants of the four colours.
pub fn quadrantes(largura: u32, altura: u32) -> RgbImage {
    RgbImage::from_fn(largura, altura, |x, y| {
        Rgb(CORES[usize::from(x * 2 >= largura) + 2 * usize::from(y * 2 >= altura)])
    })
}

/// Something with detail everywhere, so that every cut loses some of it.
pub fn textura(largura: u32, altura: u32) -> RgbImage {
    let mut acaso = 9_u32;
    RgbImage::from_fn(largura, altura, |x, y| {
        acaso = acaso.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let ruido = acaso >> 27;
        let [r, g, b] = [x * 150 / largura, y * 150 / altura, (x ^ y) & 127];
        Rgb([r + ruido, g + ruido, b + ruido].map(|v| v as u8 + 40))
    })
}

/// How a JPEG is to be encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modo {
    pub progressivo: bool,
    pub subamostrado: bool,
    pub reinicio: u16,
}

pub fn jpeg(imagem: &RgbImage, modo: Modo, exif: Option<&[u8]>, icc: Option<&[u8]>) -> Vec<u8> {
    jpeg_de(imagem, imagem.dimensions(), ColorType::Rgb, modo, exif, icc)
}

pub fn jpeg_de(
    pixels: &[u8],
    (largura, altura): (u32, u32),
    cor: ColorType,
    modo: Modo,
    exif: Option<&[u8]>,
    icc: Option<&[u8]>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_progressive(modo.progressivo);
    let (cheia, metade) = (SamplingFactor::F_1_1, SamplingFactor::F_2_2);
    encoder.set_sampling_factor(if modo.subamostrado { metade } else { cheia });
    if modo.reinicio > 0 {
        encoder.set_restart_interval(modo.reinicio);
    }
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).unwrap();
    }
    if let Some(icc) = icc {
        encoder.add_icc_profile(icc).unwrap();
    }
    encoder.encode(pixels, largura as u16, altura as u16, cor).unwrap();
    bytes
}

pub fn em(formato: ImageFormat, imagem: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    imagem.into().write_to(&mut bytes, formato).unwrap();
    bytes.into_inner()
}

/// An EXIF block with an orientation, the camera's name and, if asked for, a position in Santos.
pub fn exif(orientacao: u16, com_posicao: bool) -> Vec<u8> {
    let campo = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let texto = |t: &str| Value::Ascii(vec![t.as_bytes().to_vec()]);
    let graus = |partes: [(u32, u32); 3]| {
        Value::Rational(partes.map(|(num, denom)| Rational { num, denom }).to_vec())
    };
    let mut campos = vec![
        campo(Tag::Make, texto("Camera Secreta")),
        campo(Tag::Orientation, Value::Short(vec![orientacao])),
    ];
    if com_posicao {
        campos.push(campo(Tag::GPSLatitudeRef, texto("S")));
        campos.push(campo(Tag::GPSLatitude, graus([(23, 1), (57, 1), (36, 1)])));
        campos.push(campo(Tag::GPSLongitudeRef, texto("W")));
        campos.push(campo(Tag::GPSLongitude, graus([(46, 1), (20, 1), (0, 1)])));
    }
    let mut writer = Writer::new();
    campos.iter().for_each(|c| writer.push_field(c));
    let mut bloco = Cursor::new(Vec::new());
    writer.write(&mut bloco, false).unwrap();
    bloco.into_inner()
}

/// The smallest thing that says to be a colour profile of that space.
pub fn perfil(espaco: &[u8; 4], tamanho: usize) -> Vec<u8> {
    let mut perfil = vec![7; tamanho];
    perfil[16..20].copy_from_slice(espaco);
    perfil
}

/// The picture in the file, its colour profile and its EXIF.
pub fn ler(jpeg: &[u8]) -> (RgbImage, Option<Vec<u8>>, Option<exif::Exif>) {
    use image::ImageDecoder;
    let mut decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(jpeg)).unwrap();
    let icc = decoder.icc_profile().unwrap();
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(jpeg)).ok();
    (DynamicImage::from_decoder(decoder).unwrap().into_rgb8(), icc, exif)
}

/// The four corners have the four colours, as an upright picture has them.
pub fn em_pe(imagem: &RgbImage) -> bool {
    let (x, y) = imagem.dimensions();
    let cantos = [(x / 6, y / 6), (x - x / 6, y / 6), (x / 6, y - y / 6), (x - x / 6, y - y / 6)];
    cantos.iter().zip(CORES).all(|((x, y), cor)| perto(imagem.get_pixel(*x, *y).0, cor, 14))
}

pub fn perto(a: [u8; 3], b: [u8; 3], ate: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= ate)
}
