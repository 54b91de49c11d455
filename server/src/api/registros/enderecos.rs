//! The addresses of records.

use crate::projection;
use campo_domain::{ids::DocumentId, kind::Kind};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Os registros, no plural, como estão nos endereços.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registros {
    /// Assistências.
    Assistencias,
    /// Ocorrências.
    Ocorrencias,
    /// Agendas.
    Agendas,
    /// Clientes.
    Clientes,
}

impl Registros {
    /// The kind of those records.
    pub const fn kind(self) -> Kind {
        match self {
            Registros::Assistencias => Kind::Assistencia,
            Registros::Ocorrencias => Kind::Ocorrencia,
            Registros::Agendas => Kind::Agenda,
            Registros::Clientes => Kind::Cliente,
        }
    }
}

/// The address of a record.
pub fn address(kind: Kind, id: DocumentId) -> String {
    format!("/v1/{}/{id}", projection::table(kind))
}

/// An id of the caller's own, or a new one.
pub fn id_or_new<T: From<Uuid>>(sent: Option<Uuid>) -> T {
    sent.unwrap_or_else(Uuid::now_v7).into()
}
