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

use crate::error::PhotoError;
use crate::raw::{Raw, fit};

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DRI: u8 = 0xDD;

/// Decodes a JPEG, all of it. What follows its end (the second picture or the video of a motion
/// photo) is not looked at.
pub(crate) fn decode(bytes: &[u8]) -> Result<Raw, PhotoError> {
    let clean = walk(bytes)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(clean.as_slice()), options);
    decoder.decode_headers().map_err(|_| PhotoError::Unreadable)?;
    let (color, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(color));
    let pixels = decoder.decode().map_err(|_| PhotoError::Unreadable)?;
    let (x, y) = decoder.dimensions().ok_or(PhotoError::Unreadable)?;
    let (Ok(width), Ok(height)) = (u32::try_from(x), u32::try_from(y)) else {
        return Err(PhotoError::Unreadable);
    };
    let icc = decoder.icc_profile();
    let exif = decoder.exif().cloned();
    Ok(Raw { pixels, channels, width, height, icc, exif })
}

/// What the frame header says.
struct Frame {
    progressive: bool,
    width: u32,
    height: u32,
    /// Identifier and sampling factors, across and down, of each component.
    components: Vec<(u8, u32, u32)>,
}

impl Frame {
    fn read(marker: u8, body: &[u8]) -> Result<Self, PhotoError> {
        let [_, y1, y0, x1, x0, n, rest @ ..] = body else { return Err(PhotoError::Unreadable) };
        let components: Vec<_> = (rest.chunks_exact(3).take(usize::from(*n)))
            .filter_map(|c| Some((*c.first()?, u32::from(c.get(1)? >> 4), u32::from(c[1] & 15))))
            .collect();
        let width = u32::from(u16::from_be_bytes([*x1, *x0]));
        let height = u32::from(u16::from_be_bytes([*y1, *y0]));
        let factor = |f: u32| (1..=4).contains(&f);
        let valid = width > 0
            && height > 0
            && (1..=4).contains(n)
            && components.len() == usize::from(*n)
            && components.iter().all(|(_, h, v)| factor(*h) && factor(*v));
        let frame = Self { progressive: marker == 0xC2, width, height, components };
        valid.then_some(frame).ok_or(PhotoError::Unreadable)
    }

    fn max_factors(&self) -> (u32, u32) {
        let h = self.components.iter().map(|c| c.1).max().unwrap_or(1);
        let v = self.components.iter().map(|c| c.2).max().unwrap_or(1);
        (h, v)
    }

    /// Checks that the pixels, and with `buffer` the coefficients of all of it, fit in memory.
    fn fit(&self, buffer: bool) -> Result<(), PhotoError> {
        let (h, v) = self.max_factors();
        let samples: u32 = self.components.iter().map(|c| c.1 * c.2).sum();
        let coefficients = if buffer { (2 * samples).div_ceil(h * v) } else { 0 };
        fit(self.width, self.height, 3 + u64::from(coefficients))
    }

    /// Units between which a restart may come, in a scan of these components.
    fn units(&self, scanned: &[u8]) -> u64 {
        let (hmax, vmax) = self.max_factors();
        let (mut x, mut y) = (self.width, self.height);
        let (mut side_x, mut side_y) = (8 * hmax, 8 * vmax);
        if let [only] = scanned
            && let Some((_, h, v)) = self.components.iter().find(|c| c.0 == *only)
        {
            (x, y) = ((x * h).div_ceil(hmax), (y * v).div_ceil(vmax));
            (side_x, side_y) = (8, 8);
        }
        u64::from(x.div_ceil(side_x)) * u64::from(y.div_ceil(side_y))
    }
}

/// Walks all markers up to the end of image and returns the file as the decoder gets it.
fn walk(bytes: &[u8]) -> Result<Vec<u8>, PhotoError> {
    let mut clean = Vec::with_capacity(bytes.len() + 64);
    clean.extend([0xFF, SOI]);
    let mut frame: Option<Frame> = None;
    let mut interval = 0u64;
    let mut scans = 0u32;
    let mut pos = 2;
    loop {
        let marker;
        (marker, pos) = next_marker(bytes, pos)?;
        match marker {
            EOI => break,
            // Markers that stand alone, and stray ones.
            0x00 | 0x01 | 0xD0..=SOI => continue,
            _ => {}
        }
        let length = bytes.get(pos..).and_then(|b| b.first_chunk::<2>());
        let length = usize::from(u16::from_be_bytes(*length.ok_or(PhotoError::Cut)?));
        let end = pos + length;
        let segment = bytes.get(pos..end).ok_or(PhotoError::Cut)?;
        let body = segment.get(2..).ok_or(PhotoError::Unreadable)?;
        clean.extend([0xFF, marker]);
        clean.extend(segment);
        pos = end;
        match (marker, body) {
            (0xC0..=0xCF, _) if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let new = Frame::read(marker, body)?;
                new.fit(new.progressive)?;
                if frame.replace(new).is_some() {
                    return Err(PhotoError::Unreadable);
                }
            }
            (DRI, [a, b, ..]) => interval = u64::from(u16::from_be_bytes([*a, *b])),
            (SOS, [n, rest @ ..]) => {
                let frame = frame.as_ref().ok_or(PhotoError::Unreadable)?;
                let scanned: Vec<u8> =
                    rest.chunks_exact(2).take(usize::from(*n)).map(|c| c[0]).collect();
                frame.fit(frame.progressive || scanned.len() < frame.components.len())?;
                let (end, restarts) = end_of_scan(bytes, pos)?;
                let expected = match interval {
                    0 => 0,
                    n => frame.units(&scanned).div_ceil(n).saturating_sub(1),
                };
                // Some encoders close the last interval with a restart as well.
                if !(expected..=expected + 1).contains(&restarts) {
                    return Err(PhotoError::Unreadable);
                }
                clean.extend(bytes.get(pos..end).unwrap_or_default());
                scans += 1;
                pos = end;
            }
            _ => {}
        }
    }
    let frame = frame.filter(|_| scans > 0).ok_or(PhotoError::Unreadable)?;
    // Codes are never all ones, so a decoder that reads beyond the last scan fails on these bytes.
    // Not for a progressive picture of one scan: there the decoder needs the end marker at once.
    if !frame.progressive || scans > 1 {
        clean.extend([0xFF, 0x00].repeat(16));
    }
    clean.extend([0xFF, EOI]);
    Ok(clean)
}

/// The next marker from `pos` on, and where its body begins. Bytes that do not belong there are
/// skipped, as every viewer does.
fn next_marker(bytes: &[u8], pos: usize) -> Result<(u8, usize), PhotoError> {
    let rest = bytes.get(pos..).unwrap_or_default();
    let ff = rest.iter().position(|b| *b == 0xFF).ok_or(PhotoError::Cut)?;
    let rest = rest.get(ff..).unwrap_or_default();
    let end = rest.iter().position(|b| *b != 0xFF).ok_or(PhotoError::Cut)?;
    Ok((rest[end], pos + ff + end + 1))
}

/// Where the entropy-coded data that begin at `pos` end, and how many restarts are in them.
fn end_of_scan(bytes: &[u8], mut pos: usize) -> Result<(usize, u64), PhotoError> {
    let mut restarts = 0;
    loop {
        let (marker, after) = next_marker(bytes, pos)?;
        match marker {
            0x00 => {}
            0xD0..=0xD7 => restarts += 1,
            _ => {
                let data = bytes.get(pos..).unwrap_or_default();
                let ff = data.iter().position(|b| *b == 0xFF).unwrap_or_default();
                return Ok((pos + ff, restarts));
            }
        }
        pos = after;
    }
}
