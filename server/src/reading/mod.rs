//! Every query that a page, the API or a message reads, inside one transaction of the company.
//! `crate::visibility` says in SQL who sees what. Nothing here writes.

pub mod actions;
pub mod agenda;
pub mod changes;
pub mod cited;
pub mod corretivas;
pub mod demo;
pub mod held;
pub mod json;
pub mod lists;
pub mod outbox;
pub mod portal;
pub mod record;
pub mod references;
pub mod search;
pub mod sources;
pub mod timeline;

use crate::{
    reference::eligible,
    visibility::{Viewer, visible},
};
use campo_domain::{kind::Kind, preenchimento::Dados, tipo::Tipo};
use chrono_tz::Tz;
use sqlx::{FromRow, PgTransaction, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How many held branches wait, among the records that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn held_waiting(tx: &mut PgTransaction<'_>, viewer: Viewer) -> sqlx::Result<i64> {
    sqlx::query_scalar(concat!(
        "SELECT count(*) FROM held h WHERE h.status = 'aguardando' AND ",
        visible!("h", with kind)
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .fetch_one(&mut **tx)
    .await
}

/// The company's time zone.
///
/// # Errors
/// PostgreSQL refuses; it is a zone that this version does not know.
pub async fn zone(tx: &mut PgTransaction<'_>) -> sqlx::Result<Tz> {
    let name: String = sqlx::query_scalar("SELECT fuso FROM tenant").fetch_one(&mut **tx).await?;
    name.parse().map_err(|_| sqlx::Error::Decode(format!("unknown time zone {name}").into()))
}

/// A person of the company.
#[derive(Clone, Debug, FromRow)]
struct Person {
    id: Uuid,
    nome: String,
    /// Whether work may be given to the person.
    elegivel: bool,
}

/// The people of the company, in order of name.
#[derive(Clone, Debug, Default)]
pub struct People(Vec<Person>);

impl People {
    /// Everybody; those who left too, for they have a past.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn load(tx: &mut PgTransaction<'_>) -> sqlx::Result<Self> {
        let people = sqlx::query_as(concat!(
            "SELECT id, nome, ",
            eligible!(),
            " AS elegivel FROM usuario ORDER BY nome, id",
        ))
        .fetch_all(&mut **tx)
        .await?;
        Ok(Self(people))
    }

    /// Those who may be chosen: the active ones, and `current` whoever it is.
    pub fn eligible(&self, current: Option<Uuid>) -> impl Iterator<Item = (Uuid, &str)> {
        let eligible = self.0.iter().filter(move |p| p.elegivel || Some(p.id) == current);
        eligible.map(|person| (person.id, person.nome.as_str()))
    }
}

/// The kinds of record that the company has tipos of.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn kinds(tx: &mut PgTransaction<'_>) -> sqlx::Result<BTreeSet<Kind>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT data->>'kind' FROM referencia \
         WHERE collection = 'tipo' AND data->>'kind' IS NOT NULL",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.iter().filter_map(|kind| kind.parse().ok()).collect())
}

/// Every tipo of a kind, every version; the newest last.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn tipos(tx: &mut PgTransaction<'_>, kind: Kind) -> sqlx::Result<Vec<Tipo>> {
    let found: Vec<serde_json::Value> =
        sqlx::query_scalar("SELECT data FROM referencia WHERE collection = 'tipo' ORDER BY seq")
            .fetch_all(&mut **tx)
            .await?;
    // One that this version cannot read is not offered; its records are listed all the same.
    let tipos = found.into_iter().filter_map(|data| serde_json::from_value::<Tipo>(data).ok());
    Ok(tipos.filter(|tipo| tipo.kind == kind).collect())
}

/// One entry of a catalogue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its code.
    pub code: String,
    /// What is read.
    pub name: String,
    /// Whether it may still be chosen.
    pub active: bool,
}

/// Catalogues by name, each in order of its names.
#[derive(Clone, Debug, Default)]
pub struct Catalogues(BTreeMap<String, Vec<Entry>>);

impl Catalogues {
    /// The catalogues of those names.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn load(
        tx: &mut PgTransaction<'_>,
        names: &BTreeSet<&'static str>,
    ) -> sqlx::Result<Self> {
        let mut catalogues = Self::default();
        if names.is_empty() {
            return Ok(catalogues);
        }
        let names: Vec<&str> = names.iter().copied().collect();
        let rows = sqlx::query(
            "SELECT collection, key, coalesce(data->>'nome', key) AS nome, active FROM referencia \
             WHERE collection = ANY($1) ORDER BY collection, nome, key",
        )
        .bind(names)
        .fetch_all(&mut **tx)
        .await?;
        for row in rows {
            let entry = Entry {
                code: row.try_get("key")?,
                name: row.try_get("nome")?,
                active: row.try_get("active")?,
            };
            catalogues.0.entry(row.try_get("collection")?).or_default().push(entry);
        }
        Ok(catalogues)
    }

    /// The entries of a catalogue.
    pub fn entries(&self, catalogue: &str) -> &[Entry] {
        self.0.get(catalogue).map_or(&[], Vec::as_slice)
    }
}

/// What the catalogue knows of an entry, if it has one of that code.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn dados(
    tx: &mut PgTransaction<'_>,
    catalogue: &str,
    code: &str,
) -> sqlx::Result<Option<Dados>> {
    let dados: Option<Option<serde_json::Value>> = sqlx::query_scalar(
        "SELECT data->'dados' FROM referencia WHERE collection = $1 AND key = $2 AND active",
    )
    .bind(catalogue)
    .bind(code)
    .fetch_optional(&mut **tx)
    .await?;
    // An entry that is no object of texts knows nothing.
    Ok(dados.flatten().and_then(|dados| serde_json::from_value(dados).ok()))
}
