//! Why a file cannot be taken as a photo.

use thiserror::Error;

/// Why a file cannot be taken as a photo. The text is for the person who took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ErroFoto {
    /// No byte at all.
    #[error("A foto está vazia (0 bytes) e não foi anexada. Tire ou escolha a foto de novo.")]
    Vazia,
    /// The beginning is of a photo, the end is missing.
    #[error("A foto está incompleta e não foi anexada. Tire ou escolha a foto de novo.")]
    Cortada,
    /// Not a photo, or a damaged one.
    #[error("A foto está danificada e não foi anexada. Tire ou escolha a foto de novo.")]
    Ilegivel,
    /// More pixels than [`PIXELS_MAX`](crate::PIXELS_MAX).
    #[error(
        "A foto tem {largura} × {altura} pontos, mais do que o Campo aceita, e não foi anexada. \
         Tire a foto com uma resolução menor."
    )]
    Grande {
        /// Width in pixels.
        largura: u32,
        /// Height in pixels.
        altura: u32,
    },
}

impl ErroFoto {
    /// The stable code of the error, for logs and for the wire.
    pub fn codigo(&self) -> &'static str {
        match self {
            Self::Vazia => "foto_vazia",
            Self::Cortada => "foto_cortada",
            Self::Ilegivel => "foto_ilegivel",
            Self::Grande { .. } => "foto_grande_demais",
        }
    }
}
