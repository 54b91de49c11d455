//! Pictures, and what only looks like one.

use sha2::{Digest, Sha256};

/// Noise, so that it does not get small.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| byte()).collect()
}

/// A JPEG of that size.
pub fn jpeg(seed: u64, width: u32, height: u32) -> Vec<u8> {
    let rgb = noise(seed, (width * height * 3) as usize);
    campo_fotos::encode(&rgb, width, height, 85)
}

/// A PDF of that many bytes.
pub fn pdf(seed: u64, length: usize) -> Vec<u8> {
    [b"%PDF-1.7\n".to_vec(), noise(seed, length - 9)].concat()
}

/// A JPEG that says it has 60,000 × 60,000 pixels.
pub fn bomb() -> Vec<u8> {
    let mut bytes = jpeg(1, 64, 64);
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
    bytes
}

/// What begins and ends as the HEIC of a telephone does.
pub fn heic() -> Vec<u8> {
    let meta = [&[0, 0, 0, 108], &b"meta"[..], &noise(4, 100)].concat();
    let mdat = [&2_008_u32.to_be_bytes(), &b"mdat"[..], &noise(5, 2_000)].concat();
    [&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], &meta, &mdat].concat()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
