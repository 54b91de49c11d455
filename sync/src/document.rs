//! Documents as Automerge keeps them, and as the domain reads them. One creator makes a document,
//! and all its maps exist from its first change, the genesis, so that two sides never initialise
//! the same container.
//!
//! ```text
//! schema kind id tipo tipo_versao criado_em     written at genesis, never again
//! campos/{nome}                                 scalar; a long text is one as well, whole
//! {itens, despesas, anexos, vinculos}/{id}/{campo}
//! participantes/{usuario}  interessados/{usuario}
//! notas/{id}  pedidos/{id}  analises/{id}       append-only, each immutable
//! servidor/{recebido_em, numero, situacao, restricao, …}   only the server writes here
//! servidor/{vereditos/{pedido}, acoes/{id}, corretivas/{id}, arquivos/{anexo}}
//! ```

mod actor;
mod chunks;
mod join;
mod read;
mod shape;

pub use actor::Actor;
pub use chunks::{append, extend, heads, load, save};
pub use read::read;
pub use shape::DocumentError;
pub(crate) use shape::{
    ACOES, ANALISES, ARQUIVOS, CAMPOS, CORRETIVAS, INTERESSADOS, NOTAS, PARTICIPANTES, PEDIDOS,
    REMOVIDO, SCHEMA, SERVIDOR, VEREDITOS, container, key, parse_key, removido, scalar, situacao,
    valor,
};
