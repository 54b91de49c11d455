//! JPEG: proof that the file is whole, then the decoding.
//!
//! Decoders show what they can of a cut file and fill the rest with grey. Here the markers are
//! walked first: every segment, every scan, its restarts and the end of image must be there. What
//! the decoder gets is a copy of the walked segments only, in which nothing but an invalid code
//! follows the last scan, so that a scan with too little data is an error and not grey.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::abrir::{Bruta, caber};
use crate::erro::ErroFoto;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DRI: u8 = 0xDD;

/// Decodes a JPEG, all of it. What follows its end (the second picture or the video of a motion
/// photo) is not looked at.
pub(crate) fn decodificar(bytes: &[u8]) -> Result<Bruta, ErroFoto> {
    let limpa = percorrer(bytes)?;
    let opcoes = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(limpa.as_slice()), opcoes);
    decoder.decode_headers().map_err(|_| ErroFoto::Ilegivel)?;
    let (cor, canais) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(cor));
    let pixels = decoder.decode().map_err(|_| ErroFoto::Ilegivel)?;
    let (x, y) = decoder.dimensions().ok_or(ErroFoto::Ilegivel)?;
    let (Ok(largura), Ok(altura)) = (u32::try_from(x), u32::try_from(y)) else {
        return Err(ErroFoto::Ilegivel);
    };
    let icc = decoder.icc_profile();
    let exif = decoder.exif().cloned();
    Ok(Bruta { pixels, canais, largura, altura, icc, exif })
}

/// What the frame header says.
struct Quadro {
    progressivo: bool,
    largura: u32,
    altura: u32,
    /// Identifier and sampling factors, across and down, of each component.
    componentes: Vec<(u8, u32, u32)>,
}

impl Quadro {
    fn ler(marcador: u8, corpo: &[u8]) -> Result<Self, ErroFoto> {
        let [_, y1, y0, x1, x0, n, resto @ ..] = corpo else { return Err(ErroFoto::Ilegivel) };
        let componentes: Vec<_> = (resto.chunks_exact(3).take(usize::from(*n)))
            .filter_map(|c| Some((*c.first()?, u32::from(c.get(1)? >> 4), u32::from(c[1] & 15))))
            .collect();
        let largura = u32::from(u16::from_be_bytes([*x1, *x0]));
        let altura = u32::from(u16::from_be_bytes([*y1, *y0]));
        let fator = |f: u32| (1..=4).contains(&f);
        let certo = largura > 0
            && altura > 0
            && (1..=4).contains(n)
            && componentes.len() == usize::from(*n)
            && componentes.iter().all(|(_, h, v)| fator(*h) && fator(*v));
        let quadro = Self { progressivo: marcador == 0xC2, largura, altura, componentes };
        certo.then_some(quadro).ok_or(ErroFoto::Ilegivel)
    }

    fn maximos(&self) -> (u32, u32) {
        let h = self.componentes.iter().map(|c| c.1).max().unwrap_or(1);
        let v = self.componentes.iter().map(|c| c.2).max().unwrap_or(1);
        (h, v)
    }

    /// Checks that the pixels, and with `buffer` the coefficients of all of it, fit in memory.
    fn caber(&self, buffer: bool) -> Result<(), ErroFoto> {
        let (h, v) = self.maximos();
        let amostras: u32 = self.componentes.iter().map(|c| c.1 * c.2).sum();
        let coeficientes = if buffer { (2 * amostras).div_ceil(h * v) } else { 0 };
        caber(self.largura, self.altura, 3 + u64::from(coeficientes))
    }

    /// Units between which a restart may come, in a scan of these components.
    fn unidades(&self, varridos: &[u8]) -> u64 {
        let (hmax, vmax) = self.maximos();
        let (mut x, mut y) = (self.largura, self.altura);
        let (mut lado_x, mut lado_y) = (8 * hmax, 8 * vmax);
        if let [unico] = varridos
            && let Some((_, h, v)) = self.componentes.iter().find(|c| c.0 == *unico)
        {
            (x, y) = ((x * h).div_ceil(hmax), (y * v).div_ceil(vmax));
            (lado_x, lado_y) = (8, 8);
        }
        u64::from(x.div_ceil(lado_x)) * u64::from(y.div_ceil(lado_y))
    }
}

/// Walks all markers up to the end of image and returns the file as the decoder gets it.
fn percorrer(bytes: &[u8]) -> Result<Vec<u8>, ErroFoto> {
    let mut limpa = Vec::with_capacity(bytes.len() + 64);
    limpa.extend([0xFF, SOI]);
    let mut quadro: Option<Quadro> = None;
    let mut intervalo = 0u64;
    let mut varreduras = 0u32;
    let mut pos = 2;
    loop {
        let marcador;
        (marcador, pos) = proximo(bytes, pos)?;
        match marcador {
            EOI => break,
            // Markers that stand alone, and stray ones.
            0x00 | 0x01 | 0xD0..=SOI => continue,
            _ => {}
        }
        let tamanho = bytes.get(pos..).and_then(|b| b.first_chunk::<2>());
        let tamanho = usize::from(u16::from_be_bytes(*tamanho.ok_or(ErroFoto::Cortada)?));
        let fim = pos + tamanho;
        let segmento = bytes.get(pos..fim).ok_or(ErroFoto::Cortada)?;
        let corpo = segmento.get(2..).ok_or(ErroFoto::Ilegivel)?;
        limpa.extend([0xFF, marcador]);
        limpa.extend(segmento);
        pos = fim;
        match (marcador, corpo) {
            (0xC0..=0xCF, _) if !matches!(marcador, 0xC4 | 0xC8 | 0xCC) => {
                let novo = Quadro::ler(marcador, corpo)?;
                novo.caber(novo.progressivo)?;
                if quadro.replace(novo).is_some() {
                    return Err(ErroFoto::Ilegivel);
                }
            }
            (DRI, [a, b, ..]) => intervalo = u64::from(u16::from_be_bytes([*a, *b])),
            (SOS, [n, resto @ ..]) => {
                let quadro = quadro.as_ref().ok_or(ErroFoto::Ilegivel)?;
                let varridos: Vec<u8> =
                    resto.chunks_exact(2).take(usize::from(*n)).map(|c| c[0]).collect();
                quadro.caber(quadro.progressivo || varridos.len() < quadro.componentes.len())?;
                let (fim, reinicios) = fim_da_varredura(bytes, pos)?;
                let esperados = match intervalo {
                    0 => 0,
                    n => quadro.unidades(&varridos).div_ceil(n).saturating_sub(1),
                };
                // Some encoders close the last interval with a restart as well.
                if !(esperados..=esperados + 1).contains(&reinicios) {
                    return Err(ErroFoto::Ilegivel);
                }
                limpa.extend(bytes.get(pos..fim).unwrap_or_default());
                varreduras += 1;
                pos = fim;
            }
            _ => {}
        }
    }
    let quadro = quadro.filter(|_| varreduras > 0).ok_or(ErroFoto::Ilegivel)?;
    // No code may be all ones: whoever reads on after the last scan fails. The decoder wants the
    // marker right behind the first scan of a progressive picture, so that one goes without.
    if !quadro.progressivo || varreduras > 1 {
        limpa.extend([0xFF, 0x00].repeat(16));
    }
    limpa.extend([0xFF, EOI]);
    Ok(limpa)
}

/// The next marker from `pos` on, and where its body begins. Bytes that do not belong there are
/// skipped, as every viewer does.
fn proximo(bytes: &[u8], pos: usize) -> Result<(u8, usize), ErroFoto> {
    let resto = bytes.get(pos..).unwrap_or_default();
    let ff = resto.iter().position(|b| *b == 0xFF).ok_or(ErroFoto::Cortada)?;
    let resto = resto.get(ff..).unwrap_or_default();
    let fim = resto.iter().position(|b| *b != 0xFF).ok_or(ErroFoto::Cortada)?;
    Ok((resto[fim], pos + ff + fim + 1))
}

/// Where the entropy-coded data that begin at `pos` end, and how many restarts are in them.
fn fim_da_varredura(bytes: &[u8], mut pos: usize) -> Result<(usize, u64), ErroFoto> {
    let mut reinicios = 0;
    loop {
        let (marcador, depois) = proximo(bytes, pos)?;
        match marcador {
            0x00 => {}
            0xD0..=0xD7 => reinicios += 1,
            _ => {
                let dados = bytes.get(pos..).unwrap_or_default();
                let ff = dados.iter().position(|b| *b == 0xFF).unwrap_or_default();
                return Ok((pos + ff, reinicios));
            }
        }
        pos = depois;
    }
}
