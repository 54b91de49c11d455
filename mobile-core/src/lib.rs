//! What runs on the phone: SQLite and HTTP around the pure functions of `campo_sync::client`.
//! Blocking, `Send + Sync`, no rule of its own. The app, the examples and the tests call [`Campo`].
//!
//! [`store`] writes documents, queue and lists in one transaction; [`sync`] exchanges them with the
//! server; [`photos`] keeps the bytes of files beside the database and carries them there;
//! `commands`, `creation`, `form`, `reading`, `show`, `history` and `pending` are what the person
//! does and sees.

mod campo;
mod commands;
mod creation;
mod error;
mod form;
mod history;
mod http;
mod pending;
mod photos;
mod preparo;
mod reading;
mod render;
mod show;
mod store;
mod sync;
mod transfer;

pub use campo::{Campo, Estado, Sessao};
pub use commands::Textos;
pub use creation::{Copia, ProdutoDaOrigem};
pub use error::{AnswerError, Error};
pub use form::{CampoExibido, Formulario, Opcao};
pub use history::{Evento, Vista};
pub use http::{HttpError, Problem};
pub use pending::{Encerrada, Pendencias, Pendente, SyncState};
pub use photos::{
    Armazenamento, Desinstalacao, EnvioProgress, EnvioReport, EstadoFoto, Fonte, FotoExibida,
    Limpeza, NovaFoto, Orcamento, Parada, Rede, ResumoFotos,
};
pub use reading::{CatalogoExibido, Pagina};
pub use render::Rotulado;
pub use show::{
    AcaoExibida, AnaliseExibida, ConflitoExibido, CorretivaExibida, Detalhe, ParteExibida,
    PessoaExibida, Pode, RestricaoExibida, Verbo, VersaoExibida,
};
pub use store::{
    StoreError,
    lists::{Filtro, Linha, Vinculado},
    migrations::MigrationError,
    order::{Chave, Marca, Ordem},
    session::Conta,
};
pub use sync::{Progress, SyncReport};
