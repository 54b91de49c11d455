//! What was found for somebody who may have it.

use bytes::Bytes;
use object_store::path::Path;

/// Bytes that may be sent to whoever asked.
#[derive(Debug)]
pub enum Achado {
    /// An object of the store.
    Objeto(Objeto),
    /// The file is here, and there is no picture of it.
    Marcador(Bytes),
}

/// An object, and how it is sent.
#[derive(Debug)]
pub struct Objeto {
    /// Where it is.
    pub chave: Path,
    /// Its length; asked of the store where no row has it.
    pub tamanho: Option<u64>,
    /// What its bytes are, by themselves.
    pub mime: String,
    /// Tells it from every other.
    pub etag: String,
    /// What it is called when it is saved.
    pub nome: String,
    /// Whether it is the file itself and no picture of it.
    pub original: bool,
}
