//! The name of one picture of one file.

use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use std::fmt;

/// Which file of which record: the end of its address.
#[derive(Clone, Copy, Debug)]
pub struct Qual {
    /// The record.
    pub documento: DocumentId,
    /// The file.
    pub anexo: ItemId,
    /// Which picture of it.
    pub variante: Variante,
}

impl Qual {
    /// The file, whichever picture of it.
    pub const fn registro(&self) -> (DocumentId, ItemId) {
        (self.documento, self.anexo)
    }
}

impl fmt::Display for Qual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.documento, self.anexo, self.variante)
    }
}

impl From<(DocumentId, ItemId, Variante)> for Qual {
    fn from((documento, anexo, variante): (DocumentId, ItemId, Variante)) -> Self {
        Self { documento, anexo, variante }
    }
}
