//! The preview and the thumbnail of a photo.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::abrir::abrir;
use crate::codificar::{Metadados, com_metadados};
use crate::erro::ErroFoto;
use crate::exif::Orientacao;
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
    let tela = tela.reduzir(PREVIA_PX)?.virar(orientacao);
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

fn em_pe(orientacao: Orientacao, largura: u32, altura: u32) -> (u32, u32) {
    if orientacao.quartos % 2 == 1 { (altura, largura) } else { (largura, altura) }
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
        let pixels = match self.canais {
            1 => redimensionar::<U8>(&self, x, y)?,
            _ => redimensionar::<U8x3>(&self, x, y)?,
        };
        Ok(Self { pixels, x, y, ..self })
    }

    fn virar(self, orientacao: Orientacao) -> Self {
        if orientacao == Orientacao::default() {
            return self;
        }
        let (x, y) = em_pe(orientacao, self.x, self.y);
        let pixels = match self.canais {
            1 => girar::<1>(&self, orientacao),
            _ => girar::<3>(&self, orientacao),
        };
        Self { pixels, canais: self.canais, x, y }
    }

    fn codificar(&self, qualidade: u8, metadados: &Metadados) -> Result<Vec<u8>, ErroFoto> {
        com_metadados(&self.pixels, self.canais, self.x, self.y, qualidade, metadados)
            .ok_or(ErroFoto::Ilegivel)
    }
}

/// The pixels of `tela` at another size.
///
/// By the type of its pixels, known here: `Resizer::resize`, which finds it out, is compiled for
/// thirteen of them, most of what this crate takes to build.
fn redimensionar<P: PixelTrait>(tela: &Tela, x: u32, y: u32) -> Result<Vec<u8>, ErroFoto> {
    let origem = ImageRef::new(tela.x, tela.y, &tela.pixels, P::pixel_type());
    let origem = origem.map_err(|_| ErroFoto::Ilegivel)?;
    let mut destino = Image::new(x, y, P::pixel_type());
    let (Some(de), Some(mut para)) = (origem.typed_image::<P>(), destino.typed_image_mut::<P>())
    else {
        return Err(ErroFoto::Ilegivel);
    };
    let filtro = ResizeAlg::Convolution(FilterType::Lanczos3);
    Resizer::new()
        .resize_typed(&de, &mut para, &ResizeOptions::new().resize_alg(filtro))
        .map_err(|_| ErroFoto::Ilegivel)?;
    drop(para);
    Ok(destino.into_vec())
}

/// The pixels of `tela`, of so many bytes each, made upright.
fn girar<const CANAIS: usize>(tela: &Tela, orientacao: Orientacao) -> Vec<u8> {
    let origem = tela.pixels.as_chunks::<CANAIS>().0;
    let (largura, altura) = (tela.x as usize, tela.y as usize);
    let (x, y) = em_pe(orientacao, tela.x, tela.y);
    let (x, y) = (x as usize, y as usize);
    let mut pixels = Vec::with_capacity(x * y);
    for v in 0..y {
        for u in 0..x {
            let u = if orientacao.espelhar { x - 1 - u } else { u };
            let (coluna, linha) = match orientacao.quartos {
                0 => (u, v),
                1 => (v, altura - 1 - u),
                2 => (largura - 1 - u, altura - 1 - v),
                _ => (largura - 1 - v, u),
            };
            pixels.push(origem[linha * largura + coluna]);
        }
    }
    pixels.into_flattened()
}
