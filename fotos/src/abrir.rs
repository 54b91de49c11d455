//! From bytes to pixels: one decoding, all of it, within bounds.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image_webp::WebPDecoder;

use crate::erro::ErroFoto;
use crate::exif::Orientacao;
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
    pub(crate) orientacao: Orientacao,
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
    let orientacao = exif.as_ref().map(exif::orientacao).unwrap_or_default();
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
            png(bytes)
        }
        Formato::Webp => {
            webp_termina(bytes)?;
            webp(bytes)
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

fn png(bytes: &[u8]) -> Result<Bruta, ErroFoto> {
    let limites = png::Limits { bytes: usize::try_from(MEMORIA_MAX).unwrap_or(usize::MAX) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limites);
    // A palette becomes colours, and what has less than 8 bits a sample gets them.
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(erro_png)?;
    let (cores, alfa, largas) = match reader.output_color_type() {
        (png::ColorType::Grayscale, png::BitDepth::Eight) => (1, false, false),
        (png::ColorType::GrayscaleAlpha, png::BitDepth::Eight) => (1, true, false),
        (png::ColorType::Rgb, png::BitDepth::Eight) => (3, false, false),
        (png::ColorType::Rgba, png::BitDepth::Eight) => (3, true, false),
        (png::ColorType::Grayscale, png::BitDepth::Sixteen) => (1, false, true),
        (png::ColorType::GrayscaleAlpha, png::BitDepth::Sixteen) => (1, true, true),
        (png::ColorType::Rgb, png::BitDepth::Sixteen) => (3, false, true),
        (png::ColorType::Rgba, png::BitDepth::Sixteen) => (3, true, true),
        _ => return Err(ErroFoto::Ilegivel),
    };
    let amostras = Amostras { cores, alfa, largas };
    let (largura, altura) = reader.info().size();
    caber(largura, altura, amostras.bytes_por_pixel() as u64)?;
    let icc = reader.info().icc_profile.as_ref().map(|icc| icc.to_vec());
    let exif = reader.info().exif_metadata.as_ref().map(|exif| exif.to_vec());
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(ErroFoto::Ilegivel)?];
    reader.next_frame(&mut pixels).map_err(erro_png)?;
    let canais = achatar(&mut pixels, amostras);
    Ok(Bruta { pixels, canais, largura, altura, icc, exif })
}

fn webp(bytes: &[u8]) -> Result<Bruta, ErroFoto> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(erro_webp)?;
    let amostras = Amostras { cores: 3, alfa: decoder.has_alpha(), largas: false };
    let (largura, altura) = decoder.dimensions();
    caber(largura, altura, amostras.bytes_por_pixel() as u64)?;
    let icc = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten();
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or(ErroFoto::Ilegivel)?];
    decoder.read_image(&mut pixels).map_err(erro_webp)?;
    let canais = achatar(&mut pixels, amostras);
    Ok(Bruta { pixels, canais, largura, altura, icc, exif })
}

/// How the samples of a pixel lie.
#[derive(Clone, Copy)]
struct Amostras {
    /// 1 (grey) or 3 (RGB).
    cores: u8,
    /// Whether a sample of alpha follows them.
    alfa: bool,
    /// Whether a sample has 16 bits, the high ones first, instead of 8.
    largas: bool,
}

impl Amostras {
    fn bytes_por_pixel(self) -> usize {
        usize::from(self.cores + u8::from(self.alfa)) * if self.largas { 2 } else { 1 }
    }
}

/// Brings pixels to 8 bits a sample without alpha (over white), in place; says how many channels
/// are left.
fn achatar(pixels: &mut Vec<u8>, de: Amostras) -> u8 {
    if !de.alfa && !de.largas {
        return de.cores;
    }
    let (cores, amostra) = (usize::from(de.cores), if de.largas { 2 } else { 1 });
    let passo = de.bytes_por_pixel();
    let total = pixels.len() / passo;
    let ler = |pixels: &[u8], pos: usize| match de.largas {
        true => {
            u32::from(u16::from_be_bytes([pixels[pos], pixels[pos + 1]])).saturating_add(128) / 257
        }
        false => u32::from(pixels[pos]),
    };
    for pixel in 0..total {
        let inicio = pixel * passo;
        let opaco = if de.alfa { ler(pixels, inicio + cores * amostra) } else { 255 };
        for c in 0..cores {
            let valor = ler(pixels, inicio + c * amostra);
            let valor = (valor * opaco + 255 * (255 - opaco) + 127) / 255;
            pixels[pixel * cores + c] = u8::try_from(valor).unwrap_or(u8::MAX);
        }
    }
    pixels.truncate(total * cores);
    de.cores
}

fn erro_png(erro: png::DecodingError) -> ErroFoto {
    match erro {
        png::DecodingError::IoError(erro) => erro_de_leitura(&erro),
        _ => ErroFoto::Ilegivel,
    }
}

fn erro_webp(erro: image_webp::DecodingError) -> ErroFoto {
    match erro {
        image_webp::DecodingError::IoError(erro) => erro_de_leitura(&erro),
        _ => ErroFoto::Ilegivel,
    }
}

fn erro_de_leitura(erro: &std::io::Error) -> ErroFoto {
    match erro.kind() {
        std::io::ErrorKind::UnexpectedEof => ErroFoto::Cortada,
        _ => ErroFoto::Ilegivel,
    }
}
