//! Reference data: the person's own rights (`eu`), tipos, people and catalogues, each entry as the
//! server last sent it.

use super::error::Stored;
use campo_domain::{
    catalogo::{self, Catalogo},
    pessoa::{Permissao, Pessoa},
    preenchimento::Dados,
    preset::ItemCatalogo,
    tipo::{Tipo, Tipos},
};
use campo_sync::client::Reference;
use rusqlite::{Connection, OptionalExtension, params};

/// Writes one entry.
///
/// # Errors
/// Storage.
pub fn put(conn: &Connection, account: i64, reference: &Reference) -> Stored<()> {
    conn.prepare_cached(
        "INSERT INTO reference (account, collection, key, active, data) \
         VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (account, collection, key) DO UPDATE SET active = ?4, data = ?5",
    )?
    .execute(params![
        account,
        reference.collection,
        reference.key,
        reference.active,
        reference.data
    ])?;
    Ok(())
}

/// Every version of every tipo. One that this version of the app cannot read is as if it were not
/// there: its documents wait for an update.
///
/// # Errors
/// Storage.
pub fn tipos(conn: &Connection, account: i64) -> Stored<Tipos> {
    let mut statement = conn
        .prepare_cached("SELECT data FROM reference WHERE account = ? AND collection = 'tipo'")?;
    let rows = statement.query_map([account], |row| row.get::<_, String>(0))?;
    let texts: Vec<String> = rows.collect::<Result<_, _>>()?;
    Ok(texts.iter().filter_map(|text| serde_json::from_str::<Tipo>(text).ok()).collect())
}

/// Codes of the tipos that are no longer offered for new documents.
///
/// # Errors
/// Storage.
pub fn tipos_inativos(conn: &Connection, account: i64) -> Stored<Vec<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT key FROM reference WHERE account = ? AND collection = 'tipo' AND NOT active",
    )?;
    let rows = statement.query_map([account], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the server last said of the person signed in.
///
/// # Errors
/// Storage.
pub fn eu(conn: &Connection, account: i64) -> Stored<Option<Pessoa>> {
    let mut statement = conn.prepare_cached(
        "SELECT data, active FROM reference WHERE account = ? AND collection = 'eu'",
    )?;
    let found: Option<(String, bool)> =
        statement.query_row([account], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((data, active)) = found else { return Ok(None) };
    let mut data: serde_json::Value = serde_json::from_str(&data)?;
    // A permission that a newer server knows must not lock this app out.
    if let Some(permissoes) = data["permissoes"].as_array_mut() {
        permissoes
            .retain(|nome| nome.as_str().is_some_and(|nome| nome.parse::<Permissao>().is_ok()));
    }
    let mut pessoa: Pessoa = serde_json::from_value(data)?;
    pessoa.ativo &= active;
    Ok(Some(pessoa))
}

/// The name of an entry, offered or not.
///
/// # Errors
/// Storage.
pub fn nome(
    conn: &Connection,
    account: i64,
    collection: &str,
    key: &str,
) -> Stored<Option<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT json_extract(data, '$.nome') FROM reference \
         WHERE account = ? AND collection = ? AND key = ?",
    )?;
    let nome: Option<Option<String>> =
        statement.query_row(params![account, collection, key], |row| row.get(0)).optional()?;
    Ok(nome.flatten())
}

/// What is known of an entry besides its name; `None` where it is not offered.
///
/// # Errors
/// Storage.
pub fn dados(
    conn: &Connection,
    account: i64,
    collection: &str,
    key: &str,
) -> Stored<Option<Dados>> {
    let mut statement = conn.prepare_cached(
        "SELECT data -> '$.dados' FROM reference \
         WHERE account = ? AND collection = ? AND key = ? AND active",
    )?;
    let dados: Option<Option<String>> =
        statement.query_row(params![account, collection, key], |row| row.get(0)).optional()?;
    Ok(dados.map(|dados| lidos(dados.as_deref())))
}

/// An entry that holds no object of texts knows nothing.
fn lidos(dados: Option<&str>) -> Dados {
    dados.and_then(|dados| serde_json::from_str(dados).ok()).unwrap_or_default()
}

/// The entries of a collection that are offered, by name.
///
/// # Errors
/// Storage.
pub fn itens(conn: &Connection, account: i64, collection: &str) -> Stored<Vec<ItemCatalogo>> {
    let mut statement = conn.prepare_cached(
        "SELECT key, coalesce(json_extract(data, '$.nome'), key) AS nome, data -> '$.dados' \
         FROM reference WHERE account = ? AND collection = ? AND active \
             AND coalesce(json_extract(data, '$.ativo'), 1) \
         ORDER BY dobrar(nome), key",
    )?;
    let rows = statement.query_map(params![account, collection], |row| {
        let dados = lidos(row.get::<_, Option<String>>(2)?.as_deref());
        Ok(ItemCatalogo { codigo: row.get(0)?, nome: row.get(1)?, dados })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The catalogues that have entries, by title, each with how many are offered.
///
/// # Errors
/// Storage.
pub fn catalogos(conn: &Connection, account: i64) -> Stored<Vec<(&'static Catalogo, u32)>> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FROM reference WHERE account = ? AND collection = ? AND active",
    )?;
    let mut todos = Vec::new();
    for catalogo in catalogo::CATALOGOS {
        let itens = statement.query_row(params![account, catalogo.codigo], |row| row.get(0))?;
        if itens > 0 {
            todos.push((catalogo, itens));
        }
    }
    Ok(todos)
}
