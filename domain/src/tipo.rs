//! A tipo is a set of switches over a fluxo. Versioned: a document pins the version it was made
//! with.

use crate::{
    fluxo::{Fluxo, Situacao},
    kind::Kind,
    refusal::{Codigo, Refusal},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What a document says of its tipo.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TipoRef {
    /// Stable name within the company.
    pub codigo: String,
    /// The pinned version, from 1.
    pub versao: u32,
}

/// One version of a tipo, with its fluxo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tipo {
    /// Stable name within the company, prefixed by its preset.
    pub codigo: String,
    /// Version, from 1.
    pub versao: u32,
    /// What a person reads.
    pub nome: String,
    /// The kind of document.
    pub kind: Kind,
    /// Fields that must be filled in (R7).
    pub obrigatorios: Vec<String>,
    /// Whether concluding needs a laudo (R48).
    #[serde(default)]
    pub exige_laudo: bool,
    /// The states.
    pub fluxo: Fluxo,
}

impl Tipo {
    /// How documents refer to it.
    pub fn referencia(&self) -> TipoRef {
        TipoRef { codigo: self.codigo.clone(), versao: self.versao }
    }

    /// The situação of that code, or the initial one if there is none yet or it is not known.
    pub fn situacao(&self, codigo: Option<&str>) -> Option<&Situacao> {
        codigo
            .and_then(|codigo| self.fluxo.situacao(codigo))
            .or_else(|| self.fluxo.situacao(&self.fluxo.inicial))
    }
}

/// Every version of every tipo of a company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tipos(BTreeMap<TipoRef, Arc<Tipo>>);

impl Tipos {
    /// Adds or replaces one version.
    pub fn incluir(&mut self, tipo: Tipo) {
        self.0.insert(tipo.referencia(), Arc::new(tipo));
    }

    /// The version that a document pins.
    ///
    /// # Errors
    /// `tipo_desconhecido`.
    pub fn obter(&self, referencia: &TipoRef) -> Result<&Arc<Tipo>, Refusal> {
        self.0.get(referencia).ok_or_else(|| {
            let nome = format!("{} v{}", referencia.codigo, referencia.versao);
            Refusal::com(Codigo::TipoDesconhecido, [nome])
        })
    }

    /// The newest version of that name: what a new document is made with.
    ///
    /// # Errors
    /// `tipo_desconhecido`.
    pub fn atual(&self, codigo: &str) -> Result<&Arc<Tipo>, Refusal> {
        self.0
            .values()
            .rfind(|tipo| tipo.codigo == codigo)
            .ok_or_else(|| Refusal::com(Codigo::TipoDesconhecido, [codigo.to_owned()]))
    }

    /// The newest version of each tipo of the kind.
    pub fn do_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Tipo>> {
        self.0.values().filter(move |tipo| {
            tipo.kind == kind && self.atual(&tipo.codigo).is_ok_and(|atual| atual == *tipo)
        })
    }

    /// Every version.
    pub fn todos(&self) -> impl Iterator<Item = &Arc<Tipo>> {
        self.0.values()
    }
}

impl FromIterator<Tipo> for Tipos {
    fn from_iter<I: IntoIterator<Item = Tipo>>(tipos: I) -> Self {
        let mut todos = Tipos::default();
        tipos.into_iter().for_each(|tipo| todos.incluir(tipo));
        todos
    }
}
