//! Names beside ids: of people, devices, records and entries of catalogues, each in one query for
//! all that an answer shows.

use crate::{
    reading::record::{self, Named},
    visibility::Viewer,
};
use campo_domain::{
    ids::{DeviceId, UserId},
    preenchimento::Dados,
    registro::Autoria,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma pessoa.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Quem {
    /// O identificador.
    id: Uuid,
    /// O nome.
    nome: Option<String>,
}

impl Quem {
    /// Somebody whose name is known, or not.
    pub const fn novo(id: Uuid, nome: Option<String>) -> Self {
        Self { id, nome }
    }

    /// The name.
    pub fn nome(&self) -> Option<&str> {
        self.nome.as_deref()
    }
}

/// What an answer will name.
#[derive(Debug, Default)]
pub struct Pedidos {
    pessoas: BTreeSet<Uuid>,
    aparelhos: BTreeSet<Uuid>,
    documentos: BTreeSet<Uuid>,
    entradas: BTreeSet<(&'static str, String)>,
}

impl Pedidos {
    /// A person.
    pub fn pessoa(&mut self, id: UserId) {
        self.pessoas.insert(id.uuid());
    }

    /// A device.
    pub fn aparelho(&mut self, id: DeviceId) {
        self.aparelhos.insert(id.uuid());
    }

    /// Who wrote something, and where.
    pub fn autoria(&mut self, autoria: Autoria) {
        self.pessoa(autoria.por);
        self.aparelho(autoria.em);
    }

    /// A record.
    pub fn documento(&mut self, id: Uuid) {
        self.documentos.insert(id);
    }

    /// What the value of a field refers to.
    pub fn valor(&mut self, campo: &Campo, valor: &Valor) {
        match (campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => {
                self.pessoas.insert(*id);
            }
            (TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer), Valor::Id(id)) => {
                self.documentos.insert(*id);
            }
            (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo)) => {
                self.entradas.insert((catalogo, codigo.clone()));
            }
            _ => {}
        }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn ler(self, tx: &mut PgTransaction<'_>, viewer: Viewer) -> sqlx::Result<Nomes> {
        let pessoas: Vec<Uuid> = self.pessoas.into_iter().collect();
        let pessoas: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT id, nome FROM usuario WHERE id = ANY($1)")
                .bind(pessoas)
                .fetch_all(&mut **tx)
                .await?;
        let aparelhos: Vec<Uuid> = self.aparelhos.into_iter().collect();
        let documentos: Vec<Uuid> = self.documentos.into_iter().collect();
        let (catalogos, codigos): (Vec<&str>, Vec<String>) = self.entradas.into_iter().unzip();
        let entradas: Vec<(String, String, String)> = match catalogos.is_empty() {
            true => Vec::new(),
            false => {
                sqlx::query_as(
                    "SELECT r.collection, r.key, coalesce(r.data->>'nome', r.key) \
                     FROM unnest($1::text[], $2::text[]) n (collection, key) JOIN referencia r \
                     ON r.tenant = campo_tenant() AND r.collection = n.collection \
                         AND r.key = n.key AND r.addressee IS NULL",
                )
                .bind(catalogos)
                .bind(codigos)
                .fetch_all(&mut **tx)
                .await?
            }
        };
        Ok(Nomes {
            pessoas: pessoas.into_iter().collect(),
            aparelhos: record::devices(tx, &aparelhos).await?,
            documentos: record::named(tx, viewer, &documentos).await?,
            entradas: entradas.into_iter().map(|(c, k, nome)| ((c, k), nome)).collect(),
        })
    }
}

/// Names by id and code.
#[derive(Debug, Default)]
pub struct Nomes {
    pessoas: BTreeMap<Uuid, String>,
    aparelhos: BTreeMap<Uuid, String>,
    documentos: BTreeMap<Uuid, Named>,
    entradas: BTreeMap<(String, String), String>,
}

impl Nomes {
    /// A person with the name.
    pub fn quem(&self, id: UserId) -> Quem {
        let nome = match id {
            UserId::SERVIDOR => Some("Campo".to_owned()),
            id => self.pessoas.get(&id.uuid()).cloned(),
        };
        Quem::novo(id.uuid(), nome)
    }

    /// A device's name.
    pub fn aparelho(&self, id: DeviceId) -> Option<String> {
        match id {
            DeviceId::ESCRITORIO => Some("Retaguarda".to_owned()),
            id => self.aparelhos.get(&id.uuid()).cloned(),
        }
    }

    /// What a record is called, if the person may see it.
    pub fn documento(&self, id: Uuid) -> Option<String> {
        self.documentos.get(&id).map(Named::label)
    }

    /// A value as a person reads it: the name where it is a reference, and nothing where the person
    /// may not see what it refers to.
    pub fn exibir(&self, campo: &Campo, valor: &Valor, fuso: Tz) -> Option<String> {
        match (campo.tipo, valor) {
            (_, Valor::Nulo) => None,
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => self.pessoas.get(id).cloned(),
            (TipoCampo::Referencia(_), Valor::Id(id)) => self.documento(*id),
            (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo)) => {
                let chave = (catalogo.to_owned(), codigo.clone());
                Some(self.entradas.get(&chave).unwrap_or(codigo).clone())
            }
            (_, valor) => Some(valor.exibir(campo, fuso)),
        }
    }
}

/// What the catalogue knows of an entry that is in use.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn dados(
    tx: &mut PgTransaction<'_>,
    catalogo: &str,
    codigo: &str,
) -> sqlx::Result<Option<Dados>> {
    let dados: Option<Option<Value>> = sqlx::query_scalar(
        "SELECT data->'dados' FROM referencia WHERE tenant = campo_tenant() \
         AND collection = $1 AND key = $2 AND active",
    )
    .bind(catalogo)
    .bind(codigo)
    .fetch_optional(&mut **tx)
    .await?;
    // An entry that is no object of texts knows nothing.
    Ok(dados.flatten().and_then(|dados| serde_json::from_value(dados).ok()))
}
