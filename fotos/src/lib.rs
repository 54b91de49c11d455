//! Photos: what a file is, whether it is whole, and its upright preview and thumbnail.
//!
//! Used by `mobile-core` at capture and by the server when a file has arrived; both must decide
//! alike. Bytes in, bytes out: no disk, no network, no clock. Never panics, whatever
//! the bytes, and never allocates for more than [`PIXELS_MAX`].

mod decode;
mod derive;
mod encode;
mod error;
mod exif;
mod format;
mod iso;
mod jpeg;
mod placeholder;
mod raw;

pub use derive::{Derivatives, PREVIEW_PX, THUMBNAIL_PX, derive, verify};
pub use encode::encode;
pub use error::PhotoError;
pub use exif::position;
pub use format::{FileType, Format, sniff};
pub use iso::whole_iso;
pub use placeholder::placeholder;
pub use raw::PIXELS_MAX;
