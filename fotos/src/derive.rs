//! The preview and the thumbnail of a photo.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use crate::decode::decode;
use crate::encode::{Metadata, encode_with};
use crate::error::PhotoError;
use crate::exif;

/// Longest side of a thumbnail, in pixels.
pub const THUMBNAIL_PX: u32 = 320;
/// Longest side of a preview, in pixels.
pub const PREVIEW_PX: u32 = 1600;

const PREVIEW_QUALITY: u8 = 82;
const THUMBNAIL_QUALITY: u8 = 75;

/// What is made of a photo. Both pictures are upright JPEGs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivatives {
    /// Width of the original in pixels, once upright.
    pub width: u32,
    /// Height of the original in pixels, once upright.
    pub height: u32,
    /// The preview: at most [`PREVIEW_PX`] on its longest side.
    pub preview: Vec<u8>,
    /// The thumbnail: at most [`THUMBNAIL_PX`] on its longest side.
    pub thumbnail: Vec<u8>,
}

/// Decodes a photo once, all of it, and makes its preview and thumbnail.
///
/// They are never larger than the photo. They keep its colour profile, and of its EXIF nothing, or
/// with `gps` the position only.
///
/// # Errors
/// [`PhotoError`] when the file is not a whole photo that can be decoded here.
pub fn derive(bytes: &[u8], gps: bool) -> Result<Derivatives, PhotoError> {
    let photo = decode(bytes)?;
    let (orientation, raw) = (photo.orientation, photo.raw);
    let (width, height) = upright(orientation, raw.width, raw.height);
    let exif = photo.exif.as_ref().filter(|_| gps).and_then(exif::gps_only);
    let metadata = Metadata { icc: raw.icc.as_deref(), exif: exif.as_deref() };

    let canvas = Canvas { pixels: raw.pixels, channels: raw.channels, x: raw.width, y: raw.height };
    let canvas = canvas.shrink(PREVIEW_PX)?.turn(orientation)?;
    let preview = canvas.encode(PREVIEW_QUALITY, &metadata)?;
    let thumbnail = canvas.shrink(THUMBNAIL_PX)?.encode(THUMBNAIL_QUALITY, &metadata)?;
    Ok(Derivatives { width, height, preview, thumbnail })
}

/// Decodes all of a photo and returns its size once upright, width first.
///
/// # Errors
/// [`PhotoError`] when the file is not a whole photo that can be decoded here.
pub fn verify(bytes: &[u8]) -> Result<(u32, u32), PhotoError> {
    let photo = decode(bytes)?;
    Ok(upright(photo.orientation, photo.raw.width, photo.raw.height))
}

fn upright(orientation: Orientation, width: u32, height: u32) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

/// Pixels on their way from the decoder to the encoder.
struct Canvas {
    pixels: Vec<u8>,
    channels: u8,
    x: u32,
    y: u32,
}

impl Canvas {
    fn shrink(self, side: u32) -> Result<Self, PhotoError> {
        let longest = self.x.max(self.y);
        if longest <= side {
            return Ok(self);
        }
        let part = |v: u32| {
            let part = u64::from(v) * u64::from(side) + u64::from(longest / 2);
            u32::try_from(part / u64::from(longest)).unwrap_or(side).max(1)
        };
        let (x, y) = (part(self.x), part(self.y));
        let pixels = match self.channels {
            1 => resize::<U8>(&self, x, y)?,
            _ => resize::<U8x3>(&self, x, y)?,
        };
        Ok(Self { pixels, x, y, ..self })
    }

    fn turn(self, orientation: Orientation) -> Result<Self, PhotoError> {
        let (x, y) = upright(orientation, self.x, self.y);
        let photo = match self.channels {
            1 => GrayImage::from_raw(self.x, self.y, self.pixels).map(DynamicImage::from),
            _ => RgbImage::from_raw(self.x, self.y, self.pixels).map(DynamicImage::from),
        };
        let mut photo = photo.ok_or(PhotoError::Unreadable)?;
        photo.apply_orientation(orientation);
        Ok(Self { pixels: photo.into_bytes(), channels: self.channels, x, y })
    }

    fn encode(&self, quality: u8, metadata: &Metadata) -> Result<Vec<u8>, PhotoError> {
        encode_with(&self.pixels, self.channels, self.x, self.y, quality, metadata)
            .ok_or(PhotoError::Unreadable)
    }
}

/// The pixels of `canvas` at another size.
///
/// By the type of its pixels, known here: `Resizer::resize`, which finds it out, is compiled for
/// thirteen of them, most of what this crate takes to build.
fn resize<P: PixelTrait>(canvas: &Canvas, x: u32, y: u32) -> Result<Vec<u8>, PhotoError> {
    let source = ImageRef::new(canvas.x, canvas.y, &canvas.pixels, P::pixel_type());
    let source = source.map_err(|_| PhotoError::Unreadable)?;
    let mut target = Image::new(x, y, P::pixel_type());
    let (Some(from), Some(mut to)) = (source.typed_image::<P>(), target.typed_image_mut::<P>())
    else {
        return Err(PhotoError::Unreadable);
    };
    let filter = ResizeAlg::Convolution(FilterType::Lanczos3);
    Resizer::new()
        .resize_typed(&from, &mut to, &ResizeOptions::new().resize_alg(filter))
        .map_err(|_| PhotoError::Unreadable)?;
    drop(to);
    Ok(target.into_vec())
}
