//! What runs on the phone: SQLite and HTTP around the pure functions of `campo_sync::client`.
//! Blocking, `Send + Sync`, no rule of its own. The app, the examples and the tests call [`Campo`].
//!
//! [`store`] writes documents, queue and lists in one transaction; [`sync`] exchanges them with the
//! server; `commands`, `reading`, `show` and `pending` are what the person does and sees.

mod campo;
mod commands;
mod error;
mod http;
mod pending;
mod reading;
mod render;
mod show;
mod store;
mod sync;

pub use campo::{Campo, Estado, Sessao};
pub use commands::Textos;
pub use error::{AnswerError, Error};
pub use http::{HttpError, Problem};
pub use pending::{Encerrada, Pendencias, Pendente, SyncState};
pub use reading::Pagina;
pub use render::Rotulado;
pub use show::{
    Acao, CampoExibido, ConflitoExibido, Detalhe, Evento, ItemExibido, Participante, VersaoExibida,
};
pub use store::{
    StoreError,
    lists::{Chave, Filtro, Linha},
    migrations::MigrationError,
    session::Conta,
};
pub use sync::{Progress, SyncReport};
