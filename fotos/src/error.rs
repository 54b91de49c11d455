//! Why a file cannot be taken as a photo.

use thiserror::Error;

/// Why a file cannot be taken as a photo. The text is for the person who took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhotoError {
    /// No byte at all.
    #[error("A foto está vazia (0 bytes) e não foi anexada. Tire ou escolha a foto de novo.")]
    Empty,
    /// The beginning is of a photo, the end is missing.
    #[error("A foto está incompleta e não foi anexada. Tire ou escolha a foto de novo.")]
    Cut,
    /// Not a photo, or a damaged one.
    #[error("A foto está danificada e não foi anexada. Tire ou escolha a foto de novo.")]
    Unreadable,
    /// More pixels than `PIXELS_MAX`, or more memory than they may take.
    #[error(
        "A foto tem {width} × {height} pontos, mais do que o Campo aceita, e não foi anexada. \
         Tire a foto com uma resolução menor."
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

impl PhotoError {
    /// The stable code of the error, for logs and for the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "foto_vazia",
            Self::Cut => "foto_cortada",
            Self::Unreadable => "foto_ilegivel",
            Self::TooLarge { .. } => "foto_grande_demais",
        }
    }
}
