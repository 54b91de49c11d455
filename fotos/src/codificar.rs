//! From pixels to JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::MINIATURA_PX;

/// What a JPEG carries besides its pixels.
#[derive(Default)]
pub(crate) struct Metadados<'a> {
    pub(crate) icc: Option<&'a [u8]>,
    pub(crate) exif: Option<&'a [u8]>,
}

/// A plain JPEG (4:2:0, no metadata) of `rgb`, three bytes a pixel; `qualidade` from 1 to 100.
/// Pixels that do not fit the size, and a side of 0 or over 65 535, give no bytes.
pub fn codificar(rgb: &[u8], largura: u32, altura: u32, qualidade: u8) -> Vec<u8> {
    com_metadados(rgb, 3, largura, altura, qualidade, &Metadados::default()).unwrap_or_default()
}

/// A JPEG of grey (one channel) or RGB pixels; none if the pixels do not fit the size.
pub(crate) fn com_metadados(
    pixels: &[u8],
    canais: u8,
    largura: u32,
    altura: u32,
    qualidade: u8,
    metadados: &Metadados,
) -> Option<Vec<u8>> {
    let (x, y) = (u16::try_from(largura).ok()?, u16::try_from(altura).ok()?);
    let cor = if canais == 1 { ColorType::Luma } else { ColorType::Rgb };
    let amostras = u64::from(x) * u64::from(y) * u64::from(canais);
    if amostras == 0 || pixels.len() as u64 != amostras {
        return None;
    }
    let mut jpeg = Vec::with_capacity(pixels.len() / 8);
    let mut encoder = Encoder::new(&mut jpeg, qualidade.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if let Some(exif) = metadados.exif {
        encoder.add_exif_metadata(exif).ok()?;
    }
    if let Some(icc) = metadados.icc {
        encoder.add_icc_profile(icc).ok()?;
    }
    encoder.encode(pixels, x, y, cor).ok()?;
    Some(jpeg)
}

/// A drawn placeholder for what cannot be decoded here (HEIC): a hill and a sun, in grey.
pub fn marcador() -> Vec<u8> {
    let (largura, altura) = (MINIATURA_PX, MINIATURA_PX * 3 / 4);
    let mut rgb = Vec::with_capacity((largura * altura * 3) as usize);
    for y in 0..altura {
        for x in 0..largura {
            let morro = y > 110 + x.abs_diff(115) && y < 190;
            let outro = y > 135 + x.abs_diff(205) && y < 190;
            let sol = x.abs_diff(225).pow(2) + y.abs_diff(75).pow(2) < 20 * 20;
            let cinza = if morro || outro || sol { 0xA8 } else { 0xE8 };
            rgb.extend([cinza; 3]);
        }
    }
    codificar(&rgb, largura, altura, 75)
}
