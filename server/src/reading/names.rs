//! Names beside ids and codes, for everything that a page of one record mentions.

use super::{
    Catalogues, People,
    record::{self, Named},
};
use crate::visibility::Viewer;
use campo_domain::{
    ids::DeviceId,
    kind::Kind,
    parte::Colecao,
    valor::{Alvo, TipoCampo},
};
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Names by id and code.
#[derive(Debug, Default)]
pub struct Names {
    /// Of people.
    pub people: People,
    /// Of devices.
    pub devices: BTreeMap<Uuid, String>,
    /// Of documents that the person may see.
    pub documents: BTreeMap<Uuid, Named>,
    /// Of catalogue entries.
    pub catalogues: Catalogues,
}

impl Names {
    /// The names that a page of that kind needs.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn load(
        tx: &mut PgTransaction<'_>,
        viewer: Viewer,
        kind: Kind,
        devices: &[Uuid],
        documents: &[Uuid],
    ) -> sqlx::Result<Self> {
        Ok(Self {
            people: People::load(tx).await?,
            devices: record::devices(tx, devices).await?,
            documents: record::named(tx, viewer, documents).await?,
            catalogues: Catalogues::load(tx, &catalogues_of(kind)).await?,
        })
    }

    /// Where something was written: the device's name, or the office.
    pub fn device(&self, id: Uuid) -> String {
        match self.devices.get(&id) {
            Some(name) => name.clone(),
            None if id == DeviceId::ESCRITORIO.uuid() => "retaguarda".into(),
            None => "aparelho desconhecido".into(),
        }
    }
}

/// The catalogues that fields of the kind and of its parts refer to, and the groups.
fn catalogues_of(kind: Kind) -> BTreeSet<&'static str> {
    let parts = Colecao::TODAS.into_iter().flat_map(|colecao| kind.campos_de(colecao));
    let fields = kind.campos().iter().chain(parts);
    let named = fields.filter_map(|campo| match campo.tipo {
        TipoCampo::Referencia(Alvo::Catalogo(name)) => Some(name),
        _ => None,
    });
    named.chain(["grupo"]).collect()
}
