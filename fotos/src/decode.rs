//! From bytes to pixels: one decoding, all of it, within bounds.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, Limits};

use crate::error::PhotoError;
use crate::format::{Format, sniff};
use crate::raw::{MEMORY_MAX, Raw, fit};
use crate::{exif, jpeg};

/// Profiles of photos have some hundred bytes; one that is larger is not carried on.
const ICC_BYTES_MAX: usize = 64 * 1024;

/// A decoded photo.
pub(crate) struct Photo {
    pub(crate) raw: Raw,
    pub(crate) orientation: Orientation,
    pub(crate) exif: Option<::exif::Exif>,
}

/// Decodes all of a photo.
pub(crate) fn decode(bytes: &[u8]) -> Result<Photo, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    // The decoders are fuzzed by their authors, but they are large and the bytes come from anyone:
    // a bug in one must not end the app that holds the only copy of a day's work.
    let decoded = catch_unwind(AssertUnwindSafe(|| read_pixels(bytes)));
    let mut raw = decoded.unwrap_or(Err(PhotoError::Unreadable))?;
    let samples = u64::from(raw.width) * u64::from(raw.height) * u64::from(raw.channels);
    if samples == 0 || raw.pixels.len() as u64 != samples {
        return Err(PhotoError::Unreadable);
    }
    // A profile for other channels (CMYK that has become RGB) would lie.
    let space: &[u8] = if raw.channels == 1 { b"GRAY" } else { b"RGB " };
    raw.icc = raw
        .icc
        .filter(|icc| icc.len() <= ICC_BYTES_MAX && icc.get(16..20).is_some_and(|e| e == space));
    let exif = raw.exif.take().and_then(|block| exif::read_block(&block));
    let orientation = exif.as_ref().map_or(Orientation::NoTransforms, exif::orientation);
    Ok(Photo { raw, orientation, exif })
}

fn read_pixels(bytes: &[u8]) -> Result<Raw, PhotoError> {
    match sniff(bytes).format {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => {
            // The decoder stops at the last pixel, before the end of the file.
            png_ends(bytes)?;
            read_all(PngDecoder::new(Cursor::new(bytes)).map_err(photo_error)?)
        }
        Format::Webp => {
            webp_ends(bytes)?;
            read_all(WebPDecoder::new(Cursor::new(bytes)).map_err(photo_error)?)
        }
        Format::Heic | Format::Other => Err(PhotoError::Unreadable),
    }
}

/// The chunks up to the end of the image must be there, and the size within bounds.
fn png_ends(bytes: &[u8]) -> Result<(), PhotoError> {
    let mut pos = 8;
    loop {
        let header = bytes.get(pos..pos + 8).ok_or(PhotoError::Cut)?;
        let length = u32::from_be_bytes(*header.first_chunk().ok_or(PhotoError::Cut)?);
        let end = (pos + 12).saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        let body = bytes.get(pos + 8..end).ok_or(PhotoError::Cut)?;
        if let (b"IHDR", [x3, x2, x1, x0, y3, y2, y1, y0, ..]) = (&header[4..], body) {
            let width = u32::from_be_bytes([*x3, *x2, *x1, *x0]);
            fit(width, u32::from_be_bytes([*y3, *y2, *y1, *y0]), 1)?;
        }
        if &header[4..] == b"IEND" {
            return Ok(());
        }
        pos = end;
    }
}

/// The file must have the length that its header says (the padding byte at its end may miss), and
/// every frame a size within bounds, not only the canvas.
fn webp_ends(bytes: &[u8]) -> Result<(), PhotoError> {
    let length = |pos: usize| {
        let length = bytes.get(pos..).and_then(|b| b.first_chunk::<4>()).copied();
        length.map(u32::from_le_bytes).and_then(|t| usize::try_from(t).ok())
    };
    if bytes.len() + 1 < length(4).ok_or(PhotoError::Cut)?.saturating_add(8) {
        return Err(PhotoError::Cut);
    }
    let mut pos = 12;
    while let (Some(name), Some(body_length)) =
        (bytes.get(pos..).and_then(|b| b.get(..4)), length(pos.saturating_add(4)))
    {
        match (name, bytes.get(pos.saturating_add(8)..).unwrap_or_default()) {
            (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, x0, x1, y0, y1, ..]) => {
                let side = |a, b| u32::from(u16::from_le_bytes([a, b]) & 0x3FFF);
                fit(side(*x0, *x1), side(*y0, *y1), 3)?;
            }
            (b"VP8L", [0x2F, a, b, c, d, ..]) => {
                let sides = u32::from_le_bytes([*a, *b, *c, *d]);
                fit((sides & 0x3FFF) + 1, ((sides >> 14) & 0x3FFF) + 1, 3)?;
            }
            (b"VP8X", [_, _, _, _, x0, x1, x2, y0, y1, y2, ..]) => {
                let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
                fit(side(*x0, *x1, *x2), side(*y0, *y1, *y2), 3)?;
            }
            _ => {}
        }
        // A frame of an animation has a header of 16 bytes, then chunks of its own.
        let step = if name == b"ANMF" { 16 } else { body_length.saturating_add(body_length % 2) };
        pos = pos.saturating_add(8).saturating_add(step);
    }
    Ok(())
}

fn read_all<D: ImageDecoder>(mut decoder: D) -> Result<Raw, PhotoError> {
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    fit(width, height, u64::from(color.bytes_per_pixel()))?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY_MAX);
    decoder.set_limits(limits).map_err(photo_error)?;
    let icc = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten();
    let bytes = usize::try_from(decoder.total_bytes()).map_err(|_| PhotoError::Unreadable)?;
    let mut pixels = vec![0; bytes];
    decoder.read_image(&mut pixels).map_err(photo_error)?;
    let channels = flatten(&mut pixels, color).ok_or(PhotoError::Unreadable)?;
    Ok(Raw { pixels, channels, width, height, icc, exif })
}

/// Brings pixels to 8 bits a sample without alpha (over white), in place; says how many channels
/// are left.
fn flatten(pixels: &mut Vec<u8>, color: ColorType) -> Option<u8> {
    let (colors, alpha, wide) = match color {
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
    let sample = if wide { 2 } else { 1 };
    let step = (colors + usize::from(alpha)) * sample;
    let total = pixels.len() / step;
    let read = |pixels: &[u8], pos: usize| match wide {
        true => {
            u32::from(u16::from_ne_bytes([pixels[pos], pixels[pos + 1]])).saturating_add(128) / 257
        }
        false => u32::from(pixels[pos]),
    };
    for pixel in 0..total {
        let from = pixel * step;
        let opacity = if alpha { read(pixels, from + colors * sample) } else { 255 };
        for c in 0..colors {
            let value = read(pixels, from + c * sample);
            let value = (value * opacity + 255 * (255 - opacity) + 127) / 255;
            pixels[pixel * colors + c] = u8::try_from(value).unwrap_or(u8::MAX);
        }
    }
    pixels.truncate(total * colors);
    Some(if colors == 1 { 1 } else { 3 })
}

fn photo_error(e: ImageError) -> PhotoError {
    match e {
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => PhotoError::Cut,
        _ => PhotoError::Unreadable,
    }
}
