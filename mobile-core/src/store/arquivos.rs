//! The bytes of files as rows: which are on this device, and how far those that were captured here
//! have come on their way to the server. Callers see to the files themselves.

use super::{Stored, id, instant_or_none};
use crate::sync::{RETRY_AFTER_MAX, delay};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::{Variante, frase_do_motivo},
};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

/// How long after a file was sent it is asked about, if no news of it came.
const ASK_AFTER: TimeDelta = RETRY_AFTER_MAX;
/// How long after the server had verified it, while no document says so. Nothing is scheduled
/// further ahead than this.
const ASK_AGAIN: TimeDelta = TimeDelta::days(1);
/// From the how manieth on a discarded file waits for hours.
const DISCARDED_OFTEN: u32 = 6;

/// How far bytes of ours have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envio {
    /// Wait to be sent, or the rest of them does.
    Espera,
    /// The server has all of them, and may still find them wrong.
    Enviado,
    /// The server said that it has verified them.
    Confirmado,
    /// The server does not want them. Of a preview it makes its own; an original goes once more if
    /// the person asks for it.
    Recusado,
    /// The file is gone from this device.
    Perdido,
    /// The file is not what it was when it was captured.
    Danificado,
    /// They will not arrive, and the person knows.
    Dispensado,
}

impl Envio {
    const TODOS: [(Envio, &str); 7] = [
        (Envio::Espera, "espera"),
        (Envio::Enviado, "enviado"),
        (Envio::Confirmado, "confirmado"),
        (Envio::Recusado, "recusado"),
        (Envio::Perdido, "perdido"),
        (Envio::Danificado, "danificado"),
        (Envio::Dispensado, "dispensado"),
    ];

    fn codigo(self) -> &'static str {
        Self::TODOS.iter().find(|(envio, _)| *envio == self).map_or("", |(_, codigo)| codigo)
    }

    fn de_codigo(codigo: &str) -> Option<Self> {
        Self::TODOS.iter().find(|(_, nome)| *nome == codigo).map(|(envio, _)| *envio)
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
    pub envio: Option<Envio>,
    /// How many the server was last known to have.
    pub recebido: u64,
    /// When the next try is due, after a failure.
    pub proxima_em: Option<DateTime<Utc>>,
    /// What the last failure said.
    pub erro: Option<String>,
}

fn variante(row: &Row<'_>, column: usize) -> rusqlite::Result<Variante> {
    Ok(row.get::<_, String>(column)?.parse().unwrap_or(Variante::Original))
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
            variante: variante(row, 0)?,
            sha256: row.get(1)?,
            tamanho: row.get(2)?,
            aqui: row.get(3)?,
            envio: envio.and_then(|codigo| Envio::de_codigo(&codigo)),
            recebido: row.get(5)?,
            proxima_em: instant_or_none(row, 6)?,
            erro: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Bytes that are on the disk now, under their hash.
pub struct Chegada<'a> {
    /// Which picture.
    pub variante: Variante,
    /// Their SHA-256.
    pub sha256: &'a str,
    /// How many.
    pub tamanho: u64,
    /// Whether they are to be sent.
    pub envia: bool,
}

/// Notes that bytes of a file are here. Every other file with the same bytes has them as well, and
/// can be sent again if it had lost them.
///
/// # Errors
/// Storage.
pub fn arrived(conn: &Connection, account: i64, anexo: i64, chegada: &Chegada<'_>) -> Stored<()> {
    conn.execute(
        "INSERT INTO arquivo (anexo, account, variante, sha256, tamanho, aqui, envio) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6) \
         ON CONFLICT (anexo, variante) DO UPDATE SET sha256 = ?4, tamanho = ?5, aqui = 1, \
             falhas = 0, proxima_em = NULL, erro = NULL",
        params![
            anexo,
            account,
            chegada.variante.codigo(),
            chegada.sha256,
            chegada.tamanho,
            chegada.envia.then_some(Envio::Espera.codigo()),
        ],
    )?;
    if chegada.variante == Variante::Original {
        removed(conn, account, chegada.sha256)?;
    }
    found(conn, account, chegada.variante, chegada.sha256)
}

/// A file with these bytes is here: whatever has them has them here, and can be sent again.
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
    let rows = statement.query_map([], |row| Ok((row.get(0)?, variante(row, 1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Originals that were written down to go: account and hash. What a row names stays all the same.
///
/// # Errors
/// Storage.
pub fn to_remove(conn: &Connection) -> Stored<Vec<(i64, String)>> {
    let mut statement = conn.prepare_cached("SELECT account, sha256 FROM a_apagar")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// It went, or is needed again.
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

/// The server discarded the original that was sent: it is due again, after a while that grows to a
/// day. Where the picture itself is at fault the same bytes would come to the same end: they go
/// again only if the person asks for it.
///
/// # Errors
/// Storage.
pub fn discarded(conn: &Connection, anexo: i64, motivo: &str, now: DateTime<Utc>) -> Stored<()> {
    let recusas: u32 = conn.query_row(
        "UPDATE anexo SET recusas = recusas + 1 WHERE ordem = ? RETURNING recusas",
        [anexo],
        |row| row.get(0),
    )?;
    let (envio, proxima_em) = match motivo {
        "imagem_ilegivel" => (Envio::Recusado, None),
        _ => (Envio::Espera, Some((now + after_discards(recusas)).timestamp_millis())),
    };
    conn.execute(
        "UPDATE arquivo SET envio = ?2, url = NULL, recebido = 0, proxima_em = ?3, erro = ?4 \
         WHERE anexo = ?1 AND variante = 'original' \
             AND envio IN ('espera', 'enviado', 'confirmado')",
        params![anexo, envio.codigo(), proxima_em, frase_do_motivo(motivo)],
    )?;
    Ok(())
}

fn after_discards(recusas: u32) -> TimeDelta {
    match recusas.checked_sub(DISCARDED_OFTEN) {
        None => delay(recusas, None),
        Some(often) => (TimeDelta::hours(1) * 2_i32.pow(often.min(5))).min(ASK_AGAIN),
    }
}

/// The bytes of a file are needed no more. True if there were any.
///
/// # Errors
/// Storage.
pub fn drop_all(conn: &Connection, anexo: i64) -> Stored<bool> {
    Ok(conn.execute("DELETE FROM arquivo WHERE anexo = ?", [anexo])? > 0)
}

/// Bytes whose turn it is.
#[derive(Clone, Debug)]
pub struct Vez {
    /// Key of the file's row.
    pub anexo: i64,
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub item: ItemId,
    /// Which picture of it.
    pub variante: Variante,
    /// Their SHA-256.
    pub sha256: String,
    /// How many.
    pub tamanho: u64,
    /// The upload under way.
    pub url: Option<String>,
    /// How many the server was last known to have.
    pub recebido: u64,
    /// Failures in a row.
    pub falhas: u32,
    /// How often the server discarded them.
    pub recusas: u32,
    /// Whether the server had them all, and is only asked what became of them.
    pub pergunta: bool,
}

/// What waits to be sent, in the order in which it goes: thumbnails, previews, originals; of each
/// the oldest first. Only what the server knows of, and does not have; and originals that are to be
/// asked about, because no document says that they were verified, nor will by itself.
///
/// # Errors
/// Storage.
pub fn waiting(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<Vec<Vez>> {
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
        Ok(Vez {
            anexo: row.get(0)?,
            document: id(row, 1)?,
            item: id(row, 2)?,
            variante: variante(row, 3)?,
            sha256: row.get(4)?,
            tamanho: row.get(5)?,
            url: row.get(6)?,
            recebido: row.get(7)?,
            falhas: row.get(8)?,
            recusas: row.get(9)?,
            pergunta: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the server still wants what is being sent: it may have been removed meanwhile.
///
/// # Errors
/// Storage.
pub fn wanted(conn: &Connection, vez: &Vez) -> Stored<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM anexo WHERE ordem = ? AND NOT removido AND situacao <> 'verificada'",
    )?;
    Ok(statement.exists([vez.anexo])?)
}

/// Notes where the bytes go, before the first is sent; `None` if they have to go elsewhere.
///
/// # Errors
/// Storage.
pub fn opened(conn: &Connection, vez: &Vez, url: Option<&str>) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET url = ?3, recebido = 0, envio = 'espera' \
         WHERE anexo = ?1 AND variante = ?2",
        params![vez.anexo, vez.variante.codigo(), url],
    )?;
    Ok(())
}

/// Notes how many bytes the server has. What was scheduled after a failure is over.
///
/// # Errors
/// Storage.
pub fn received(conn: &Connection, vez: &Vez, url: &str, recebido: u64) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET recebido = ?4, falhas = 0, proxima_em = NULL, erro = NULL \
         WHERE anexo = ?1 AND variante = ?2 AND url = ?3 AND recebido < ?4",
        params![vez.anexo, vez.variante.codigo(), url, recebido],
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
    vez: &Vez,
    url: Option<&str>,
    verificada: bool,
    now: DateTime<Utc>,
) -> Stored<()> {
    let (envio, after) = match verificada {
        true => (Envio::Confirmado, ASK_AGAIN),
        false => (Envio::Enviado, ASK_AFTER),
    };
    conn.execute(
        "UPDATE arquivo SET envio = ?4, url = NULL, recebido = tamanho, falhas = 0, erro = NULL, \
             proxima_em = ?5 \
         WHERE anexo = ?1 AND variante = ?2 AND url IS ?3 \
             AND EXISTS (SELECT 1 FROM anexo a WHERE a.ordem = ?1 AND a.recusas = ?6)",
        params![
            vez.anexo,
            vez.variante.codigo(),
            url,
            envio.codigo(),
            (now + after).timestamp_millis(),
            vez.recusas,
        ],
    )?;
    Ok(())
}

/// The server said that the file was removed, of a record that this device may hear of no more.
///
/// # Errors
/// Storage.
pub fn unwanted(conn: &Connection, vez: &Vez) -> Stored<()> {
    conn.execute("UPDATE anexo SET removido = 1 WHERE ordem = ?", [vez.anexo])?;
    Ok(())
}

/// Sending failed and will be tried again.
///
/// # Errors
/// Storage.
pub fn failed(conn: &Connection, vez: &Vez, next: DateTime<Utc>, erro: &str) -> Stored<()> {
    conn.execute(
        "UPDATE arquivo SET falhas = falhas + 1, proxima_em = ?3, erro = ?4 \
         WHERE anexo = ?1 AND variante = ?2",
        params![vez.anexo, vez.variante.codigo(), next.timestamp_millis(), erro],
    )?;
    Ok(())
}

/// The bytes are not sent any more.
///
/// # Errors
/// Storage.
pub fn given_up(conn: &Connection, vez: &Vez, envio: Envio, erro: &str) -> Stored<()> {
    let gone = envio == Envio::Perdido;
    conn.execute(
        "UPDATE arquivo SET envio = ?3, url = NULL, proxima_em = NULL, erro = ?4, \
             aqui = aqui AND NOT ?5 \
         WHERE anexo = ?1 AND variante = ?2",
        params![vez.anexo, vez.variante.codigo(), envio.codigo(), erro, gone],
    )?;
    Ok(())
}

/// The person knows that an original will not arrive. False if it still may.
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

/// A thumbnail of somebody else's that is not here.
pub struct Falta {
    /// Key of the file's row.
    pub anexo: i64,
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub item: ItemId,
    /// Failures in a row.
    pub falhas: u32,
}

/// Thumbnails that are not here, of the files that the person sees; the newest first.
///
/// # Errors
/// Storage.
pub fn missing(conn: &Connection, account: i64, now: DateTime<Utc>) -> Stored<Vec<Falta>> {
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
        Ok(Falta {
            anexo: row.get(0)?,
            document: id(row, 1)?,
            item: id(row, 2)?,
            falhas: row.get(3)?,
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

/// An original is about to be fetched: what has come of it is kept from now on.
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
/// has verified them. Nothing else counts, ever.
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

/// An original is no longer kept here: its file is to go.
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

/// Photos of one account, or of all, that only this device is known to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pendentes {
    /// How many.
    pub fotos: u32,
    /// Bytes of their originals.
    pub bytes: u64,
    /// How many of them failed.
    pub falharam: u32,
    /// When the next try is due.
    pub proxima_em: Option<DateTime<Utc>>,
}

/// Counts them. What was removed does not count, nor what was refused or will not arrive and was
/// then dismissed; nor what the server said it has verified, of a document that this device hears
/// of no more.
///
/// # Errors
/// Storage.
pub fn pending(conn: &Connection, account: Option<i64>) -> Stored<Pendentes> {
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
        Ok(Pendentes {
            fotos: row.get(0)?,
            bytes: row.get(1)?,
            falharam: row.get(2)?,
            proxima_em: instant_or_none(row, 3)?,
        })
    })?)
}

/// What photos may cost the person, as a code.
///
/// # Errors
/// Storage.
pub fn orcamento(conn: &Connection, account: i64) -> Stored<Option<String>> {
    let mut statement = conn.prepare_cached("SELECT orcamento FROM account WHERE id = ?")?;
    Ok(statement.query_row([account], |row| row.get(0)).optional()?)
}

/// Stores it.
///
/// # Errors
/// Storage.
pub fn set_orcamento(conn: &Connection, account: i64, codigo: &str) -> Stored<()> {
    conn.execute("UPDATE account SET orcamento = ? WHERE id = ?", params![codigo, account])?;
    Ok(())
}
