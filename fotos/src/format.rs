//! What a file is, by its first bytes; its name and the type it was declared with prove nothing.
//!
//! A type that a browser would run (HTML, SVG, XML) is never reported: who serves the file trusts
//! this answer.

/// Kind of file, as far as photos are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG; of an animated one, its first frame.
    Png,
    /// WebP; of an animated one, its first frame.
    Webp,
    /// HEIC, HEIF or AVIF: kept, but not decoded here.
    Heic,
    /// Anything else, which is attached as it is.
    Other,
}

impl Format {
    /// Whether it can be decoded here, and so must be whole to be accepted.
    pub fn decodable(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp)
    }
}

/// The kind of file and the media type it may be served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileType {
    /// The kind.
    pub format: Format,
    /// The media type: never one that a browser would run.
    pub mime: &'static str,
}

const UNKNOWN: &str = "application/octet-stream";

/// Says what a file is by its first bytes; 4096 suffice.
pub fn sniff(start: &[u8]) -> FileType {
    let file = |format, mime| FileType { format, mime };
    if start.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return file(Format::Jpeg, "image/jpeg");
    }
    if start.starts_with(b"\x89PNG\r\n\x1a\n") {
        return file(Format::Png, "image/png");
    }
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP") {
        return file(Format::Webp, "image/webp");
    }
    if let Some(brands) = iso_brands(start) {
        return iso(&brands);
    }
    if start.starts_with(b"%PDF-") {
        return file(Format::Other, "application/pdf");
    }
    let mime = if plain_text(start) { "text/plain" } else { UNKNOWN };
    file(Format::Other, mime)
}

/// The brands of an ISO base media file, the major one first.
fn iso_brands(start: &[u8]) -> Option<Vec<[u8; 4]>> {
    if start.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let length = u32::from_be_bytes(start.first_chunk::<4>().copied()?);
    let end = usize::try_from(length).ok()?.clamp(12, 4096).min(start.len());
    let body = start.get(8..end)?;
    let brands = body.chunks_exact(4).enumerate().filter(|(i, _)| *i != 1); // 1: minor version
    Some(brands.filter_map(|(_, m)| m.first_chunk::<4>().copied()).collect())
}

fn iso(brands: &[[u8; 4]]) -> FileType {
    const AVIF: [&[u8; 4]; 2] = [b"avif", b"avis"];
    const HEIC: [&[u8; 4]; 8] =
        [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"];
    const HEIF: [&[u8; 4]; 2] = [b"mif1", b"msf1"];
    const MP4: [&[u8; 4]; 10] =
        [b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"];
    let has = |list: &[&[u8; 4]]| brands.iter().any(|m| list.contains(&m));
    let (format, mime) = if has(&AVIF) {
        (Format::Heic, "image/avif")
    } else if has(&HEIC) {
        (Format::Heic, "image/heic")
    } else if has(&HEIF) {
        (Format::Heic, "image/heif")
    } else if brands.first() == Some(b"qt  ") {
        (Format::Other, "video/quicktime")
    } else if has(&MP4) {
        (Format::Other, "video/mp4")
    } else {
        (Format::Other, UNKNOWN)
    };
    FileType { format, mime }
}

/// UTF-8 without control characters that does not look like markup. The end may cut a character.
fn plain_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(start.get(..e.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
        }
        Err(_) => return false,
    };
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    !text.is_empty() && !text.contains('<') && !text.chars().any(control)
}
