//! The device's identity, the accounts that ever signed in here, and the one session.

use super::{
    columns::{id, instant_or_none},
    error::Stored,
    references,
};
use campo_domain::{
    ids::{DeviceId, TenantId, UserId},
    pessoa::{Permissoes, Pessoa},
    tipo::Tipos,
};
use campo_sync::client::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A person of a company, as signed in on this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conta {
    /// The company.
    pub tenant: TenantId,
    /// Its short name, as typed at login.
    pub empresa: String,
    /// Its name.
    pub empresa_nome: String,
    /// Its time zone.
    pub fuso: Tz,
    /// The person.
    pub usuario: UserId,
    /// The person's login.
    pub login: String,
    /// The person's name.
    pub nome: String,
    /// What the person may do.
    pub permissoes: Permissoes,
    /// The server's address, without a slash at the end.
    pub servidor: String,
}

/// The tokens of the session.
#[derive(Clone)]
pub struct Session {
    /// Whose it is.
    pub account: i64,
    /// Access token.
    pub access: String,
    /// Refresh token.
    pub refresh: String,
    /// Since when the server no longer takes it.
    pub expired_since: Option<DateTime<Utc>>,
}

/// Everything that rules and lists need to know of who works here.
pub struct Account {
    /// Key of everything the person owns in the database.
    pub key: i64,
    /// The account.
    pub conta: Conta,
    /// The person with rights, as the server last said.
    pub pessoa: Pessoa,
    /// This installation.
    pub device: DeviceId,
    /// The company's tipos, as far as they arrived.
    pub tipos: Tipos,
}

impl Account {
    /// As `campo_sync::client` takes it.
    pub fn ctx(&self) -> Context<'_> {
        Context { pessoa: &self.pessoa, device: self.device, tipos: &self.tipos }
    }
}

/// Mints the device's id on the first opening.
///
/// # Errors
/// Storage.
pub fn mint_device(conn: &Connection) -> Stored<()> {
    conn.execute(
        "INSERT INTO device (only, id, nome) VALUES (1, ?, '') ON CONFLICT DO NOTHING",
        [Uuid::now_v7().as_bytes()],
    )?;
    Ok(())
}

/// The device's id and name.
///
/// # Errors
/// Storage.
pub fn device(conn: &Connection) -> Stored<(DeviceId, String)> {
    let query = "SELECT id, nome FROM device";
    Ok(conn.query_row(query, [], |row| Ok((id(row, 0)?, row.get(1)?)))?)
}

/// Names the device.
///
/// # Errors
/// Storage.
pub fn name_device(conn: &Connection, nome: &str) -> Stored<()> {
    conn.execute("UPDATE device SET nome = ?", [nome])?;
    Ok(())
}

/// Writes an account that just signed in, and makes its session the only one.
///
/// # Errors
/// Storage.
pub fn enter(conn: &Connection, conta: &Conta, access: &str, refresh: &str) -> Stored<i64> {
    let account: i64 = conn.query_row(
        "INSERT INTO account (tenant, usuario, servidor, empresa, empresa_nome, fuso, login, \
             nome, permissoes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (tenant, usuario) DO UPDATE SET servidor = ?3, empresa = ?4, \
             empresa_nome = ?5, fuso = ?6, login = ?7, nome = ?8, permissoes = ?9 \
         RETURNING id",
        params![
            conta.tenant.bytes(),
            conta.usuario.bytes(),
            conta.servidor,
            conta.empresa,
            conta.empresa_nome,
            conta.fuso.name(),
            conta.login,
            conta.nome,
            serde_json::to_string(&conta.permissoes)?,
        ],
        |row| row.get(0),
    )?;
    conn.execute("DELETE FROM session", [])?;
    conn.execute(
        "INSERT INTO session (only, account, acesso, renovacao) VALUES (1, ?, ?, ?)",
        params![account, access, refresh],
    )?;
    Ok(account)
}

/// Ends the session here; everything else stays.
///
/// # Errors
/// Storage.
pub fn leave(conn: &Connection) -> Stored<()> {
    conn.execute("DELETE FROM session", [])?;
    Ok(())
}

/// The session, if somebody is signed in.
///
/// # Errors
/// Storage.
pub fn session(conn: &Connection) -> Stored<Option<Session>> {
    let mut statement =
        conn.prepare_cached("SELECT account, acesso, renovacao, expirada_desde FROM session")?;
    let session = statement
        .query_row([], |row| {
            Ok(Session {
                account: row.get(0)?,
                access: row.get(1)?,
                refresh: row.get(2)?,
                expired_since: instant_or_none(row, 3)?,
            })
        })
        .optional()?;
    Ok(session)
}

/// Stores a renewed pair in place of the one that `presented` belongs to. False if the session is
/// another one by now.
///
/// # Errors
/// Storage.
pub fn renew(conn: &Connection, presented: &str, access: &str, refresh: &str) -> Stored<bool> {
    let changed = conn.execute(
        "UPDATE session SET acesso = ?2, renovacao = ?3, expirada_desde = NULL \
         WHERE renovacao = ?1",
        [presented, access, refresh],
    )?;
    Ok(changed > 0)
}

/// Marks the session that `presented` belongs to as no longer taken by the server.
///
/// # Errors
/// Storage.
pub fn expire(conn: &Connection, presented: &str, now: DateTime<Utc>) -> Stored<()> {
    conn.execute(
        "UPDATE session SET expirada_desde = coalesce(expirada_desde, ?2) WHERE renovacao = ?1",
        params![presented, now.timestamp_millis()],
    )?;
    Ok(())
}

/// Who is signed in.
///
/// # Errors
/// Storage.
pub fn signed_in(conn: &Connection) -> Stored<Option<Account>> {
    session(conn)?.map(|session| account(conn, session.account)).transpose()
}

/// Everything of an account.
///
/// # Errors
/// Storage.
pub fn account(conn: &Connection, key: i64) -> Stored<Account> {
    let mut statement = conn.prepare_cached(
        "SELECT tenant, empresa, empresa_nome, fuso, usuario, login, nome, servidor, permissoes \
         FROM account WHERE id = ?",
    )?;
    let (mut conta, permissoes) =
        statement.query_row([key], |row| Ok((conta(row)?, row.get::<_, String>(8)?)))?;
    conta.permissoes = serde_json::from_str(&permissoes)?;
    // What the server said last counts; the login's answer is older.
    let pessoa = references::eu(conn, key)?.unwrap_or_else(|| Pessoa {
        id: conta.usuario,
        nome: conta.nome.clone(),
        permissoes: conta.permissoes.clone(),
        ativo: true,
        grupos: BTreeSet::new(),
        filial: None,
        cliente: None,
    });
    conta.nome.clone_from(&pessoa.nome);
    conta.permissoes.clone_from(&pessoa.permissoes);
    let (device, _) = device(conn)?;
    Ok(Account { key, conta, pessoa, device, tipos: references::tipos(conn, key)? })
}

fn conta(row: &Row<'_>) -> rusqlite::Result<Conta> {
    Ok(Conta {
        tenant: id(row, 0)?,
        empresa: row.get(1)?,
        empresa_nome: row.get(2)?,
        fuso: row.get::<_, String>(3)?.parse().unwrap_or(chrono_tz::America::Sao_Paulo),
        usuario: id(row, 4)?,
        login: row.get(5)?,
        nome: row.get(6)?,
        permissoes: Permissoes::new(),
        servidor: row.get(7)?,
    })
}
