//! Photos: what a file is, whether it is whole, and its upright preview and thumbnail.
//!
//! Used by `mobile-core` at capture and by the server when a file has arrived; both must come to
//! the same verdict. Bytes in, bytes out: no disk, no network, no clock. Never panics, whatever
//! the bytes, and never allocates for more than [`PIXELS_MAX`].

mod abrir;
mod codificar;
mod derivar;
mod erro;
mod exif;
mod iso;
mod jpeg;
mod tipo;

pub use codificar::{codificar, marcador};
pub use derivar::{Derivadas, derivar, inteira};
pub use erro::ErroFoto;
pub use exif::posicao;
pub use iso::inteiro_iso;
pub use tipo::{Formato, Tipo, farejar};

/// Longest side of a thumbnail, in pixels.
pub const MINIATURA_PX: u32 = 320;
/// Longest side of a preview, in pixels.
pub const PREVIA_PX: u32 = 1600;
/// Most pixels that a photo may have to be decoded.
pub const PIXELS_MAX: u64 = 120_000_000;
