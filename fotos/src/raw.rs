//! Pixels as a decoder hands them out, and the bounds that keep them within memory.

use crate::error::PhotoError;

/// Most pixels that a photo may have to be decoded.
pub const PIXELS_MAX: u64 = 120_000_000;
/// Most memory that the pixels of one photo may take while it is decoded, in bytes.
pub(crate) const MEMORY_MAX: u64 = 4 * PIXELS_MAX;

/// What a decoder hands out: 8 bits a sample, as it lies in the file (not turned yet).
pub(crate) struct Raw {
    pub(crate) pixels: Vec<u8>,
    /// 1 (grey) or 3 (RGB).
    pub(crate) channels: u8,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) exif: Option<Vec<u8>>,
}

/// Refuses what has more than [`PIXELS_MAX`] pixels or would take more than [`MEMORY_MAX`].
pub(crate) fn fit(width: u32, height: u32, bytes_per_pixel: u64) -> Result<(), PhotoError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX || pixels * bytes_per_pixel > MEMORY_MAX {
        return Err(PhotoError::TooLarge { width, height });
    }
    Ok(())
}
