//! Pictures as cameras and people make them: real JPEG, PNG and WebP with real EXIF, and what only
//! pretends to be a picture. The same seed gives the same bytes.

use crate::dice::Dice;
use anyhow::{Context, Result};
use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use std::io::Cursor;

/// When every camera here was told that it is, as EXIF writes it.
pub const CAPTURED: &str = "2026:11:20 14:03:07";

/// Shades of green.
const BANDS: usize = 16;

/// A picture that a camera takes.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// What it shows: of another seed, another picture.
    pub seed: u64,
    /// In pixels, as they are stored: before they are turned upright.
    pub width: u32,
    /// As `width`.
    pub height: u32,
    /// How the camera was held, 1 to 8, as EXIF counts; nothing is said where `None`.
    pub orientation: Option<u16>,
    /// Latitude and longitude, in degrees.
    pub position: Option<(f64, f64)>,
}

impl Shot {
    /// Upright, of nowhere.
    pub const fn new(seed: u64, width: u32, height: u32) -> Self {
        Shot { seed, width, height, orientation: Some(1), position: None }
    }

    /// With the camera held so.
    pub const fn held(self, orientation: u16) -> Self {
        Shot { orientation: Some(orientation), ..self }
    }

    /// Taken there.
    pub const fn at(self, latitude: f64, longitude: f64) -> Self {
        Shot { position: Some((latitude, longitude)), ..self }
    }

    /// Coarse shapes under the noise of a sensor: red grows to the right, green downward, and the
    /// upper left corner is white. 12 million pixels make about 4 MB of JPEG.
    fn rgb(&self) -> Vec<u8> {
        let mut dice = Dice::new(self.seed);
        let tint = dice.word().to_le_bytes()[0] & 127;
        let (width, height) = (self.width as usize, self.height as usize);
        let mut rgb = Vec::with_capacity(3 * width * height);
        // A few noisy rows of each of these bands, which then come in any order.
        for band in 0..BANDS {
            let green = level(band, BANDS);
            let rows: Vec<Vec<u8>> = (0..4)
                .map(|_| {
                    let noise = noise(dice.word(), width);
                    let pixel = |(x, grain): (usize, &u8)| {
                        let corner = x < width / 4 && band < BANDS / 4;
                        let pixel = if corner { [224; 3] } else { [level(x, width), green, tint] };
                        pixel.map(|part| part.saturating_add(grain & 31))
                    };
                    noise.iter().enumerate().flat_map(pixel).collect()
                })
                .collect();
            let end = 3 * width * (height * (band + 1) / BANDS);
            while rgb.len() < end {
                rgb.extend_from_slice(dice.pick::<Vec<u8>>(&rows));
            }
        }
        rgb
    }

    fn exif(&self) -> Result<Vec<u8>> {
        let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
        let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
        let mut fields = vec![
            field(Tag::Make, text("Campo")),
            field(Tag::Model, text("Camera de teste")),
            field(Tag::DateTimeOriginal, text(CAPTURED)),
        ];
        if let Some(orientation) = self.orientation {
            fields.push(field(Tag::Orientation, Value::Short(vec![orientation])));
        }
        if let Some((latitude, longitude)) = self.position {
            let (north, east) = (latitude >= 0.0, longitude >= 0.0);
            fields.push(field(Tag::GPSLatitudeRef, text(if north { "N" } else { "S" })));
            fields.push(field(Tag::GPSLatitude, degrees(latitude)));
            fields.push(field(Tag::GPSLongitudeRef, text(if east { "E" } else { "W" })));
            fields.push(field(Tag::GPSLongitude, degrees(longitude)));
        }
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut tiff = Cursor::new(Vec::new());
        writer.write(&mut tiff, false)?;
        Ok(tiff.into_inner())
    }

    /// As a JPEG with EXIF.
    ///
    /// # Errors
    /// None that is known.
    pub fn jpeg(&self) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        JpegEncoder::new_with_quality(&mut plain, 85).write_image(
            &self.rgb(),
            self.width,
            self.height,
            ExtendedColorType::Rgb8,
        )?;
        let exif = [b"Exif\0\0".to_vec(), self.exif()?].concat();
        with_segment(&plain, 0xE1, &exif)
    }

    /// As a PNG.
    ///
    /// # Errors
    /// None that is known.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(
            &self.rgb(),
            self.width,
            self.height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(png)
    }

    /// As a WebP, without loss.
    ///
    /// # Errors
    /// None that is known.
    pub fn webp(&self) -> Result<Vec<u8>> {
        let mut webp = Vec::new();
        WebPEncoder::new_lossless(&mut webp).write_image(
            &self.rgb(),
            self.width,
            self.height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(webp)
    }
}

/// From dark to light along an axis.
fn level(at: usize, of: usize) -> u8 {
    u8::try_from(at * 200 / of.max(1)).unwrap_or(u8::MAX)
}

/// Degrees, minutes and hundredths of seconds, without the sign.
fn degrees(angle: f64) -> Value {
    let hundredths = (angle.abs() * 360_000.0).round() as u32;
    let part = |num, denom| Rational { num, denom };
    let (minutes, seconds) = (hundredths / 6_000, hundredths % 6_000);
    Value::Rational(vec![part(minutes / 60, 1), part(minutes % 60, 1), part(seconds, 100)])
}

fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Result<Vec<u8>> {
    let start = jpeg.get(..2).context("not a JPEG")?;
    let length = u16::try_from(content.len() + 2).context("too long for a segment")?.to_be_bytes();
    Ok([start, &[0xFF, marker], &length, content, &jpeg[2..]].concat())
}

/// The same picture in other bytes: a JPEG with that number in a comment.
///
/// # Errors
/// It is no JPEG.
pub fn numbered(jpeg: &[u8], number: u64) -> Result<Vec<u8>> {
    with_segment(jpeg, 0xFE, format!("{number:020}").as_bytes())
}

/// Only the first part of a file, in thousandths of it.
pub fn cut(bytes: &[u8], per_mille: usize) -> Vec<u8> {
    bytes[..bytes.len() * per_mille / 1_000].to_vec()
}

/// A few kilobytes of PNG that say they are 60,000 × 60,000 pixels: 10 GB once decoded.
///
/// # Errors
/// None that is known.
pub fn bomb() -> Result<Vec<u8>> {
    let mut png = Shot::new(0, 32, 32).png()?;
    // Signature, length and name of the first chunk; then width and height.
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    Ok(png)
}

/// What a chunk of a PNG ends with.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// What begins like the HEIC of a telephone, and has no picture that can be read here.
pub fn heic(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut bytes = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\x02\0mdat".to_vec();
    (0..60).for_each(|_| bytes.extend_from_slice(&dice.word().to_le_bytes()));
    bytes
}

/// Bytes of no kind, for what is not a picture.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&dice.word().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use exif::Reader;
    use image::{GenericImageView, ImageFormat};

    #[test]
    fn every_kind_decodes_and_the_same_seed_gives_the_same_bytes() {
        let shot = Shot::new(7, 300, 200);
        for (bytes, again, format) in [
            (shot.jpeg(), shot.jpeg(), ImageFormat::Jpeg),
            (shot.png(), shot.png(), ImageFormat::Png),
            (shot.webp(), shot.webp(), ImageFormat::WebP),
        ] {
            let bytes = bytes.unwrap();
            assert_eq!(image::guess_format(&bytes).unwrap(), format);
            assert_eq!(image::load_from_memory(&bytes).unwrap().dimensions(), (300, 200));
            assert_eq!(bytes, again.unwrap());
        }
        assert_ne!(shot.jpeg().unwrap(), Shot::new(8, 300, 200).jpeg().unwrap());
    }

    #[test]
    fn a_jpeg_says_how_where_and_when_it_was_taken() {
        let jpeg = Shot::new(1, 64, 48).held(6).at(-23.5505, -46.6333).jpeg().unwrap();
        let exif = Reader::new().read_from_container(&mut Cursor::new(&jpeg)).unwrap();
        let field = |tag| exif.get_field(tag, In::PRIMARY).unwrap();
        assert_eq!(field(Tag::Orientation).value.get_uint(0), Some(6));
        assert_eq!(field(Tag::GPSLatitude).display_value().to_string(), "23 deg 33 min 1.8 sec");
        assert_eq!(field(Tag::GPSLongitudeRef).display_value().to_string(), "W");
        let captured = field(Tag::DateTimeOriginal).display_value().to_string();
        assert_eq!(captured.replace('-', ":"), CAPTURED);
        let other = numbered(&jpeg, 5).unwrap();
        assert_ne!(other, jpeg);
        image::load_from_memory(&other).unwrap();
    }

    #[test]
    fn a_shot_of_twelve_million_pixels_has_the_size_of_one() {
        let jpeg = Shot::new(2, 4_000, 3_000).jpeg().unwrap();
        let mb = jpeg.len() / 1_000_000;
        assert!((3..=5).contains(&mb), "{} bytes", jpeg.len());
    }

    #[test]
    fn what_only_pretends_to_be_a_picture_cannot_be_read() {
        let jpeg = Shot::new(3, 640, 480).jpeg().unwrap();
        assert_eq!(cut(&jpeg, 500).len(), jpeg.len() / 2);
        assert!(image::load_from_memory(&cut(&Shot::new(3, 64, 48).png().unwrap(), 500)).is_err());
        let bomb = bomb().unwrap();
        assert!(bomb.len() < 10_000);
        let reader = image::ImageReader::new(Cursor::new(&bomb)).with_guessed_format().unwrap();
        assert_eq!(reader.into_dimensions().unwrap(), (60_000, 60_000));
        assert!(image::load_from_memory(&heic(1)).is_err());
    }
}
