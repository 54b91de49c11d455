//! From bytes to pixels: one decoding, all of it, within bounds.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, Limits};

use crate::erro::ErroFoto;
use crate::tipo::{Formato, farejar};
use crate::{PIXELS_MAX, exif, jpeg};

/// Most memory that the pixels of one photo may take while it is decoded, in bytes.
const MEMORIA_MAX: u64 = 4 * PIXELS_MAX;
/// Profiles of photos have some hundred bytes; one that is larger is not carried on.
const ICC_BYTES_MAX: usize = 64 * 1024;

/// What a decoder hands out: 8 bits a sample, as it lies in the file (not turned yet).
pub(crate) struct Bruta {
    pub(crate) pixels: Vec<u8>,
    /// 1 (grey) or 3 (RGB).
    pub(crate) canais: u8,
    pub(crate) largura: u32,
    pub(crate) altura: u32,
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) exif: Option<Vec<u8>>,
}

/// A decoded photo.
pub(crate) struct Imagem {
    pub(crate) bruta: Bruta,
    pub(crate) orientacao: Orientation,
    pub(crate) exif: Option<::exif::Exif>,
}

/// Decodes all of a photo.
pub(crate) fn abrir(bytes: &[u8]) -> Result<Imagem, ErroFoto> {
    if bytes.is_empty() {
        return Err(ErroFoto::Vazia);
    }
    // The decoders are fuzzed by their authors, but they are large and the bytes come from anyone:
    // a bug in one must not end the app that holds the only copy of a day's work.
    let decodificada = catch_unwind(AssertUnwindSafe(|| decodificar(bytes)));
    let mut bruta = decodificada.unwrap_or(Err(ErroFoto::Ilegivel))?;
    let amostras = u64::from(bruta.largura) * u64::from(bruta.altura) * u64::from(bruta.canais);
    if amostras == 0 || bruta.pixels.len() as u64 != amostras {
        return Err(ErroFoto::Ilegivel);
    }
    // A profile for other channels (CMYK that has become RGB) would lie.
    let espaco: &[u8] = if bruta.canais == 1 { b"GRAY" } else { b"RGB " };
    bruta.icc = bruta
        .icc
        .filter(|icc| icc.len() <= ICC_BYTES_MAX && icc.get(16..20).is_some_and(|e| e == espaco));
    let exif = bruta.exif.take().and_then(|bloco| exif::ler(&bloco));
    let orientacao = exif.as_ref().map_or(Orientation::NoTransforms, exif::orientacao);
    Ok(Imagem { bruta, orientacao, exif })
}

/// Refuses what has more than [`PIXELS_MAX`] pixels or would take more than [`MEMORIA_MAX`].
pub(crate) fn caber(largura: u32, altura: u32, bytes_por_pixel: u64) -> Result<(), ErroFoto> {
    let pixels = u64::from(largura) * u64::from(altura);
    if pixels > PIXELS_MAX || pixels * bytes_por_pixel > MEMORIA_MAX {
        return Err(ErroFoto::Grande { largura, altura });
    }
    Ok(())
}

fn decodificar(bytes: &[u8]) -> Result<Bruta, ErroFoto> {
    match farejar(bytes).formato {
        Formato::Jpeg => jpeg::decodificar(bytes),
        Formato::Png => {
            // The decoder stops at the last pixel, before the end of the file.
            png_termina(bytes)?;
            ler_tudo(PngDecoder::new(Cursor::new(bytes)).map_err(erro)?)
        }
        Formato::Webp => {
            webp_termina(bytes)?;
            ler_tudo(WebPDecoder::new(Cursor::new(bytes)).map_err(erro)?)
        }
        Formato::Heic | Formato::Outro => Err(ErroFoto::Ilegivel),
    }
}

/// The chunks up to the end of the image must be there, and the size within bounds.
fn png_termina(bytes: &[u8]) -> Result<(), ErroFoto> {
    let mut pos = 8;
    loop {
        let cabeca = bytes.get(pos..pos + 8).ok_or(ErroFoto::Cortada)?;
        let tamanho = u32::from_be_bytes(*cabeca.first_chunk().ok_or(ErroFoto::Cortada)?);
        let fim = (pos + 12).saturating_add(usize::try_from(tamanho).unwrap_or(usize::MAX));
        let corpo = bytes.get(pos + 8..fim).ok_or(ErroFoto::Cortada)?;
        if let (b"IHDR", [x3, x2, x1, x0, y3, y2, y1, y0, ..]) = (&cabeca[4..], corpo) {
            let largura = u32::from_be_bytes([*x3, *x2, *x1, *x0]);
            caber(largura, u32::from_be_bytes([*y3, *y2, *y1, *y0]), 1)?;
        }
        if &cabeca[4..] == b"IEND" {
            return Ok(());
        }
        pos = fim;
    }
}

/// The file must have the length that its header says (the padding byte at its end may miss), and
/// every frame a size within bounds, not only the canvas.
fn webp_termina(bytes: &[u8]) -> Result<(), ErroFoto> {
    let tamanho = |pos: usize| {
        let tamanho = bytes.get(pos..).and_then(|b| b.first_chunk::<4>()).copied();
        tamanho.map(u32::from_le_bytes).and_then(|t| usize::try_from(t).ok())
    };
    if bytes.len() + 1 < tamanho(4).ok_or(ErroFoto::Cortada)?.saturating_add(8) {
        return Err(ErroFoto::Cortada);
    }
    let mut pos = 12;
    while let (Some(nome), Some(dentro)) =
        (bytes.get(pos..).and_then(|b| b.get(..4)), tamanho(pos.saturating_add(4)))
    {
        match (nome, bytes.get(pos.saturating_add(8)..).unwrap_or_default()) {
            (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, x0, x1, y0, y1, ..]) => {
                let lado = |a, b| u32::from(u16::from_le_bytes([a, b]) & 0x3FFF);
                caber(lado(*x0, *x1), lado(*y0, *y1), 3)?;
            }
            (b"VP8L", [0x2F, a, b, c, d, ..]) => {
                let lados = u32::from_le_bytes([*a, *b, *c, *d]);
                caber((lados & 0x3FFF) + 1, ((lados >> 14) & 0x3FFF) + 1, 3)?;
            }
            (b"VP8X", [_, _, _, _, x0, x1, x2, y0, y1, y2, ..]) => {
                let lado = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
                caber(lado(*x0, *x1, *x2), lado(*y0, *y1, *y2), 3)?;
            }
            _ => {}
        }
        // A frame of an animation has a header of 16 bytes, then chunks of its own.
        let passo = if nome == b"ANMF" { 16 } else { dentro.saturating_add(dentro % 2) };
        pos = pos.saturating_add(8).saturating_add(passo);
    }
    Ok(())
}

fn ler_tudo<D: ImageDecoder>(mut decoder: D) -> Result<Bruta, ErroFoto> {
    let (largura, altura) = decoder.dimensions();
    let cor = decoder.color_type();
    caber(largura, altura, u64::from(cor.bytes_per_pixel()))?;
    let mut limites = Limits::no_limits();
    limites.max_alloc = Some(MEMORIA_MAX);
    decoder.set_limits(limites).map_err(erro)?;
    let icc = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten();
    let bytes = usize::try_from(decoder.total_bytes()).map_err(|_| ErroFoto::Ilegivel)?;
    let mut pixels = vec![0; bytes];
    decoder.read_image(&mut pixels).map_err(erro)?;
    let canais = achatar(&mut pixels, cor).ok_or(ErroFoto::Ilegivel)?;
    Ok(Bruta { pixels, canais, largura, altura, icc, exif })
}

/// Brings pixels to 8 bits a sample without alpha (over white), in place; says how many channels
/// are left.
fn achatar(pixels: &mut Vec<u8>, cor: ColorType) -> Option<u8> {
    let (cores, alfa, largos) = match cor {
        ColorType::L8 => return Some(1),
        ColorType::Rgb8 => return Some(3),
        ColorType::La8 => (1, true, false),
        ColorType::Rgba8 => (3, true, false),
        ColorType::L16 => (1, false, true),
        ColorType::La16 => (1, true, true),
        ColorType::Rgb16 => (3, false, true),
        ColorType::Rgba16 => (3, true, true),
        _ => return None,
    };
    let amostra = if largos { 2 } else { 1 };
    let passo = (cores + usize::from(alfa)) * amostra;
    let total = pixels.len() / passo;
    let ler = |pixels: &[u8], pos: usize| match largos {
        true => {
            u32::from(u16::from_ne_bytes([pixels[pos], pixels[pos + 1]])).saturating_add(128) / 257
        }
        false => u32::from(pixels[pos]),
    };
    for pixel in 0..total {
        let de = pixel * passo;
        let opaco = if alfa { ler(pixels, de + cores * amostra) } else { 255 };
        for c in 0..cores {
            let valor = ler(pixels, de + c * amostra);
            let valor = (valor * opaco + 255 * (255 - opaco) + 127) / 255;
            pixels[pixel * cores + c] = u8::try_from(valor).unwrap_or(u8::MAX);
        }
    }
    pixels.truncate(total * cores);
    Some(if cores == 1 { 1 } else { 3 })
}

fn erro(e: ImageError) -> ErroFoto {
    match e {
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ErroFoto::Cortada
        }
        _ => ErroFoto::Ilegivel,
    }
}
