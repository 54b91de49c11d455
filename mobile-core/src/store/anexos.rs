//! The files of records as rows: what the documents say of each, written in the transaction that
//! writes the document, and what was captured here, which stays until the server has taken it in.
//! A row with a `command_id` was captured on this device, by that command.

use super::{
    arquivos,
    columns::{id, instant_or_none},
    error::Stored,
    uploads,
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId, ItemId},
    parte::Colecao::Anexos,
    registro::{Campos, Item, Registro, SituacaoArquivo},
    valor::Valor,
};
use campo_sync::client::{Fate, Queued, Settled};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What a document says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dados {
    /// How it is called.
    pub nome: String,
    /// Code of what it shows.
    pub categoria: String,
    /// What was written under it.
    pub legenda: Option<String>,
    /// What kind of file.
    pub mime: String,
    /// SHA-256 of the original, in hexadecimal.
    pub sha256: String,
    /// Bytes of the original.
    pub tamanho: u64,
    /// When it was taken.
    pub capturado_em: Option<DateTime<Utc>>,
}

impl From<&Campos> for Dados {
    fn from(campos: &Campos) -> Self {
        let texto = |nome: &str| campos.get(nome).and_then(Valor::texto).map(str::to_owned);
        let tamanho = match campos.get("tamanho") {
            Some(Valor::Inteiro(n)) => u64::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        Dados {
            nome: texto("nome").unwrap_or_default(),
            categoria: texto("categoria").unwrap_or_default(),
            legenda: texto("legenda"),
            mime: texto("mime").unwrap_or_default(),
            sha256: texto("sha256").unwrap_or_default(),
            tamanho,
            capturado_em: campos.get("capturado_em").and_then(Valor::instante),
        }
    }
}

/// A file of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anexo {
    /// Key of its row, and the order in which files were captured.
    pub ordem: i64,
    /// Its id in the document.
    pub id: ItemId,
    /// The command that declares it, if it was captured on this device.
    pub command: Option<CommandId>,
    /// What the document says of it.
    pub dados: Dados,
    /// Whether the server has taken in what declares it.
    pub aceito: bool,
    /// Whether the server has taken in that it is removed.
    pub removido: bool,
    /// What the server says of its bytes.
    pub situacao: SituacaoArquivo,
    /// Why they were discarded.
    pub motivo: Option<String>,
}

const COLUNAS: &str = "ordem, id, command_id, nome, categoria, legenda, mime, sha256, tamanho, \
    capturado_em, aceito, removido, situacao, motivo";

fn anexo(row: &Row<'_>) -> rusqlite::Result<Anexo> {
    let command: Option<[u8; 16]> = row.get(2)?;
    Ok(Anexo {
        ordem: row.get(0)?,
        id: id(row, 1)?,
        command: command.map(|bytes| uuid::Uuid::from_bytes(bytes).into()),
        dados: Dados {
            nome: row.get(3)?,
            categoria: row.get(4)?,
            legenda: row.get(5)?,
            mime: row.get(6)?,
            sha256: row.get(7)?,
            tamanho: row.get(8)?,
            capturado_em: instant_or_none(row, 9)?,
        },
        aceito: row.get(10)?,
        removido: row.get(11)?,
        situacao: situacao(row, 12)?,
        motivo: row.get(13)?,
    })
}

fn situacao(row: &Row<'_>, column: usize) -> rusqlite::Result<SituacaoArquivo> {
    let codigo: String = row.get(column)?;
    Ok(SituacaoArquivo::de_codigo(&codigo).unwrap_or(SituacaoArquivo::Esperada))
}

/// Writes a file that was just captured, in the transaction of the command that declares it.
/// Returns the key of its row.
///
/// # Errors
/// Storage.
pub fn capture(
    conn: &Connection,
    account: i64,
    document: DocumentId,
    item: ItemId,
    command: CommandId,
    dados: &Dados,
) -> Stored<i64> {
    let ordem = conn.query_row(
        "INSERT INTO anexo (account, document, id, command_id, nome, categoria, legenda, mime, \
             sha256, tamanho, capturado_em, aceito) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING ordem",
        params![
            account,
            document.bytes(),
            item.bytes(),
            command.bytes(),
            dados.nome,
            dados.categoria,
            dados.legenda,
            dados.mime,
            dados.sha256,
            dados.tamanho,
            dados.capturado_em.map(|instante| instante.timestamp_millis()),
        ],
        |row| row.get(0),
    )?;
    Ok(ordem)
}

/// The files of a document that have a row, in the order in which they became known.
///
/// # Errors
/// Storage.
pub fn of_document(conn: &Connection, account: i64, document: DocumentId) -> Stored<Vec<Anexo>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUNAS} FROM anexo WHERE account = ? AND document = ? ORDER BY ordem"
    ))?;
    let rows = statement.query_map(params![account, document.bytes()], anexo)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One file.
///
/// # Errors
/// Storage.
pub fn one(
    conn: &Connection,
    account: i64,
    document: DocumentId,
    item: ItemId,
) -> Stored<Option<Anexo>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUNAS} FROM anexo WHERE account = ? AND document = ? AND id = ?"
    ))?;
    let row = statement.query_row(params![account, document.bytes(), item.bytes()], anexo);
    Ok(row.optional()?)
}

/// Writes what a document says of its files. Only what the server has taken in counts: what `queue`
/// declares or removes is still to be decided. True if files here are needed no more.
///
/// # Errors
/// Storage.
pub fn write(
    conn: &Connection,
    account: i64,
    registro: &Registro,
    queue: &[Queued],
    now: DateTime<Utc>,
) -> Stored<bool> {
    let mut dropped = false;
    for (item, anexo) in &registro.anexos {
        let waits = |removes: bool| queue.iter().any(|q| of(&q.command, removes) == Some(*item));
        if waits(false) {
            continue;
        }
        dropped |= write_one(conn, account, registro, (*item, anexo), waits(true), now)?;
    }
    Ok(dropped)
}

fn write_one(
    conn: &Connection,
    account: i64,
    registro: &Registro,
    (item, anexo): (ItemId, &Item),
    waits: bool,
    now: DateTime<Utc>,
) -> Stored<bool> {
    let dados = Dados::from(&anexo.campos);
    let removido = anexo.removido && !waits;
    let arquivo = registro.arquivos.get(&item);
    let em = arquivo.map(|arquivo| arquivo.quando.timestamp_millis());
    let before: Option<Option<i64>> = conn
        .prepare_cached(
            "SELECT situacao_em FROM anexo WHERE account = ? AND document = ? AND id = ? \
                 AND command_id IS NOT NULL",
        )?
        .query_row(params![account, registro.id.bytes(), item.bytes()], |row| row.get(0))
        .optional()?;
    let ordem: i64 = conn
        .prepare_cached(
            "INSERT INTO anexo (account, document, id, nome, categoria, legenda, mime, sha256, \
                 tamanho, capturado_em, aceito, removido, situacao, situacao_em, motivo) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?12, ?13, ?14) \
             ON CONFLICT (account, document, id) DO UPDATE SET nome = ?4, categoria = ?5, \
                 legenda = ?6, aceito = 1, removido = ?11, situacao = ?12, situacao_em = ?13, \
                 motivo = ?14 RETURNING ordem",
        )?
        .query_row(
            params![
                account,
                registro.id.bytes(),
                item.bytes(),
                dados.nome,
                dados.categoria,
                dados.legenda,
                dados.mime,
                dados.sha256,
                dados.tamanho,
                dados.capturado_em.map(|instante| instante.timestamp_millis()),
                removido,
                registro.arquivo(&item).codigo(),
                em,
                arquivo.and_then(|arquivo| arquivo.motivo.as_deref()),
            ],
            |row| row.get(0),
        )?;
    match before {
        // The instant tells one discarding from the next: each is taken in once.
        Some(before) if before != em => {
            if let Some(arquivo) = arquivo.filter(|a| a.situacao == SituacaoArquivo::Recusada) {
                let motivo = arquivo.motivo.as_deref().unwrap_or_default();
                uploads::discarded(conn, ordem, motivo, now)?;
            }
            Ok(false)
        }
        Some(_) => Ok(false),
        None if removido => arquivos::drop_all(conn, ordem),
        None => Ok(false),
    }
}

/// The file that a command declares, or removes.
fn of(command: &Command, removes: bool) -> Option<ItemId> {
    match command {
        Command::IncluirItem { em: Anexos, item } if !removes => Some(item.id),
        Command::RemoverItem { em: Anexos, item } if removes => Some(*item),
        _ => None,
    }
}

/// Commands that the server has taken in, of a document that may be out of sight by now.
///
/// # Errors
/// Storage.
pub fn settled(
    conn: &Connection,
    account: i64,
    document: DocumentId,
    settled: &[Settled],
) -> Stored<()> {
    let accepted = settled.iter().filter(|settled| settled.fate == Fate::Accepted);
    for command in accepted.map(|settled| &settled.queued.command) {
        for (removes, column) in [(false, "aceito"), (true, "removido")] {
            let Some(item) = of(command, removes) else { continue };
            conn.execute(
                &format!(
                    "UPDATE anexo SET {column} = 1 WHERE account = ? AND document = ? AND id = ?"
                ),
                params![account, document.bytes(), item.bytes()],
            )?;
        }
    }
    Ok(())
}

/// Marks files as accepted whose command the office has approved.
///
/// # Errors
/// Storage.
pub fn approved(conn: &Connection, account: i64) -> Stored<()> {
    conn.execute(
        "UPDATE anexo SET aceito = 1 WHERE account = ?1 AND NOT aceito AND command_id IN \
             (SELECT command_id FROM fates WHERE account = ?1 AND fate = 'approved')",
        [account],
    )?;
    Ok(())
}

/// The person no longer sees the document: what others took is no longer kept, nor what the server
/// has verified. The rest is still to be sent. True if rows went.
///
/// # Errors
/// Storage.
pub fn out_of_sight(conn: &Connection, account: i64, document: DocumentId) -> Stored<bool> {
    let gone = conn.execute(
        "DELETE FROM anexo WHERE account = ? AND document = ? \
             AND (command_id IS NULL OR situacao = 'verificada')",
        params![account, document.bytes()],
    )?;
    Ok(gone > 0)
}

/// The document is erased for good, and all of its files with it. True if rows went.
///
/// # Errors
/// Storage.
pub fn erase(conn: &Connection, account: i64, document: DocumentId) -> Stored<bool> {
    let gone = conn.execute(
        "DELETE FROM anexo WHERE account = ? AND document = ?",
        params![account, document.bytes()],
    )?;
    Ok(gone > 0)
}
