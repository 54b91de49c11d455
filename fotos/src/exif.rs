//! What is read of a photo's EXIF (orientation and position), and the one thing that may be kept.

use exif::{Context, Exif, Field, In, Reader, Tag, Value};

/// The EXIF of a file of any format that carries one. Broken metadata is no metadata.
fn ler_do_arquivo(bytes: &[u8]) -> Option<Exif> {
    Reader::new().read_from_container(&mut std::io::Cursor::new(bytes)).ok()
}

/// The EXIF of a raw TIFF block, as the decoders hand it out.
pub(crate) fn ler(bloco: &[u8]) -> Option<Exif> {
    let bloco = bloco.strip_prefix(b"Exif\0\0").unwrap_or(bloco);
    Reader::new().read_raw(bloco.to_vec()).ok()
}

/// What makes a picture upright: quarter turns clockwise, and then its mirror image or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orientacao {
    pub(crate) quartos: u8,
    pub(crate) espelhar: bool,
}

/// How the picture must be turned to be upright; not at all where its EXIF does not say.
pub(crate) fn orientacao(exif: &Exif) -> Orientacao {
    let valor = exif
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|campo| campo.value.get_uint(0))
        .unwrap_or(1);
    // EXIF 2.32, 4.6.5, tag 274.
    let (quartos, espelhar) = match valor {
        2 => (0, true),
        3 => (2, false),
        4 => (2, true),
        5 => (1, true),
        6 => (1, false),
        7 => (3, true),
        8 => (3, false),
        _ => (0, false),
    };
    Orientacao { quartos, espelhar }
}

/// The position at which the photo was taken, if its EXIF says so: latitude and longitude in
/// decimal degrees, south and west negative. A file without EXIF, a broken one and `0, 0` (which
/// cameras write while they have no fix) have none.
pub fn posicao(bytes: &[u8]) -> Option<(f64, f64)> {
    posicao_de(&ler_do_arquivo(bytes)?)
}

fn posicao_de(exif: &Exif) -> Option<(f64, f64)> {
    let latitude = graus(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S', 90.0)?;
    let longitude = graus(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W', 180.0)?;
    (latitude != 0.0 || longitude != 0.0).then_some((latitude, longitude))
}

fn graus(exif: &Exif, tag: Tag, lado: Tag, negativo: u8, max: f64) -> Option<f64> {
    let Value::Rational(partes) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let mut graus = 0.0;
    for (parte, divisor) in partes.iter().zip([1.0, 60.0, 3600.0]) {
        // Some cameras write 0/0 for a part that they do not use.
        if parte.denom != 0 {
            graus += parte.to_f64() / divisor;
        } else if divisor == 1.0 {
            return None;
        }
    }
    let Value::Ascii(letras) = &exif.get_field(lado, In::PRIMARY)?.value else { return None };
    let letra = letras.first()?.first()?.to_ascii_uppercase();
    let graus = if letra == negativo { -graus } else { graus };
    (graus.is_finite() && graus.abs() <= max).then_some(graus)
}

/// A TIFF block with nothing but the GPS tags of `exif`; none if it has no position.
pub(crate) fn so_gps(exif: &Exif) -> Option<Vec<u8>> {
    posicao_de(exif)?;
    let campos: Vec<&Field> = exif
        .fields()
        .filter(|campo| campo.tag.context() == Context::Gps && campo.ifd_num == In::PRIMARY)
        .filter(|campo| !matches!(campo.value, Value::Unknown(..)))
        .collect();
    let mut writer = exif::experimental::Writer::new();
    for campo in &campos {
        writer.push_field(campo);
    }
    let mut bloco = std::io::Cursor::new(Vec::new());
    writer.write(&mut bloco, false).ok()?;
    // What does not fit in one segment is no position but an abuse of its tags.
    Some(bloco.into_inner()).filter(|bloco| bloco.len() <= 16 * 1024)
}
