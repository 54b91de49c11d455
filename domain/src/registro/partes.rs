//! Values by field, and the parts of a record: items, despesas, anexos and vínculos.

use crate::{
    ids::{Autoria, ItemId},
    valor::Valor,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fields by name; a field that is not filled in has no entry.
pub type Campos = BTreeMap<String, Valor>;

/// A part of a record: an item, despesa, anexo or vínculo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its fields.
    pub campos: Campos,
    /// Removed logically.
    pub removido: bool,
    /// Who added it.
    pub autoria: Autoria,
}

impl Item {
    /// The value of a field.
    pub fn valor(&self, campo: &str) -> &Valor {
        self.campos.get(campo).unwrap_or(&Valor::Nulo)
    }
}

/// Parts by id, removed ones included.
pub type Partes = BTreeMap<ItemId, Item>;
