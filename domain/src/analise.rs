//! Analyses (R63–R66, R71): what a person who looked into a case puts down in writing.

use crate::ids::{AnaliseId, Autoria, PedidoId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TipoAnalise {
    /// One of many on the way; the situação stays (R63).
    Parcial,
    /// Founded or not, and why (R71).
    Laudo,
    /// What was done about it (R65).
    Solucao,
    /// The last word to the client (R66).
    Parecer,
}

impl TipoAnalise {
    /// Every type.
    pub const TODOS: [TipoAnalise; 4] =
        [TipoAnalise::Parcial, TipoAnalise::Laudo, TipoAnalise::Solucao, TipoAnalise::Parecer];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            TipoAnalise::Parcial => "parcial",
            TipoAnalise::Laudo => "laudo",
            TipoAnalise::Solucao => "solucao",
            TipoAnalise::Parecer => "parecer",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            TipoAnalise::Parcial => "Análise parcial",
            TipoAnalise::Laudo => "Laudo",
            TipoAnalise::Solucao => "Solução",
            TipoAnalise::Parecer => "Parecer",
        }
    }

    /// The type of that name.
    pub fn de_codigo(codigo: &str) -> Option<Self> {
        TipoAnalise::TODOS.into_iter().find(|tipo| tipo.codigo() == codigo)
    }
}

impl fmt::Display for TipoAnalise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// An analysis: immutable once issued, superseded by a later one of its type. One that comes with a
/// request is in force once that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analise {
    /// Its id.
    pub id: AnaliseId,
    /// What it is.
    pub tipo: TipoAnalise,
    /// The request that brings it; none for a partial one.
    pub pedido: Option<PedidoId>,
    /// Who issued it.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// Whether the complaint is founded: of a laudo, and of nothing else.
    pub procedente: Option<bool>,
    /// What it says.
    pub texto: String,
    /// To whom a partial one hands the record (R64).
    pub encaminhar: Option<UserId>,
}
