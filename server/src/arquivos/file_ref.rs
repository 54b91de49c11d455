//! Names one variant of one file, as addresses and signed links do.

use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use std::fmt;

/// One variant of one file of one record. Displayed as `documento/anexo/variante`, the end of its
/// address.
#[derive(Clone, Copy, Debug)]
pub struct FileRef {
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub attachment: ItemId,
    /// The original, or which of its smaller pictures.
    pub variant: Variante,
}

impl FileRef {
    /// The record and the file, without the variant.
    pub const fn file(&self) -> (DocumentId, ItemId) {
        (self.document, self.attachment)
    }
}

impl fmt::Display for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.document, self.attachment, self.variant)
    }
}

impl From<(DocumentId, ItemId, Variante)> for FileRef {
    fn from((document, attachment, variant): (DocumentId, ItemId, Variante)) -> Self {
        Self { document, attachment, variant }
    }
}
