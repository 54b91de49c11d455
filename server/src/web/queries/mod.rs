//! What the pages read, inside one transaction of the company. Visibility is decided in SQL, by one
//! fragment: [`visible!`]. Nothing here writes.

pub mod agenda;
pub mod lists;
pub mod record;

use campo_domain::{
    ids::UserId,
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    tipo::Tipo,
};
use sqlx::{PgTransaction, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// `campo_domain::policy::visivel` in SQL, for a row with `tenant` and `raiz`. `$1` and `$2` are
/// the two parts of a [`Viewer`]. The second form is for rows of any kind, which have `kind` too.
macro_rules! visible {
    ($row:literal) => {
        concat!(
            "($2 OR EXISTS (SELECT 1 FROM escopo e WHERE e.tenant = ",
            $row,
            ".tenant AND e.raiz = ",
            $row,
            ".raiz AND e.usuario = $1))"
        )
    };
    ($row:literal, with kind) => {
        concat!("(($1 IS NOT NULL AND ", $row, ".kind = 'cliente') OR ", visible!($row), ")")
    };
}
use visible;

/// Who reads, as [`visible!`] wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The person; `None` without `Ver`, who sees nothing.
    pub id: Option<Uuid>,
    /// Whether the person sees everybody's records.
    pub all: bool,
}

impl Viewer {
    /// The person as a reader.
    pub fn of(pessoa: &Pessoa) -> Self {
        let sees = pessoa.pode(Permissao::Ver);
        Self { id: sees.then(|| pessoa.id.uuid()), all: sees && pessoa.pode(Permissao::VerTodas) }
    }
}

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

/// The people of the company, in order of name.
#[derive(Clone, Debug, Default)]
pub struct People(Vec<(Uuid, String, bool)>);

impl People {
    /// Everybody; those who left too, for they have a past.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn load(tx: &mut PgTransaction<'_>) -> sqlx::Result<Self> {
        let people = sqlx::query_as("SELECT id, nome, ativo FROM usuario ORDER BY nome, id")
            .fetch_all(&mut **tx)
            .await?;
        Ok(Self(people))
    }

    /// The name; of the server too.
    pub fn name(&self, id: Uuid) -> Option<&str> {
        if id == UserId::SERVIDOR.uuid() {
            return Some("Campo");
        }
        self.0.iter().find(|person| person.0 == id).map(|person| person.1.as_str())
    }

    /// As [`People::name`], with words for whoever is not known.
    pub fn name_or_unknown(&self, id: Uuid) -> String {
        self.name(id).unwrap_or("Pessoa desconhecida").to_owned()
    }

    /// Those who may be chosen: the active ones, and `current` whoever it is.
    pub fn eligible(&self, current: Option<Uuid>) -> impl Iterator<Item = (Uuid, &str)> {
        let eligible = self.0.iter().filter(move |p| p.2 || Some(p.0) == current);
        eligible.map(|person| (person.0, person.1.as_str()))
    }
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

    /// The name of an entry, if it is known.
    pub fn name(&self, catalogue: &str, code: &str) -> Option<&str> {
        let entry = self.entries(catalogue).iter().find(|entry| entry.code == code);
        entry.map(|entry| entry.name.as_str())
    }
}

/// Most words of a search.
const WORDS_MAX: usize = 8;

/// Words of a search as patterns for `LIKE ALL`: folded as `busca` is, with nothing special in
/// them.
pub fn patterns(text: &str) -> Vec<String> {
    let folded = campo_domain::busca::dobrar(&text.replace('\0', ""));
    let words = folded.split(' ').filter(|word| !word.is_empty()).take(WORDS_MAX);
    words
        .map(|word| {
            let plain = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            format!("%{plain}%")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::patterns;

    #[test]
    fn a_search_is_folded_words_that_match_literally() {
        assert_eq!(patterns("  Peça  50%_OK "), ["%peca%", "%50\\%\\_ok%"]);
        assert!(patterns("   ").is_empty());
    }
}
