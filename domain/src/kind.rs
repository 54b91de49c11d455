//! The kinds of document. Which fields each has: `campos.rs`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The kinds of document that sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A visit that a customer asked for (R7).
    Assistencia,
    /// What was found or complained of, alone or in an assistência (R12).
    Ocorrencia,
    /// A commitment of a person (R40).
    Agenda,
    /// A customer (R8).
    Cliente,
}

impl Kind {
    /// Every kind.
    pub const TODOS: [Kind; 4] = [Kind::Assistencia, Kind::Ocorrencia, Kind::Agenda, Kind::Cliente];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Kind::Assistencia => "assistencia",
            Kind::Ocorrencia => "ocorrencia",
            Kind::Agenda => "agenda",
            Kind::Cliente => "cliente",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            Kind::Assistencia => "Assistência",
            Kind::Ocorrencia => "Ocorrência",
            Kind::Agenda => "Agenda",
            Kind::Cliente => "Cliente",
        }
    }

    /// Whether the server mints a number for it.
    pub const fn numerado(self) -> bool {
        matches!(self, Kind::Assistencia | Kind::Ocorrencia)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// The name is not one of the four kinds.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of document: {0}")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::TODOS
            .into_iter()
            .find(|kind| kind.codigo() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}
