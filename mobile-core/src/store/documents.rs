//! Documents with their queue, as `campo_sync::client` takes and returns them.

use super::{columns::id, error::Stored, queue};
use campo_domain::{ids::DocumentId, kind::Kind, registro::Registro};
use campo_sync::client::LocalDocument;
use rusqlite::{Connection, OptionalExtension, params};

/// How a document is called in the lists of pending work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its kind.
    pub kind: Option<Kind>,
    /// Number or provisional label.
    pub label: String,
}

impl From<&Registro> for Name {
    fn from(registro: &Registro) -> Self {
        Name { kind: Some(registro.kind), label: registro.rotulo() }
    }
}

/// Loads a document and its queue.
///
/// # Errors
/// Storage.
pub fn load(
    conn: &Connection,
    account: i64,
    document: DocumentId,
) -> Stored<Option<LocalDocument>> {
    let mut statement = conn.prepare_cached(
        "SELECT generation, chunks, nonce, in_scope FROM documents WHERE account = ? AND id = ?",
    )?;
    let loaded = statement
        .query_row(params![account, document.bytes()], |row| {
            Ok(LocalDocument {
                id: document,
                generation: row.get(0)?,
                chunks: row.get(1)?,
                nonce: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
                in_scope: row.get(3)?,
                queue: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut loaded) = loaded else { return Ok(None) };
    loaded.queue = queue::of_document(conn, account, document)?;
    Ok(Some(loaded))
}

/// Writes a document and makes the stored queue equal to its queue. A command that was there keeps
/// its place. `name` is `None` where the document cannot be read now; what is stored then stays.
///
/// # Errors
/// Storage.
pub fn save(
    conn: &Connection,
    account: i64,
    document: &LocalDocument,
    name: Option<&Name>,
) -> Stored<()> {
    let mut statement = conn.prepare_cached(
        "INSERT INTO documents (account, id, kind, rotulo, generation, chunks, nonce, in_scope) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (account, id) DO UPDATE SET kind = coalesce(?3, kind), \
             rotulo = coalesce(?4, rotulo), generation = ?5, chunks = ?6, nonce = ?7, \
             in_scope = ?8",
    )?;
    statement.execute(params![
        account,
        document.id.bytes(),
        name.and_then(|name| name.kind).map(Kind::codigo),
        name.map(|name| &name.label),
        document.generation,
        document.chunks,
        document.nonce.map(u64::cast_signed),
        document.in_scope,
    ])?;
    queue::replace(conn, account, document.id, &document.queue)
}

/// Forgets a document whose queue is empty; its list row goes with it.
///
/// # Errors
/// Storage; a queue that is not empty.
pub fn forget(conn: &Connection, account: i64, document: DocumentId) -> Stored<()> {
    conn.prepare_cached("DELETE FROM documents WHERE account = ? AND id = ?")?
        .execute(params![account, document.bytes()])?;
    Ok(())
}

/// Whether the person sees a document; `None` if it is not on the device.
///
/// # Errors
/// Storage.
pub fn in_scope(conn: &Connection, account: i64, document: DocumentId) -> Stored<Option<bool>> {
    let mut statement =
        conn.prepare_cached("SELECT in_scope FROM documents WHERE account = ? AND id = ?")?;
    Ok(statement.query_row(params![account, document.bytes()], |row| row.get(0)).optional()?)
}

/// How a document is called, as far as it is known.
///
/// # Errors
/// Storage.
pub fn name(conn: &Connection, account: i64, document: DocumentId) -> Stored<Name> {
    let mut statement =
        conn.prepare_cached("SELECT kind, rotulo FROM documents WHERE account = ? AND id = ?")?;
    let found: Option<(Option<String>, Option<String>)> = statement
        .query_row(params![account, document.bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (kind, rotulo) = found.unwrap_or_default();
    Ok(Name {
        kind: kind.and_then(|kind| kind.parse().ok()),
        label: rotulo.unwrap_or_else(|| Registro::rotulo_provisorio(document)),
    })
}

/// Documents in scope that have no list row yet, because their tipo was not known.
///
/// # Errors
/// Storage.
pub fn without_row(conn: &Connection, account: i64) -> Stored<Vec<DocumentId>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.id FROM documents d WHERE d.account = ? AND d.in_scope AND NOT EXISTS \
             (SELECT 1 FROM lista l WHERE l.account = d.account AND l.id = d.id)",
    )?;
    let rows = statement.query_map([account], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
