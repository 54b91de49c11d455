//! The bytes of files as rows: which pictures of which files are on this device, which are fetched,
//! and which may be freed. Callers see to the files themselves.

use super::{
    columns::{id, instant_or_none, variant},
    error::Stored,
};
use crate::retry::RETRY_AFTER_MAX;
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// How far bytes of ours have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// Wait to be sent, or the rest of them does.
    Waiting,
    /// The server has all of them, and may still find them wrong.
    Sent,
    /// The server said that it has verified them.
    Confirmed,
    /// The server refused them. It makes previews by itself; an original is sent again only if the
    /// person asks for it.
    Refused,
    /// The file is gone from this device.
    Lost,
    /// The file has changed since it was captured.
    Damaged,
    /// They will not arrive, and the person knows.
    Dismissed,
}

impl UploadState {
    const ALL: [(UploadState, &str); 7] = [
        (UploadState::Waiting, "espera"),
        (UploadState::Sent, "enviado"),
        (UploadState::Confirmed, "confirmado"),
        (UploadState::Refused, "recusado"),
        (UploadState::Lost, "perdido"),
        (UploadState::Damaged, "danificado"),
        (UploadState::Dismissed, "dispensado"),
    ];

    /// As the column `envio` has it.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, code)| code)
    }

    /// The state of that code; `None` of one that this version does not know.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == code).map(|(state, _)| *state)
    }
}

/// The bytes of one picture of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arquivo {
    /// Which picture.
    pub variante: Variante,
    /// Their SHA-256, once it is known.
    pub sha256: Option<String>,
    /// How many.
    pub tamanho: u64,
    /// Whether they are on this device.
    pub aqui: bool,
    /// How far they have come; `None` if they are not ours to send.
    pub envio: Option<UploadState>,
    /// How many the server was last known to have.
    pub recebido: u64,
    /// When the next try is due, after a failure.
    pub proxima_em: Option<DateTime<Utc>>,
    /// What the last failure said.
    pub erro: Option<String>,
}

/// The pictures of a file that are or were on this device.
///
/// # Errors
/// Storage.
pub fn of_anexo(conn: &Connection, anexo: i64) -> Stored<Vec<Arquivo>> {
    let mut statement = conn.prepare_cached(
        "SELECT variante, sha256, tamanho, aqui, envio, recebido, proxima_em, erro FROM arquivo \
         WHERE anexo = ?",
    )?;
    let rows = statement.query_map([anexo], |row| {
        let envio: Option<String> = row.get(4)?;
        Ok(Arquivo {
            variante: variant(row, 0)?,
            sha256: row.get(1)?,
            tamanho: row.get(2)?,
            aqui: row.get(3)?,
            envio: envio.and_then(|code| UploadState::of_code(&code)),
            recebido: row.get(5)?,
            proxima_em: instant_or_none(row, 6)?,
            erro: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Bytes that are on the disk now, under their hash.
pub struct Arrived<'a> {
    /// Which picture.
    pub variant: Variante,
    /// Their SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// How many.
    pub size: u64,
    /// Whether they are to be sent.
    pub to_send: bool,
}

/// Notes that bytes of a file are here. Every other file with the same bytes has them as well, and
/// can be sent again if it had lost them.
///
/// # Errors
/// Storage.
pub fn arrived(conn: &Connection, account: i64, anexo: i64, arrived: &Arrived<'_>) -> Stored<()> {
    conn.execute(
        "INSERT INTO arquivo (anexo, account, variante, sha256, tamanho, aqui, envio) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6) \
         ON CONFLICT (anexo, variante) DO UPDATE SET sha256 = ?4, tamanho = ?5, aqui = 1, \
             falhas = 0, proxima_em = NULL, erro = NULL",
        params![
            anexo,
            account,
            arrived.variant.codigo(),
            arrived.sha256,
            arrived.size,
            arrived.to_send.then_some(UploadState::Waiting.code()),
        ],
    )?;
    if arrived.variant == Variante::Original {
        removed(conn, account, arrived.sha256)?;
    }
    found(conn, account, arrived.variant, arrived.sha256)
}

/// A file with these bytes is on this device: every row of that hash says so, and an upload that
/// had lost it, or found it damaged, waits again.
///
/// # Errors
/// Storage.
pub fn found(conn: &Connection, account: i64, variante: Variante, sha256: &str) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET aqui = 1 WHERE account = ? AND variante = ? AND sha256 = ? \
             AND NOT aqui",
        params![account, variante.codigo(), sha256],
    )?;
    conn.execute(
        "UPDATE arquivo SET envio = 'espera', url = NULL, recebido = 0, falhas = 0, \
             proxima_em = NULL, erro = NULL \
         WHERE account = ? AND variante = ? AND sha256 = ? \
             AND envio IN ('perdido', 'danificado')",
        params![account, variante.codigo(), sha256],
    )?;
    Ok(())
}

/// Files that were gone when they were to be sent: account, variante, hash.
///
/// # Errors
/// Storage.
pub fn lost(conn: &Connection) -> Stored<Vec<(i64, Variante, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT account, variante, sha256 FROM arquivo \
         WHERE envio = 'perdido' AND sha256 IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, variant(row, 1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Originals whose file is to be removed: account and hash. One that a row names again stays.
///
/// # Errors
/// Storage.
pub fn to_remove(conn: &Connection) -> Stored<Vec<(i64, String)>> {
    let mut statement = conn.prepare_cached("SELECT account, sha256 FROM a_apagar")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes an original off that list: its file is gone, or is needed again.
///
/// # Errors
/// Storage.
pub fn removed(conn: &Connection, account: i64, sha256: &str) -> Stored<()> {
    conn.execute(
        "DELETE FROM a_apagar WHERE account = ? AND sha256 = ?",
        params![account, sha256],
    )?;
    Ok(())
}

/// The bytes of a file are needed no more. True if there were any.
///
/// # Errors
/// Storage.
pub fn drop_all(conn: &Connection, anexo: i64) -> Stored<bool> {
    Ok(conn.execute("DELETE FROM arquivo WHERE anexo = ?", [anexo])? > 0)
}

/// A thumbnail of somebody else's that is not here.
pub struct Missing {
    /// Key of the file's row.
    pub row: i64,
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub item: ItemId,
    /// Failures in a row.
    pub failures: u32,
}

/// Thumbnails that are not here, of the files that the person sees; the newest first.
///
/// # Errors
/// Storage.
pub fn missing(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<Vec<Missing>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.ordem, a.document, a.id, coalesce(v.falhas, 0) \
         FROM anexo a JOIN documents d ON d.account = a.account AND d.id = a.document \
             LEFT JOIN arquivo v ON v.anexo = a.ordem AND v.variante = 'miniatura' \
         WHERE a.account = ?1 AND d.in_scope AND a.aceito AND NOT a.removido \
             AND (v.anexo IS NULL OR NOT v.aqui AND (v.proxima_em IS NULL \
                 OR v.proxima_em <= ?2 OR v.proxima_em > ?3)) \
         ORDER BY a.ordem DESC",
    )?;
    let far = (now + RETRY_AFTER_MAX).timestamp_millis();
    let rows = statement.query_map(params![account, now.timestamp_millis(), far], |row| {
        Ok(Missing {
            row: row.get(0)?,
            document: id(row, 1)?,
            item: id(row, 2)?,
            failures: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A thumbnail could not be fetched and will be tried again.
///
/// # Errors
/// Storage.
pub fn not_fetched(
    conn: &Connection,
    account: i64,
    anexo: i64,
    next: DateTime<Utc>,
    erro: &str,
) -> Stored<()> {
    conn.execute(
        "INSERT INTO arquivo (anexo, account, variante, aqui, falhas, proxima_em, erro) \
         VALUES (?1, ?2, 'miniatura', 0, 1, ?3, ?4) \
         ON CONFLICT (anexo, variante) DO UPDATE SET falhas = falhas + 1, proxima_em = ?3, \
             erro = ?4",
        params![anexo, account, next.timestamp_millis(), erro],
    )?;
    Ok(())
}

/// An original is about to be fetched: from now on its partial file is not swept.
///
/// # Errors
/// Storage.
pub fn coming(
    conn: &Connection,
    account: i64,
    anexo: i64,
    sha256: &str,
    tamanho: u64,
) -> Stored<()> {
    conn.execute(
        "INSERT INTO arquivo (anexo, account, variante, sha256, tamanho, aqui) \
         VALUES (?1, ?2, 'original', ?3, ?4, 0) ON CONFLICT DO NOTHING",
        params![anexo, account, sha256, tamanho],
    )?;
    Ok(())
}

/// The hashes of a variante that rows name: of those that are here, or of those that are not.
///
/// # Errors
/// Storage.
pub fn named(
    conn: &Connection,
    account: i64,
    variante: Variante,
    aqui: bool,
) -> Stored<BTreeSet<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT sha256 FROM arquivo WHERE account = ? AND variante = ? AND aqui = ? \
             AND sha256 IS NOT NULL",
    )?;
    let rows = statement.query_map(params![account, variante.codigo(), aqui], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Bytes on this device of one variante, each content once.
///
/// # Errors
/// Storage.
pub fn bytes(conn: &Connection, account: i64, variante: Variante) -> Stored<u64> {
    let mut statement = conn.prepare_cached(
        "SELECT coalesce(sum(tamanho), 0) FROM (SELECT DISTINCT sha256, tamanho FROM arquivo \
             WHERE account = ? AND variante = ? AND aqui)",
    )?;
    Ok(statement.query_row(params![account, variante.codigo()], |row| row.get(0))?)
}

/// Originals that may be freed: of every file with these bytes the document says that the server
/// has verified them. No other sign that they arrived counts (ff12).
///
/// # Errors
/// Storage.
pub fn verified(conn: &Connection, account: i64) -> Stored<Vec<(String, u64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT v.sha256, v.tamanho FROM arquivo v \
         WHERE v.account = ?1 AND v.variante = 'original' AND v.aqui AND v.sha256 IS NOT NULL \
             AND EXISTS (SELECT 1 FROM anexo a WHERE a.account = ?1 AND a.sha256 = v.sha256) \
             AND NOT EXISTS (SELECT 1 FROM anexo a WHERE a.account = ?1 \
                 AND a.sha256 = v.sha256 AND a.situacao <> 'verificada' \
                 AND NOT (a.removido AND a.command_id IS NULL))",
    )?;
    let rows = statement.query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An original is no longer kept here: its file is to be removed.
///
/// # Errors
/// Storage.
pub fn freed(conn: &Connection, account: i64, sha256: &str) -> Stored<()> {
    conn.execute(
        "INSERT OR IGNORE INTO a_apagar (account, sha256) VALUES (?, ?)",
        params![account, sha256],
    )?;
    conn.execute(
        "UPDATE arquivo SET aqui = 0 \
         WHERE account = ? AND variante = 'original' AND sha256 = ?",
        params![account, sha256],
    )?;
    Ok(())
}
