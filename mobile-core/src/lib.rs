//! What runs on the phone: SQLite and HTTP around the pure functions of `campo_sync::client`.
//! Blocking, `Send + Sync`, no rule of its own. The app, the examples and the tests call [`Phone`].
//!
//! From below: `store` writes documents, queue and lists in one transaction; `http` and `transfer`
//! speak to the server; `files` and `budget` are what photos need; `phone` holds all of these
//! together. On it stand `sign_in`, `run` (one command), `sync` (the exchange with the server) and
//! `photos`; and on those `commands`, `creation`, `form`, `reading`, `show`, `history`, `pending`
//! and `status`: what the person does and sees. No module uses one that stands above it.

mod budget;
mod commands;
mod creation;
mod error;
mod files;
mod form;
mod history;
mod http;
mod names;
mod pending;
mod phone;
mod photos;
mod prepare;
mod reading;
mod retry;
mod run;
mod show;
mod sign_in;
mod status;
mod store;
mod sync;
mod transfer;

pub use budget::{Budget, Network};
pub use campo_screens::View;
pub use commands::Textos;
pub use creation::{Copia, ProdutoDaOrigem};
pub use error::Error;
pub use form::{FieldShown, Formulario, Opcao};
pub use history::Evento;
pub use http::{AnswerError, HttpError, Problem};
pub use names::{Labelled, PersonShown};
pub use pending::{Encerrada, Pendencias, Pendente, SyncState};
pub use phone::Phone;
pub use photos::{
    Cleanup, NewPhoto, PhotoShown, PhotoSource, PhotoState, PhotoSummary, Stop, StorageUse,
    UninstallCheck, UploadProgress, UploadReport,
};
pub use reading::{CatalogueShown, Pagina};
pub use show::{
    ActionShown, AnalysisShown, ConflictShown, CorrectiveShown, Detalhe, PartShown, Pode,
    RestrictionShown, Verbo, VersionShown,
};
pub use sign_in::SessionState;
pub use status::Status;
pub use store::{
    error::StoreError,
    lists::{Filtro, Linha, Vinculado},
    migrations::MigrationError,
    order::{Chave, Marca, Ordem},
    session::Conta,
};
pub use sync::{Progress, SyncReport};
