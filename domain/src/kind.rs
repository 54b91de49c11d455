//! The kinds of document, and where the fields of each are listed.

use crate::{
    agenda, assistencia, cliente, ocorrencia,
    parte::{self, Colecao},
    valor::Campo,
};
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

    /// The fields of the kind, in the order in which a form shows them.
    pub const fn campos(self) -> &'static [Campo] {
        match self {
            Kind::Assistencia => assistencia::CAMPOS,
            Kind::Ocorrencia => ocorrencia::CAMPOS,
            Kind::Agenda => agenda::CAMPOS,
            Kind::Cliente => cliente::CAMPOS,
        }
    }

    /// The fields of a part in that collection; none where the kind has no such parts.
    pub const fn campos_de(self, colecao: Colecao) -> &'static [Campo] {
        match (self, colecao) {
            (Kind::Ocorrencia, Colecao::Itens) => ocorrencia::CAMPOS_ITEM,
            (Kind::Ocorrencia, Colecao::Despesas) => ocorrencia::CAMPOS_DESPESA,
            (Kind::Ocorrencia | Kind::Assistencia, Colecao::Vinculos) => parte::CAMPOS_VINCULO,
            (Kind::Ocorrencia | Kind::Assistencia | Kind::Agenda, Colecao::Anexos) => {
                parte::CAMPOS_ANEXO
            }
            _ => &[],
        }
    }

    /// The field of that name.
    pub fn campo(self, nome: &str) -> Option<&'static Campo> {
        self.campos().iter().find(|campo| campo.nome == nome)
    }

    /// The field of that name of a part in the collection.
    pub fn campo_de(self, colecao: Colecao, nome: &str) -> Option<&'static Campo> {
        self.campos_de(colecao).iter().find(|campo| campo.nome == nome)
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
