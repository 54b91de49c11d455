//! The queue of uploads: bytes that were captured here and how far they have come on their way to
//! the server. Which are due, what each try came to, and when the next one is.

use super::{
    arquivos::UploadState,
    columns::{id, instant_or_none, variant},
    error::Stored,
};
use crate::retry::{RETRY_AFTER_MAX, delay};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::{Variante, frase_do_motivo},
};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

/// A file that was sent is asked about after this long, if no document says what became of it.
const ASK_AFTER: TimeDelta = RETRY_AFTER_MAX;
/// The same, once the server has answered that it has verified the file. Nothing is scheduled
/// further ahead than this.
const ASK_AGAIN: TimeDelta = TimeDelta::days(1);
/// After this many discards a file waits for hours instead of minutes.
const DISCARDED_OFTEN: u32 = 6;

/// One picture of a file that is due to be sent or to be asked about.
#[derive(Clone, Debug)]
pub struct UploadTurn {
    /// Key of the file's row.
    pub row: i64,
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub item: ItemId,
    /// Which picture of it.
    pub variant: Variante,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many.
    pub size: u64,
    /// The path of the upload that was begun; `None` before.
    pub url: Option<String>,
    /// How many the server was last known to have.
    pub received: u64,
    /// Failures in a row.
    pub failures: u32,
    /// How often the server discarded them.
    pub discards: u32,
    /// Whether the server had all bytes, and is only asked what became of them.
    pub asks: bool,
}

/// What waits to be sent, in the order in which it goes: thumbnails, previews, originals; of each
/// the oldest first. Only files that the server has accepted and does not have; and originals that
/// it may have, of which no document says so, and none will unless the server is asked.
///
/// # Errors
/// Storage.
pub fn waiting(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<Vec<UploadTurn>> {
    let mut statement = conn.prepare_cached(
        "SELECT v.anexo, a.document, a.id, v.variante, v.sha256, v.tamanho, v.url, v.recebido, \
             v.falhas, a.recusas, v.envio <> 'espera' \
         FROM arquivo v JOIN anexo a ON a.ordem = v.anexo \
         WHERE v.account = ?1 AND a.command_id IS NOT NULL AND a.aceito AND NOT a.removido \
             AND a.situacao <> 'verificada' AND v.sha256 IS NOT NULL \
             AND v.envio IN ('espera', 'enviado', 'confirmado') \
             AND (v.proxima_em IS NULL OR v.proxima_em <= ?2 OR v.proxima_em > ?3) \
             AND (v.envio = 'espera' OR v.variante = 'original' \
                 AND (a.situacao <> 'recebida' OR NOT EXISTS (SELECT 1 FROM documents d \
                     WHERE d.account = v.account AND d.id = a.document AND d.in_scope))) \
         ORDER BY CASE v.variante WHEN 'miniatura' THEN 0 WHEN 'previa' THEN 1 ELSE 2 END, \
             v.anexo",
    )?;
    // A try that lies further ahead than any delay was scheduled by a clock that was wrong.
    let far = (now + ASK_AGAIN + ASK_AFTER).timestamp_millis();
    let rows = statement.query_map(params![account, now.timestamp_millis(), far], |row| {
        Ok(UploadTurn {
            row: row.get(0)?,
            document: id(row, 1)?,
            item: id(row, 2)?,
            variant: variant(row, 3)?,
            sha256: row.get(4)?,
            size: row.get(5)?,
            url: row.get(6)?,
            received: row.get(7)?,
            failures: row.get(8)?,
            discards: row.get(9)?,
            asks: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the server still wants what is being sent: it may have been removed meanwhile.
///
/// # Errors
/// Storage.
pub fn wanted(conn: &Connection, turn: &UploadTurn) -> Stored<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM anexo WHERE ordem = ? AND NOT removido AND situacao <> 'verificada'",
    )?;
    Ok(statement.exists([turn.row])?)
}

/// Notes where the bytes go, before the first is sent; `None` if they have to go elsewhere.
///
/// # Errors
/// Storage.
pub fn opened(conn: &Connection, turn: &UploadTurn, url: Option<&str>) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET url = ?3, recebido = 0, envio = 'espera' \
         WHERE anexo = ?1 AND variante = ?2",
        params![turn.row, turn.variant.codigo(), url],
    )?;
    Ok(())
}

/// Notes how many bytes the server has. What was scheduled after a failure is over.
///
/// # Errors
/// Storage.
pub fn received(conn: &Connection, turn: &UploadTurn, url: &str, received: u64) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET recebido = ?4, falhas = 0, proxima_em = NULL, erro = NULL \
         WHERE anexo = ?1 AND variante = ?2 AND url = ?3 AND recebido < ?4",
        params![turn.row, turn.variant.codigo(), url, received],
    )?;
    Ok(())
}

/// The server has all bytes; with no `url`, it said that it needs none of them. That is no proof
/// unless it said that it has verified them, too: it may still find them wrong. Nothing happens if
/// news that it discarded them came first.
///
/// # Errors
/// Storage.
pub fn sent(
    conn: &Connection,
    turn: &UploadTurn,
    url: Option<&str>,
    verified: bool,
    now: DateTime<Utc>,
) -> Stored<()> {
    let (state, after) = match verified {
        true => (UploadState::Confirmed, ASK_AGAIN),
        false => (UploadState::Sent, ASK_AFTER),
    };
    conn.execute(
        "UPDATE arquivo SET envio = ?4, url = NULL, recebido = tamanho, falhas = 0, erro = NULL, \
             proxima_em = ?5 \
         WHERE anexo = ?1 AND variante = ?2 AND url IS ?3 \
             AND EXISTS (SELECT 1 FROM anexo a WHERE a.ordem = ?1 AND a.recusas = ?6)",
        params![
            turn.row,
            turn.variant.codigo(),
            url,
            state.code(),
            (now + after).timestamp_millis(),
            turn.discards,
        ],
    )?;
    Ok(())
}

/// The server said that the file was removed, of a record that this device may hear of no more.
///
/// # Errors
/// Storage.
pub fn unwanted(conn: &Connection, turn: &UploadTurn) -> Stored<()> {
    conn.execute("UPDATE anexo SET removido = 1 WHERE ordem = ?", [turn.row])?;
    Ok(())
}

/// Sending failed and will be tried again.
///
/// # Errors
/// Storage.
pub fn failed(
    conn: &Connection,
    turn: &UploadTurn,
    next: DateTime<Utc>,
    error: &str,
) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET falhas = falhas + 1, proxima_em = ?3, erro = ?4 \
         WHERE anexo = ?1 AND variante = ?2",
        params![turn.row, turn.variant.codigo(), next.timestamp_millis(), error],
    )?;
    Ok(())
}

/// The bytes are not sent any more.
///
/// # Errors
/// Storage.
pub fn given_up(
    conn: &Connection,
    turn: &UploadTurn,
    state: UploadState,
    error: &str,
) -> Stored<()> {
    let gone = state == UploadState::Lost;
    conn.execute(
        "UPDATE arquivo SET envio = ?3, url = NULL, proxima_em = NULL, erro = ?4, \
             aqui = aqui AND NOT ?5 \
         WHERE anexo = ?1 AND variante = ?2",
        params![turn.row, turn.variant.codigo(), state.code(), error, gone],
    )?;
    Ok(())
}

/// Records that the server discarded an original. It is sent again after a wait that grows up to a
/// day, or only when the person asks for it if the picture itself is unusable.
///
/// # Errors
/// Storage.
pub fn discarded(conn: &Connection, anexo: i64, motivo: &str, now: DateTime<Utc>) -> Stored<()> {
    let discards: u32 = conn.query_row(
        "UPDATE anexo SET recusas = recusas + 1 WHERE ordem = ? RETURNING recusas",
        [anexo],
        |row| row.get(0),
    )?;
    let (state, next) = match motivo {
        "imagem_ilegivel" => (UploadState::Refused, None),
        _ => (UploadState::Waiting, Some((now + after_discards(discards)).timestamp_millis())),
    };
    conn.execute(
        "UPDATE arquivo SET envio = ?2, url = NULL, recebido = 0, proxima_em = ?3, erro = ?4 \
         WHERE anexo = ?1 AND variante = 'original' \
             AND envio IN ('espera', 'enviado', 'confirmado')",
        params![anexo, state.code(), next, frase_do_motivo(motivo)],
    )?;
    Ok(())
}

fn after_discards(discards: u32) -> TimeDelta {
    match discards.checked_sub(DISCARDED_OFTEN) {
        None => delay(discards, None),
        Some(often) => (TimeDelta::hours(1) * 2_i32.pow(often.min(5))).min(ASK_AGAIN),
    }
}

/// The person dismisses an original that will not arrive. False if it still may.
///
/// # Errors
/// Storage.
pub fn dismiss(conn: &Connection, anexo: i64) -> Stored<bool> {
    let changed = conn.execute(
        "UPDATE arquivo SET envio = 'dispensado' WHERE anexo = ? AND variante = 'original' \
             AND envio IN ('recusado', 'perdido', 'danificado')",
        [anexo],
    )?;
    Ok(changed > 0)
}

/// Everything that waits is due at once, and originals that the server did not want go once more,
/// because the person asks for it.
///
/// # Errors
/// Storage.
pub fn all_due(conn: &Connection, account: i64) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET proxima_em = NULL WHERE account = ? AND proxima_em IS NOT NULL \
             AND (envio IN ('espera', 'enviado', 'confirmado') OR envio IS NULL)",
        [account],
    )?;
    conn.execute(
        "UPDATE arquivo SET envio = 'espera' \
         WHERE account = ? AND envio = 'recusado' AND variante = 'original'",
        [account],
    )?;
    Ok(())
}

/// Photos of one account, or of all, that only this device is known to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unverified {
    /// How many.
    pub photos: u32,
    /// Bytes of their originals.
    pub bytes: u64,
    /// How many of them failed.
    pub failed: u32,
    /// When the next try is due.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// Counts them. What was removed does not count, nor what was refused or will not arrive and was
/// then dismissed; nor what the server said it has verified, of a document that this device hears
/// of no more.
///
/// # Errors
/// Storage.
pub fn unverified(conn: &Connection, account: Option<i64>) -> Stored<Unverified> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*), coalesce(sum(o.tamanho), 0), \
             coalesce(sum(o.erro IS NOT NULL), 0), \
             min(CASE WHEN o.envio = 'espera' THEN o.proxima_em END) \
         FROM anexo a JOIN arquivo o ON o.anexo = a.ordem AND o.variante = 'original' \
         WHERE (?1 IS NULL OR a.account = ?1) AND a.command_id IS NOT NULL AND NOT a.removido \
             AND a.situacao <> 'verificada' AND o.envio IS NOT 'dispensado' \
             AND NOT EXISTS (SELECT 1 FROM fates f WHERE f.account = a.account \
                 AND f.command_id = a.command_id AND f.fate IN ('refused', 'discarded') \
                 AND f.dismissed) \
             AND NOT (o.envio = 'confirmado' AND NOT EXISTS (SELECT 1 FROM documents d \
                 WHERE d.account = a.account AND d.id = a.document AND d.in_scope))",
    )?;
    Ok(statement.query_row([account], |row| {
        Ok(Unverified {
            photos: row.get(0)?,
            bytes: row.get(1)?,
            failed: row.get(2)?,
            next_try_at: instant_or_none(row, 3)?,
        })
    })?)
}
