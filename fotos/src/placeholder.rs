//! What is shown of a photo that cannot be decoded here.

use crate::derive::THUMBNAIL_PX;
use crate::encode::encode;

/// A drawn placeholder for what cannot be decoded here (HEIC): a hill and a sun, in grey.
pub fn placeholder() -> Vec<u8> {
    let (width, height) = (THUMBNAIL_PX, THUMBNAIL_PX * 3 / 4);
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let hill = y > 110 + x.abs_diff(115) && y < 190;
            let second_hill = y > 135 + x.abs_diff(205) && y < 190;
            let sun = x.abs_diff(225).pow(2) + y.abs_diff(75).pow(2) < 20 * 20;
            let grey = if hill || second_hill || sun { 0xA8 } else { 0xE8 };
            rgb.extend([grey; 3]);
        }
    }
    encode(&rgb, width, height, 75)
}
