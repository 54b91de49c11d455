//! The preview and the thumbnail of a photo.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use crate::abrir::abrir;
use crate::codificar::{Metadados, com_metadados};
use crate::erro::ErroFoto;
use crate::{MINIATURA_PX, PREVIA_PX, exif};

const QUALIDADE_PREVIA: u8 = 82;
const QUALIDADE_MINIATURA: u8 = 75;

/// What is made of a photo. Both pictures are upright JPEGs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivadas {
    /// Width of the original in pixels, once upright.
    pub largura: u32,
    /// Height of the original in pixels, once upright.
    pub altura: u32,
    /// The preview: at most [`PREVIA_PX`] on its longest side.
    pub previa: Vec<u8>,
    /// The thumbnail: at most [`MINIATURA_PX`] on its longest side.
    pub miniatura: Vec<u8>,
}

/// Decodes a photo once, all of it, and makes its preview and thumbnail.
///
/// They are never larger than the photo. They keep its colour profile, and of its EXIF nothing, or
/// with `gps` the position only.
///
/// # Errors
/// [`ErroFoto`] when the file is not a whole photo that can be decoded here.
pub fn derivar(bytes: &[u8], gps: bool) -> Result<Derivadas, ErroFoto> {
    let imagem = abrir(bytes)?;
    let (orientacao, bruta) = (imagem.orientacao, imagem.bruta);
    let (largura, altura) = em_pe(orientacao, bruta.largura, bruta.altura);
    let exif = imagem.exif.as_ref().filter(|_| gps).and_then(exif::so_gps);
    let metadados = Metadados { icc: bruta.icc.as_deref(), exif: exif.as_deref() };

    let tela =
        Tela { pixels: bruta.pixels, canais: bruta.canais, x: bruta.largura, y: bruta.altura };
    let tela = tela.reduzir(PREVIA_PX)?.virar(orientacao)?;
    let previa = tela.codificar(QUALIDADE_PREVIA, &metadados)?;
    let miniatura = tela.reduzir(MINIATURA_PX)?.codificar(QUALIDADE_MINIATURA, &metadados)?;
    Ok(Derivadas { largura, altura, previa, miniatura })
}

/// Decodes all of a photo and returns its size once upright, width first.
///
/// # Errors
/// [`ErroFoto`] when the file is not a whole photo that can be decoded here.
pub fn inteira(bytes: &[u8]) -> Result<(u32, u32), ErroFoto> {
    let imagem = abrir(bytes)?;
    Ok(em_pe(imagem.orientacao, imagem.bruta.largura, imagem.bruta.altura))
}

fn em_pe(orientacao: Orientation, largura: u32, altura: u32) -> (u32, u32) {
    match orientacao {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (altura, largura),
        _ => (largura, altura),
    }
}

/// Pixels on their way from the decoder to the encoder.
struct Tela {
    pixels: Vec<u8>,
    canais: u8,
    x: u32,
    y: u32,
}

impl Tela {
    fn reduzir(self, lado: u32) -> Result<Self, ErroFoto> {
        let maior = self.x.max(self.y);
        if maior <= lado {
            return Ok(self);
        }
        let parte = |v: u32| {
            let parte = u64::from(v) * u64::from(lado) + u64::from(maior / 2);
            u32::try_from(parte / u64::from(maior)).unwrap_or(lado).max(1)
        };
        let (x, y) = (parte(self.x), parte(self.y));
        let tipo = if self.canais == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let origem = ImageRef::new(self.x, self.y, &self.pixels, tipo);
        let origem = origem.map_err(|_| ErroFoto::Ilegivel)?;
        let mut destino = Image::new(x, y, tipo);
        let filtro = ResizeAlg::Convolution(FilterType::Lanczos3);
        Resizer::new()
            .resize(&origem, &mut destino, &ResizeOptions::new().resize_alg(filtro))
            .map_err(|_| ErroFoto::Ilegivel)?;
        Ok(Self { pixels: destino.into_vec(), x, y, ..self })
    }

    fn virar(self, orientacao: Orientation) -> Result<Self, ErroFoto> {
        let (x, y) = em_pe(orientacao, self.x, self.y);
        let imagem = match self.canais {
            1 => GrayImage::from_raw(self.x, self.y, self.pixels).map(DynamicImage::from),
            _ => RgbImage::from_raw(self.x, self.y, self.pixels).map(DynamicImage::from),
        };
        let mut imagem = imagem.ok_or(ErroFoto::Ilegivel)?;
        imagem.apply_orientation(orientacao);
        Ok(Self { pixels: imagem.into_bytes(), canais: self.canais, x, y })
    }

    fn codificar(&self, qualidade: u8, metadados: &Metadados) -> Result<Vec<u8>, ErroFoto> {
        com_metadados(&self.pixels, self.canais, self.x, self.y, qualidade, metadados)
            .ok_or(ErroFoto::Ilegivel)
    }
}
