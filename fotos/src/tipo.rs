//! What a file is, by its first bytes; its name and the type it was declared with prove nothing.
//!
//! A type that a browser would run (HTML, SVG, XML) is never reported: who serves the file trusts
//! this answer.

/// Kind of file, as far as photos are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Formato {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG; of an animated one, its first frame.
    Png,
    /// WebP; of an animated one, its first frame.
    Webp,
    /// HEIC, HEIF or AVIF: kept, but not decoded here.
    Heic,
    /// Anything else, which is attached as it is.
    Outro,
}

impl Formato {
    /// Whether it can be decoded here, and so must be whole to be accepted.
    pub fn legivel(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp)
    }
}

/// The kind of file and the media type it may be served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tipo {
    /// The kind.
    pub formato: Formato,
    /// The media type: never one that a browser would run.
    pub mime: &'static str,
}

const DESCONHECIDO: &str = "application/octet-stream";

/// Says what a file is by its first bytes; 4096 suffice.
pub fn farejar(inicio: &[u8]) -> Tipo {
    let tipo = |formato, mime| Tipo { formato, mime };
    if inicio.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return tipo(Formato::Jpeg, "image/jpeg");
    }
    if inicio.starts_with(b"\x89PNG\r\n\x1a\n") {
        return tipo(Formato::Png, "image/png");
    }
    if inicio.starts_with(b"RIFF") && inicio.get(8..12) == Some(b"WEBP") {
        return tipo(Formato::Webp, "image/webp");
    }
    if let Some(marcas) = marcas_iso(inicio) {
        return iso(&marcas);
    }
    if inicio.starts_with(b"%PDF-") {
        return tipo(Formato::Outro, "application/pdf");
    }
    let mime = if texto_puro(inicio) { "text/plain" } else { DESCONHECIDO };
    tipo(Formato::Outro, mime)
}

/// The brands of an ISO base media file, the major one first.
fn marcas_iso(inicio: &[u8]) -> Option<Vec<[u8; 4]>> {
    if inicio.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let tamanho = u32::from_be_bytes(inicio.first_chunk::<4>().copied()?);
    let fim = usize::try_from(tamanho).ok()?.clamp(12, 4096).min(inicio.len());
    let corpo = inicio.get(8..fim)?;
    let marcas = corpo.chunks_exact(4).enumerate().filter(|(i, _)| *i != 1); // 1: minor version
    Some(marcas.filter_map(|(_, m)| m.first_chunk::<4>().copied()).collect())
}

fn iso(marcas: &[[u8; 4]]) -> Tipo {
    const AVIF: [&[u8; 4]; 2] = [b"avif", b"avis"];
    const HEIC: [&[u8; 4]; 8] =
        [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"];
    const HEIF: [&[u8; 4]; 2] = [b"mif1", b"msf1"];
    const MP4: [&[u8; 4]; 10] =
        [b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"];
    let tem = |lista: &[&[u8; 4]]| marcas.iter().any(|m| lista.contains(&m));
    let (formato, mime) = if tem(&AVIF) {
        (Formato::Heic, "image/avif")
    } else if tem(&HEIC) {
        (Formato::Heic, "image/heic")
    } else if tem(&HEIF) {
        (Formato::Heic, "image/heif")
    } else if marcas.first() == Some(b"qt  ") {
        (Formato::Outro, "video/quicktime")
    } else if tem(&MP4) {
        (Formato::Outro, "video/mp4")
    } else {
        (Formato::Outro, DESCONHECIDO)
    };
    Tipo { formato, mime }
}

/// UTF-8 without control characters that does not look like markup. The end may cut a character.
fn texto_puro(inicio: &[u8]) -> bool {
    let texto = match std::str::from_utf8(inicio) {
        Ok(texto) => texto,
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(inicio.get(..e.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
        }
        Err(_) => return false,
    };
    let controle = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    !texto.is_empty() && !texto.contains('<') && !texto.chars().any(controle)
}
