//! Whether an ISO base media file is whole (HEIC, HEIF, AVIF), without decoding it: its boxes say
//! how long they are.

/// Whether the boxes of a file end exactly where the file does, and both what describes the picture
/// and the picture itself are among them. What is damaged within a box is not noticed.
pub fn inteiro_iso(bytes: &[u8]) -> bool {
    let (mut descrita, mut presente, mut resto) = (false, false, bytes);
    while !resto.is_empty() {
        let Some((tipo, tamanho)) = caixa(resto) else { return false };
        descrita |= matches!(&tipo, b"meta" | b"moov");
        presente |= &tipo == b"mdat";
        let Some(depois) = resto.get(tamanho..) else { return false };
        resto = depois;
    }
    descrita && presente
}

/// Type and length of the box at the beginning.
fn caixa(bytes: &[u8]) -> Option<([u8; 4], usize)> {
    let curto = u32::from_be_bytes(*bytes.first_chunk()?);
    let tipo = *bytes.get(4..)?.first_chunk()?;
    let (tamanho, cabecalho) = match curto {
        // To the end of the file.
        0 => (bytes.len(), 8),
        1 => {
            let longo = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
            (usize::try_from(longo).ok()?, 16)
        }
        curto => (usize::try_from(curto).ok()?, 8),
    };
    (tamanho >= cabecalho).then_some((tipo, tamanho))
}
