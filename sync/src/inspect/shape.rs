//! Where in a document something stands, and what a part that is written once may say.

use crate::document::{
    ACOES, ANALISES, ARQUIVOS, CAMPOS, CORRETIVAS, INTERESSADOS, NOTAS, PARTICIPANTES, PEDIDOS,
    SERVIDOR, VEREDITOS,
};
use automerge::ScalarValue;
use campo_domain::{ids::ItemId, parte::Colecao};
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Path {
    Campos,
    Partes(Colecao),
    Parte(Colecao, ItemId),
    Pessoas(Pessoas),
    Registros(Registros),
    Registrado(Registros, Uuid),
    Servidor,
    DoServidor(&'static str),
}

/// Sets of people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pessoas {
    Participantes,
    Interessados,
}

/// What is written once: notes, requests, analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Registros {
    Notas,
    Pedidos,
    Analises,
}

impl Registros {
    pub(super) const fn container(self) -> &'static str {
        match self {
            Registros::Notas => NOTAS,
            Registros::Pedidos => PEDIDOS,
            Registros::Analises => ANALISES,
        }
    }

    /// Which fields one of them may have.
    pub(super) const fn fields(self) -> &'static [&'static str] {
        match self {
            Registros::Notas => &["texto", "visibilidade", "resposta_a", "em"],
            Registros::Pedidos => &["verbo", "motivo", "email", "em"],
            Registros::Analises => &["tipo", "texto", "procedente", "encaminhar", "pedido", "em"],
        }
    }
}

/// How many scalars a document has at its root.
pub(super) const SCALARS: usize = 6;

/// What the server keeps of its own, empty at genesis.
pub(super) const DO_SERVIDOR: [&str; 4] = [VEREDITOS, ACOES, CORRETIVAS, ARQUIVOS];

/// The containers that every document has at its root.
pub(super) fn root_container(key: &str) -> Option<Path> {
    Some(match key {
        CAMPOS => Path::Campos,
        PARTICIPANTES => Path::Pessoas(Pessoas::Participantes),
        INTERESSADOS => Path::Pessoas(Pessoas::Interessados),
        NOTAS => Path::Registros(Registros::Notas),
        PEDIDOS => Path::Registros(Registros::Pedidos),
        ANALISES => Path::Registros(Registros::Analises),
        SERVIDOR => Path::Servidor,
        key => Path::Partes(key.parse().ok()?),
    })
}

/// The names of those containers.
pub(super) fn root_containers() -> impl Iterator<Item = &'static str> {
    let partes = Colecao::TODAS.into_iter().map(Colecao::codigo);
    [CAMPOS, PARTICIPANTES, INTERESSADOS, NOTAS, PEDIDOS, ANALISES, SERVIDOR]
        .into_iter()
        .chain(partes)
}

/// What was written into a note, request or analysis that this change makes.
#[derive(Default)]
pub(super) struct Part(pub(super) BTreeMap<&'static str, ScalarValue>);

impl Part {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            ScalarValue::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(super) fn id(&self, name: &str) -> Option<Uuid> {
        match self.0.get(name)? {
            ScalarValue::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }

    /// Whether the field is absent, or of the type that `of_type` says.
    pub(super) fn fits(&self, name: &str, of_type: impl FnOnce(&ScalarValue) -> bool) -> bool {
        self.0.get(name).is_none_or(of_type)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
