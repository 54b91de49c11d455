//! A photo between the phone that declared it and the store.

use campo_domain::{
    ids::{DocumentId, ItemId},
    registro::SituacaoArquivo,
};

/// A photo that somebody declared.
#[derive(Clone, Debug)]
pub(super) struct Photo {
    /// The record that it belongs to.
    pub document: DocumentId,
    /// Its id in that record.
    pub anexo: ItemId,
    /// The hash of its bytes: two photos with the same one have the same bytes.
    pub sha256: String,
    /// Its phone was lost before it sent the bytes, and nobody else has them.
    pub lost: bool,
    /// How often its phone tried again by itself.
    pub attempts: u8,
}

/// What happens to the bytes of a photo.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upload {
    /// Its phone sends them.
    Begins,
    /// A process of the server reports their state, and for discarded ones the reason.
    Says(SituacaoArquivo, Option<&'static str>),
}
