//! From pixels to JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// What a JPEG carries besides its pixels.
#[derive(Default)]
pub(crate) struct Metadata<'a> {
    pub(crate) icc: Option<&'a [u8]>,
    pub(crate) exif: Option<&'a [u8]>,
}

/// A plain JPEG (4:2:0, no metadata) of `rgb`, three bytes a pixel; `quality` from 1 to 100.
/// Pixels that do not fit the size, and a side of 0 or over 65 535, give no bytes.
pub fn encode(rgb: &[u8], width: u32, height: u32, quality: u8) -> Vec<u8> {
    encode_with(rgb, 3, width, height, quality, &Metadata::default()).unwrap_or_default()
}

/// A JPEG of grey (one channel) or RGB pixels; none if the pixels do not fit the size.
pub(crate) fn encode_with(
    pixels: &[u8],
    channels: u8,
    width: u32,
    height: u32,
    quality: u8,
    metadata: &Metadata,
) -> Option<Vec<u8>> {
    let (x, y) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let color = if channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    let samples = u64::from(x) * u64::from(y) * u64::from(channels);
    if samples == 0 || pixels.len() as u64 != samples {
        return None;
    }
    let mut jpeg = Vec::with_capacity(pixels.len() / 8);
    let mut encoder = Encoder::new(&mut jpeg, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if let Some(exif) = metadata.exif {
        encoder.add_exif_metadata(exif).ok()?;
    }
    if let Some(icc) = metadata.icc {
        encoder.add_icc_profile(icc).ok()?;
    }
    encoder.encode(pixels, x, y, color).ok()?;
    Some(jpeg)
}
