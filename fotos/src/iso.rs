//! Whether an ISO base media file is whole (HEIC, HEIF, AVIF), without decoding it: its boxes say
//! how long they are.

/// Whether the boxes of a file end exactly where the file does, and both what describes the picture
/// and the picture itself are among them. What is damaged within a box is not noticed.
pub fn whole_iso(bytes: &[u8]) -> bool {
    let (mut described, mut present, mut rest) = (false, false, bytes);
    while !rest.is_empty() {
        let Some((kind, length)) = first_box(rest) else { return false };
        described |= matches!(&kind, b"meta" | b"moov");
        present |= &kind == b"mdat";
        let Some(after) = rest.get(length..) else { return false };
        rest = after;
    }
    described && present
}

/// Type and length of the box at the beginning.
fn first_box(bytes: &[u8]) -> Option<([u8; 4], usize)> {
    let short = u32::from_be_bytes(*bytes.first_chunk()?);
    let kind = *bytes.get(4..)?.first_chunk()?;
    let (length, header) = match short {
        // To the end of the file.
        0 => (bytes.len(), 8),
        1 => {
            let long = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
            (usize::try_from(long).ok()?, 16)
        }
        short => (usize::try_from(short).ok()?, 8),
    };
    (length >= header).then_some((kind, length))
}
