//! Reference data of a company: tipos, catalogues and the names of its people. It is delivered to
//! devices by the same log as the records.

use crate::ledger::{self, Publication};
use anyhow::{Context, Result};
use campo_domain::{
    ids::{TenantId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    preset,
    tipo::Tipo,
};
use chrono::Utc;
use serde_json::{Value, json};
use sqlx::{PgTransaction, Row};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The collection of each person's own permissions and groups; each entry is addressed to that
/// person alone.
const SELF_COLLECTION: &str = "eu";

/// Whether work may be given to a person, in SQL over a row of `usuario`: an active person of the
/// company who sees records; no program and no client's login.
macro_rules! eligible {
    () => {
        "(ativo AND NOT servico AND 'ver' = ANY(permissoes))"
    };
}
pub(crate) use eligible;

/// Locks the company's clock until the transaction ends, and creates it if there is none. Reference
/// data that is read after this cannot be changed by others before it is written. A new clock gets
/// a new epoch, so that devices notice that the log is another one.
///
/// # Errors
/// PostgreSQL's.
pub async fn lock(tx: &mut PgTransaction<'_>, tenant: TenantId) -> Result<()> {
    sqlx::query("INSERT INTO tenant_clock (tenant, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(tenant.uuid())
        .bind(Utc::now().timestamp_millis())
        .execute(&mut **tx)
        .await?;
    sqlx::query("SELECT 1 FROM tenant_clock WHERE tenant = $1 FOR UPDATE")
        .bind(tenant.uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The present state of an entry of the reference data.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whether it is offered for new choices.
    pub active: bool,
    /// JSON.
    pub data: Value,
    /// The position in the log of its last change.
    pub seq: i64,
}

/// The entry of that key, if there is one.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn entry(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    collection: &str,
    key: &str,
) -> sqlx::Result<Option<Entry>> {
    let row = sqlx::query(
        "SELECT active, data, seq FROM referencia \
         WHERE tenant = $1 AND collection = $2 AND key = $3",
    )
    .bind(tenant.uuid())
    .bind(collection)
    .bind(key)
    .fetch_optional(&mut **tx)
    .await?;
    let read = |row: sqlx::postgres::PgRow| {
        let (active, data) = (row.try_get("active")?, row.try_get("data")?);
        Ok(Entry { active, data, seq: row.try_get("seq")? })
    };
    row.map(read).transpose()
}

/// How many entries each collection has, offered or not.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn counts(tx: &mut PgTransaction<'_>) -> sqlx::Result<Vec<(String, i64)>> {
    sqlx::query_as("SELECT collection, count(*) FROM referencia GROUP BY collection")
        .fetch_all(&mut **tx)
        .await
}

/// Which entries of a collection are listed.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub collection: &'a str,
    /// Only those that are offered, or only the others.
    pub active: Option<bool>,
    /// Folded words, each of which is in the name or in the code.
    pub words: Vec<&'a str>,
}

/// At most `rows` entries of a collection, by their folded name and their key, after the one of
/// that name and key.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn page(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    wanted: Wanted<'_>,
    after: Option<(String, String)>,
    rows: i64,
) -> sqlx::Result<Vec<(String, bool, Value)>> {
    let (name, key) = after.unzip();
    sqlx::query_as(
        "SELECT key, active, data FROM referencia r, \
             campo_dobrar(coalesce(data->>'nome', key)) AS dobrado \
         WHERE tenant = $1 AND collection = $2 AND ($3::boolean IS NULL OR active = $3) \
             AND NOT EXISTS (SELECT FROM unnest($4::text[]) palavra \
                 WHERE strpos(dobrado, palavra) = 0 AND strpos(campo_dobrar(key), palavra) = 0) \
             AND ($5::text IS NULL OR (campo_dobrar(coalesce(data->>'nome', key)) COLLATE \"C\", \
                 key COLLATE \"C\") > (campo_dobrar($5) COLLATE \"C\", $6)) \
         ORDER BY campo_dobrar(coalesce(data->>'nome', key)) COLLATE \"C\", key COLLATE \"C\" \
         LIMIT $7",
    )
    .bind(tenant.uuid())
    .bind(wanted.collection)
    .bind(wanted.active)
    .bind(wanted.words)
    .bind(name)
    .bind(key)
    .bind(rows)
    .fetch_all(&mut **tx)
    .await
}

/// A stored version of a tipo.
#[derive(Debug)]
pub(crate) struct Version {
    pub tipo: Tipo,
    /// As it is stored.
    pub data: Value,
    /// Whether it is offered for new records.
    pub active: bool,
    /// The position in the log of its last change.
    pub seq: i64,
}

/// The stored versions of a tipo, or of all, by code; each tipo's newest first.
///
/// # Errors
/// PostgreSQL refuses, or a tipo cannot be read.
pub(crate) async fn versions(
    tx: &mut PgTransaction<'_>,
    codigo: Option<&str>,
) -> Result<BTreeMap<String, Vec<Version>>> {
    let rows: Vec<(bool, Value, i64)> = sqlx::query_as(
        "SELECT active, data, seq FROM referencia WHERE collection = 'tipo' \
             AND ($1::text IS NULL OR data->>'codigo' = $1) \
         ORDER BY data->>'codigo' COLLATE \"C\", (data->>'versao')::bigint DESC",
    )
    .bind(codigo)
    .fetch_all(&mut **tx)
    .await?;
    let mut all = BTreeMap::<String, Vec<Version>>::new();
    for (active, data, seq) in rows {
        let tipo: Tipo = serde_json::from_value(data.clone())?;
        all.entry(tipo.codigo.clone()).or_default().push(Version { tipo, data, active, seq });
    }
    Ok(all)
}

/// Writes entries of a collection for everybody: key, whether it is offered, JSON. Returns the
/// position of the last one.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn put(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    collection: &str,
    entries: Vec<(String, bool, Value)>,
) -> Result<i64> {
    let withdrawn: Vec<String> =
        entries.iter().filter(|(_, active, _)| !active).map(|(key, ..)| key.clone()).collect();
    let publications: Vec<Publication> = entries
        .into_iter()
        .map(|(key, _, data)| Publication {
            collection: collection.to_owned(),
            key,
            addressee: None,
            data,
        })
        .collect();
    let seq = ledger::publish(tx, tenant, &publications).await?;
    // `publish` sets `active`. Devices read it when they pull, so it may be corrected here.
    sqlx::query(
        "UPDATE referencia SET active = false \
         WHERE tenant = $1 AND collection = $2 AND key = ANY($3)",
    )
    .bind(tenant.uuid())
    .bind(collection)
    .bind(withdrawn)
    .execute(&mut **tx)
    .await?;
    Ok(i64::try_from(seq)?)
}

/// The key of a version of a tipo: `codigo@versao`.
pub fn tipo_key(tipo: &Tipo) -> String {
    format!("{}@{}", tipo.codigo, tipo.versao)
}

/// The tipos that are offered for new records of the kind, each in its newest version. Withdrawn
/// ones are left out; records that phones made with them before they knew are accepted all the
/// same.
///
/// # Errors
/// PostgreSQL refuses, or a tipo cannot be read.
pub async fn offered(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    kind: Kind,
) -> Result<Vec<Arc<Tipo>>> {
    let tipos = ledger::tipos(tx, tenant).await?;
    let withdrawn: Vec<String> = sqlx::query_scalar(
        "SELECT key FROM referencia WHERE tenant = $1 AND collection = 'tipo' AND NOT active",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let remaining = tipos.do_kind(kind).filter(|tipo| !withdrawn.contains(&tipo_key(tipo)));
    Ok(remaining.cloned().collect())
}

/// How much loading a preset added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Versions of tipos.
    pub tipos: usize,
    /// Entries of catalogues.
    pub items: usize,
}

/// Loads the tipos and starter catalogues of a preset into a company. Existing entries (by code)
/// stay as they are, and so does every version of a tipo, since documents pin it. A tipo that
/// differs from all versions that the company has becomes the next version.
///
/// # Errors
/// The preset is not known, or PostgreSQL refuses.
pub async fn load_preset(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    preset: &str,
) -> Result<Loaded> {
    lock(tx, tenant).await?;
    let preset = preset::carregar(preset)?;
    let known = ledger::tipos(tx, tenant).await?;
    let mut publications = Vec::new();
    for mut tipo in preset.tipos {
        let versions = || known.todos().filter(|version| version.codigo == tipo.codigo);
        if versions().any(|known| Tipo { versao: known.versao, ..tipo.clone() } == **known) {
            continue;
        }
        if let Some(last) = versions().map(|version| version.versao).max() {
            tipo.versao = last + 1;
        }
        publications.push(Publication {
            collection: "tipo".into(),
            key: tipo_key(&tipo),
            addressee: None,
            data: serde_json::to_value(tipo)?,
        });
    }
    let tipos = publications.len();
    let known: Vec<(String, String)> =
        sqlx::query_as("SELECT collection, key FROM referencia WHERE tenant = $1")
            .bind(tenant.uuid())
            .fetch_all(&mut **tx)
            .await?;
    let known: BTreeSet<(String, String)> = known.into_iter().collect();
    for (collection, items) in preset.catalogos {
        for item in items {
            let name = (collection.clone(), item.codigo);
            if known.contains(&name) {
                continue;
            }
            let (collection, key) = name;
            let data = json!({ "nome": item.nome, "dados": item.dados });
            publications.push(Publication { collection, key, addressee: None, data });
        }
    }
    ledger::publish(tx, tenant, &publications).await?;
    Ok(Loaded { tipos, items: publications.len() - tipos })
}

/// Publishes a person who was created or changed in this transaction: the name to everybody, the
/// permissions and groups to the person; and grants and revokes cases to the person's devices (R85,
/// R86).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn user_changed(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    user: UserId,
) -> Result<()> {
    lock(tx, tenant).await?;
    let now = ledger::pessoa(tx, tenant, user).await?;
    let before: Option<Value> = sqlx::query_scalar(
        "SELECT data FROM referencia WHERE tenant = $1 AND collection = $2 AND key = $3",
    )
    .bind(tenant.uuid())
    .bind(SELF_COLLECTION)
    .bind(user.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    let before: Option<Pessoa> = before
        .map(serde_json::from_value)
        .transpose()
        .context("a person in the reference data cannot be read")?;
    let eligible: bool =
        sqlx::query_scalar(concat!("SELECT ", eligible!(), " FROM usuario WHERE id = $1"))
            .bind(user.uuid())
            .fetch_one(&mut **tx)
            .await?;
    let publications = [
        Publication {
            collection: "usuario".into(),
            key: user.to_string(),
            addressee: None,
            data: json!({ "nome": now.nome, "ativo": eligible }),
        },
        Publication {
            collection: SELF_COLLECTION.into(),
            key: user.to_string(),
            addressee: Some(user),
            data: serde_json::to_value(&now)?,
        },
    ];
    let seq = ledger::publish(tx, tenant, &publications).await?;
    // People who cannot be chosen any more stay in the collection, since records show their names.
    sqlx::query(
        "UPDATE referencia SET active = $3 \
         WHERE tenant = $1 AND collection = 'usuario' AND key = $2",
    )
    .bind(tenant.uuid())
    .bind(user.to_string())
    .bind(eligible)
    .execute(&mut **tx)
    .await?;
    let Some(before) = before else { return Ok(()) };
    if before.permissoes != now.permissoes {
        let previous: Vec<&str> = before.permissoes.iter().map(|p| p.codigo()).collect();
        sqlx::query(
            "INSERT INTO permissao_anterior (tenant, usuario, ate_seq, permissoes) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant.uuid())
        .bind(user.uuid())
        .bind(seq as i64)
        .bind(previous)
        .execute(&mut **tx)
        .await?;
    }
    ledger::rescope(tx, tenant, &before, &now).await
}
