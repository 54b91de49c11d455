//! The columns of lists (R91): what each may be ordered by, and what a person reads above it.

use campo_domain::{kind::Kind, valor::Campo};

/// A column of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Stable name, in addresses and on the wire.
    pub name: &'static str,
    /// What a person reads.
    pub label: &'static str,
    /// The field, where it is one of the record's own.
    pub campo: Option<&'static Campo>,
}

/// Columns that every kind has, besides its fields.
const COMMON: [(&str, &str); 12] = [
    ("numero", "Número"),
    ("cliente", "Cliente"),
    ("tipo", "Tipo"),
    ("situacao", "Situação"),
    ("fase", "Fase"),
    ("titulo", "Título"),
    ("criado_em", "Criação"),
    ("recebido_em", "Chegada"),
    ("atualizado_em", "Atualização"),
    ("etapa_desde", "Na situação desde"),
    ("etapa_ate", "Prazo da etapa"),
    ("criado_por", "Criado por"),
];

/// The columns that a list of the kind may be ordered by: those of every kind, then its fields.
/// `cliente` is the client that the list shows, which may be that of the case.
pub fn columns(kind: Kind) -> Vec<Column> {
    let common = COMMON.into_iter().filter(|(name, _)| *name != "numero" || kind.numerado());
    let common = common.map(|(name, label)| Column { name, label, campo: None });
    let own = kind.campos().iter().filter(|campo| COMMON.iter().all(|(n, _)| *n != campo.nome));
    let own = own.map(|campo| Column { name: campo.nome, label: campo.rotulo, campo: Some(campo) });
    common.chain(own).collect()
}
