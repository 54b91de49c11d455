//! What people add to a record and nobody changes afterwards: notes (R78) and requests of
//! transition, with the verdict that the server gives on each request.

use crate::{
    ids::{Autoria, NotaId, PedidoId},
    refusal::Refusal,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Who may read a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibilidade {
    /// The company's people only (R52).
    #[default]
    Interna,
    /// The client too.
    Cliente,
}

impl Visibilidade {
    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Visibilidade::Interna => "interna",
            Visibilidade::Cliente => "cliente",
        }
    }
}

/// What somebody wrote into the acompanhamento (R78).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nota {
    /// Its id.
    pub id: NotaId,
    /// Who.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// What.
    pub texto: String,
    /// For whom.
    pub visibilidade: Visibilidade,
    /// The note that it answers (R81).
    pub resposta_a: Option<NotaId>,
}

/// A request of transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pedido {
    /// Its id.
    pub id: PedidoId,
    /// Who.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// The transition asked for.
    pub verbo: String,
    /// Why, where it was given.
    pub motivo: Option<String>,
    /// Whether the client shall be told by e-mail, where the transition offers it (R60, R66).
    pub email: bool,
    /// What the server said, once it did.
    pub veredito: Option<Veredito>,
}

/// The server's verdict on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Veredito {
    /// Why not; `None` when it was done.
    pub recusa: Option<Refusal>,
    /// The situação before.
    pub de: String,
    /// The situação after (the same, when refused).
    pub para: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}
