//! What a download sends, once it is known that the caller may have it.

use bytes::Bytes;
use object_store::path::Path;

/// What to send.
#[derive(Debug)]
pub enum Found {
    /// An object of the store.
    Object(Object),
    /// A JPEG that stands for a file of which no picture can be made.
    Placeholder(Bytes),
}

/// An object, and how it is sent.
#[derive(Debug)]
pub struct Object {
    /// Its key in the object store.
    pub key: Path,
    /// Bytes; `None` where no row has it and the store must be asked.
    pub length: Option<u64>,
    /// The media type that was found in its bytes, not the declared one.
    pub mime: String,
    /// The entity tag, without quotes: differs whenever the bytes differ.
    pub etag: String,
    /// The name under which a browser saves it.
    pub name: String,
    /// Whether it is the original rather than a smaller picture of it.
    pub original: bool,
}
