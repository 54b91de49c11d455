//! What is read of a photo's EXIF (orientation and position), and the one thing that may be kept.

use exif::{Context, Exif, Field, In, Reader, Tag, Value};
use image::metadata::Orientation;

/// The EXIF of a file of any format that carries one. Broken metadata is no metadata.
fn read_file(bytes: &[u8]) -> Option<Exif> {
    Reader::new().read_from_container(&mut std::io::Cursor::new(bytes)).ok()
}

/// The EXIF of a raw TIFF block, as the decoders hand it out.
pub(crate) fn read_block(block: &[u8]) -> Option<Exif> {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    Reader::new().read_raw(block.to_vec()).ok()
}

/// How the picture must be turned to be upright.
pub(crate) fn orientation(exif: &Exif) -> Orientation {
    exif.get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .and_then(|value| u8::try_from(value).ok())
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// The position at which the photo was taken, if its EXIF says so: latitude and longitude in
/// decimal degrees, south and west negative. A file without EXIF, a broken one and `0, 0` (which
/// cameras write while they have no fix) have none.
pub fn position(bytes: &[u8]) -> Option<(f64, f64)> {
    position_of(&read_file(bytes)?)
}

fn position_of(exif: &Exif) -> Option<(f64, f64)> {
    let latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S', 90.0)?;
    let longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W', 180.0)?;
    (latitude != 0.0 || longitude != 0.0).then_some((latitude, longitude))
}

fn degrees(exif: &Exif, tag: Tag, reference: Tag, negative: u8, max: f64) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let mut degrees = 0.0;
    for (part, divisor) in parts.iter().zip([1.0, 60.0, 3600.0]) {
        // Some cameras write 0/0 for a part that they do not use.
        if part.denom != 0 {
            degrees += part.to_f64() / divisor;
        } else if divisor == 1.0 {
            return None;
        }
    }
    let Value::Ascii(letters) = &exif.get_field(reference, In::PRIMARY)?.value else { return None };
    let letter = letters.first()?.first()?.to_ascii_uppercase();
    let degrees = if letter == negative { -degrees } else { degrees };
    (degrees.is_finite() && degrees.abs() <= max).then_some(degrees)
}

/// A TIFF block with nothing but the GPS tags of `exif`; none if it has no position.
pub(crate) fn gps_only(exif: &Exif) -> Option<Vec<u8>> {
    position_of(exif)?;
    let fields: Vec<&Field> = exif
        .fields()
        .filter(|field| field.tag.context() == Context::Gps && field.ifd_num == In::PRIMARY)
        .filter(|field| !matches!(field.value, Value::Unknown(..)))
        .collect();
    let mut writer = exif::experimental::Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut block = std::io::Cursor::new(Vec::new());
    writer.write(&mut block, false).ok()?;
    // What does not fit in one segment is no position but an abuse of its tags.
    Some(block.into_inner()).filter(|block| block.len() <= 16 * 1024)
}
