//! From the camera to the disk in one durable step: the files first, then document, queue, list row
//! and the files' rows in one transaction. Whatever fails before that leaves nothing but files that
//! nobody names, which go at once; after a crash at the next opening, and of an original only what
//! had no name yet.

use crate::{
    error::Error,
    files::{Draft, Files},
    phone::Phone,
    store::{
        anexos::{self, Dados},
        arquivos::{self, Arrived},
        documents,
        session::Account,
    },
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{CommandId, DocumentId, ItemId},
    parte::{Colecao, Variante},
    refusal::{Codigo, Refusal},
    registro::Campos,
    valor::Valor,
    workflow::{self, Onde},
};
use campo_fotos::{Format, PhotoError};
use campo_sync::client;
use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::Connection;
use std::{
    borrow::Cow,
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};
use uuid::Uuid;

/// Largest picture, in bytes: it is decoded in memory.
const PICTURE_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// The first bytes of a file, in which its format can be told.
const HEAD_BYTES: u64 = 4096;

/// Where the bytes of a photo come from.
#[derive(Clone, Copy, Debug)]
pub enum PhotoSource<'a> {
    /// From memory.
    Bytes(&'a [u8]),
    /// From a file, which is copied and stays as it is.
    Path(&'a Path),
}

/// A photo, or any other file, to attach.
#[derive(Clone, Copy, Debug)]
pub struct NewPhoto<'a> {
    /// Its bytes, kept as they are.
    pub source: PhotoSource<'a>,
    /// How the file is called.
    pub name: &'a str,
    /// Code of what it shows: antes, depois, avaria, assinatura, documento.
    pub category: &'a str,
    /// What is written under it.
    pub caption: Option<&'a str>,
    /// When it was taken; now, if nobody says.
    pub taken_at: Option<DateTime<Utc>>,
    /// Latitude and longitude in degrees; kept only where the company asks for it. Without it,
    /// what the photo itself says.
    pub position: Option<(f64, f64)>,
}

/// A file on the disk that has no name yet, with its pictures.
struct Captured {
    original: Draft,
    mime: &'static str,
    /// Previews and thumbnails, each with whether it is to be sent.
    others: Vec<(Variante, Draft, bool)>,
    /// Where the photo says that it was taken.
    position: Option<(f64, f64)>,
}

impl Phone {
    /// Attaches a photo or another file to a document. When it returns, original, thumbnail and
    /// preview are on the disk, and the document says so.
    ///
    /// # Errors
    /// `Recusa`, before any work; `Foto` (empty, cut, damaged, too many pixels), `ArquivoGrande`,
    /// `ArquivoIlegivel`, `SemEspaco`; `NaoEncontrado`, `NinguemEntrou`, storage. Nothing has
    /// changed then.
    pub fn add_photo(&self, document: DocumentId, new: &NewPhoto<'_>) -> Result<ItemId, Error> {
        let item = ItemId::from(Uuid::now_v7());
        let (key, asks_position) = self.read_as(|conn, account| {
            Ok((account.key, allowed(conn, account, document, &declared(item, new))?))
        })?;
        let files = &self.files;
        let mut captured = take(files, key, new, asks_position)?;
        let mut part = declared(item, new);
        part.campos.insert("mime".into(), Valor::Texto(captured.mime.into()));
        part.campos.insert("sha256".into(), Valor::Texto(captured.original.sha256.clone()));
        let size = i64::try_from(captured.original.size).unwrap_or(i64::MAX);
        part.campos.insert("tamanho".into(), Valor::Inteiro(size));
        if let (true, Some((latitude, longitude))) = (asks_position, captured.position) {
            let position = format!("{latitude:.6},{longitude:.6}");
            part.campos.insert("posicao".into(), Valor::Texto(position));
        }
        // Until the rows name the files nobody may sweep them.
        let _naming = files.lock()?;
        let done = captured.name(files, key).map_err(Error::from).and_then(|()| {
            let known = Dados::from(&part.campos);
            self.run_and(
                Some(document),
                |_, account, _| match account.key == key {
                    true => Ok(Command::IncluirItem { em: Colecao::Anexos, item: part }),
                    false => Err(Error::NinguemEntrou),
                },
                |conn, account, local| {
                    let queued = local.queue.last().map(|queued| queued.id);
                    let command = queued.unwrap_or_else(|| CommandId::from(Uuid::now_v7()));
                    let row = anexos::capture(conn, account.key, document, item, command, &known)?;
                    captured.record(conn, account.key, row)
                },
            )
        });
        if done.is_err() {
            self.forget(key, &captured);
        }
        done.map(|_| item)
    }

    /// Takes away what was named for nothing. What cannot be taken away now is swept later.
    fn forget(&self, account: i64, captured: &Captured) {
        let _ = self.read(|conn| {
            for (variant, draft, _) in captured.all() {
                let named = arquivos::named(conn, account, variant, true)?;
                if !named.contains(&draft.sha256) {
                    self.files.remove(account, variant, &draft.sha256)?;
                }
            }
            Ok(())
        });
    }
}

/// What the person says of it. Kind, size and hash are placeholders: they let the rules be asked
/// before the file is read, and are replaced afterwards.
fn declared(item: ItemId, new: &NewPhoto<'_>) -> NovoItem {
    let taken_at = new.taken_at.unwrap_or_else(Utc::now).trunc_subsecs(3);
    let mut campos = Campos::from([
        ("nome".to_owned(), Valor::Texto(new.name.to_owned())),
        ("categoria".to_owned(), Valor::Texto(new.category.to_owned())),
        ("mime".to_owned(), Valor::Texto("application/octet-stream".to_owned())),
        ("tamanho".to_owned(), Valor::Inteiro(1)),
        ("sha256".to_owned(), Valor::Texto("0".repeat(64))),
        ("capturado_em".to_owned(), Valor::Instante(taken_at)),
    ]);
    if let Some(caption) = new.caption.filter(|caption| !caption.trim().is_empty()) {
        campos.insert("legenda".to_owned(), Valor::Texto(caption.to_owned()));
    }
    NovoItem { id: item, campos }
}

/// Whether the record takes the file now, before anything is read. Returns whether its tipo asks
/// for the position.
fn allowed(
    conn: &Connection,
    account: &Account,
    document: DocumentId,
    item: &NovoItem,
) -> Result<bool, Error> {
    let local = documents::load(conn, account.key, document)?;
    let local = local.ok_or_else(|| Error::NaoEncontrado(document.to_string()))?;
    if !local.in_scope {
        return Err(Refusal::new(Codigo::ForaDeAlcance).into());
    }
    let view = client::view(&local, &account.ctx())?;
    let command = Command::IncluirItem { em: Colecao::Anexos, item: item.clone() };
    workflow::decide(Some(&view.previsto), &view.tipo, &account.pessoa, &command, Onde::Aparelho)?;
    Ok(view.tipo.pede_posicao)
}

/// Reads a file, checks that it is whole, and writes it with its pictures.
fn take(
    files: &Files,
    account: i64,
    new: &NewPhoto<'_>,
    asks_position: bool,
) -> Result<Captured, Error> {
    let unreadable = |source| unreadable(new, source);
    let (mut from, size): (Box<dyn Read>, u64) = match new.source {
        PhotoSource::Bytes(bytes) => (Box::new(Cursor::new(bytes)), bytes.len() as u64),
        PhotoSource::Path(path) => {
            let file = File::open(path).map_err(unreadable)?;
            let size = file.metadata().map_err(unreadable)?.len();
            (Box::new(file), size)
        }
    };
    let max = Variante::Original.bytes_max();
    if size > max {
        return Err(too_large(new, max));
    }
    let mut head = Vec::new();
    from.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    if head.is_empty() {
        return Err(unusable(new, PhotoError::Empty));
    }
    let tipo = campo_fotos::sniff(&head);
    let whole = Cursor::new(head).chain(from);
    if tipo.format != Format::Other {
        let bytes = in_memory(new, whole, size)?;
        return take_picture(files, account, new, tipo, &bytes, asks_position);
    }
    if pretends(new.name, tipo.mime) {
        return Err(unusable(new, PhotoError::Unreadable));
    }
    // One byte more than is allowed tells that it grew.
    let mut source = Source { from: whole.take(max + 1), failed: None };
    let draft = files.draft(account, Variante::Original, &mut source);
    if let Some(error) = source.failed {
        return Err(unreadable(error));
    }
    let original = draft?;
    if original.size > max {
        return Err(too_large(new, max));
    }
    if original.size != size {
        return Err(unreadable(changed()));
    }
    let others = placeholder(files, account)?;
    Ok(Captured { original, mime: tipo.mime, others, position: new.position })
}

/// All bytes of a picture of that size.
fn in_memory<'a>(new: &NewPhoto<'a>, whole: impl Read, size: u64) -> Result<Cow<'a, [u8]>, Error> {
    if size > PICTURE_BYTES_MAX {
        return Err(too_large(new, PICTURE_BYTES_MAX));
    }
    let bytes: Cow<'_, [u8]> = match new.source {
        PhotoSource::Bytes(bytes) => bytes.into(),
        PhotoSource::Path(_) => {
            let mut bytes = Vec::new();
            let read = whole.take(PICTURE_BYTES_MAX + 1).read_to_end(&mut bytes);
            read.map_err(|error| unreadable(new, error))?;
            bytes.into()
        }
    };
    if bytes.len() as u64 > PICTURE_BYTES_MAX {
        return Err(too_large(new, PICTURE_BYTES_MAX));
    }
    if bytes.len() as u64 != size {
        return Err(unreadable(new, changed()));
    }
    Ok(bytes)
}

/// Checks a picture, makes its smaller ones and writes all of them.
fn take_picture(
    files: &Files,
    account: i64,
    new: &NewPhoto<'_>,
    tipo: campo_fotos::FileType,
    bytes: &[u8],
    asks_position: bool,
) -> Result<Captured, Error> {
    if tipo.format == Format::Heic && !campo_fotos::whole_iso(bytes) {
        return Err(unusable(new, PhotoError::Cut));
    }
    let others = if tipo.format.decodable() {
        let made = campo_fotos::derive(bytes, asks_position);
        let made = made.map_err(|error| unusable(new, error))?;
        let preview = files.draft(account, Variante::Previa, &made.preview[..])?;
        let thumbnail = files.draft(account, Variante::Miniatura, &made.thumbnail[..])?;
        vec![(Variante::Previa, preview, true), (Variante::Miniatura, thumbnail, true)]
    } else {
        placeholder(files, account)?
    };
    let own = || asks_position.then(|| campo_fotos::position(bytes)).flatten();
    let position = new.position.or_else(own);
    let original = files.draft(account, Variante::Original, bytes)?;
    Ok(Captured { original, mime: tipo.mime, others, position })
}

fn unusable(new: &NewPhoto<'_>, erro: PhotoError) -> Error {
    Error::Foto { nome: new.name.to_owned(), erro }
}

fn unreadable(new: &NewPhoto<'_>, source: io::Error) -> Error {
    Error::ArquivoIlegivel { nome: new.name.to_owned(), source }
}

fn too_large(new: &NewPhoto<'_>, max: u64) -> Error {
    Error::ArquivoGrande { nome: new.name.to_owned(), mb: max / (1024 * 1024) }
}

/// A source that gave more or fewer bytes than it has: somebody writes to it, or it broke off.
fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the source changed while it was read")
}

/// What stands for a file that cannot be drawn here. It stays here.
fn placeholder(files: &Files, account: i64) -> Result<Vec<(Variante, Draft, bool)>, Error> {
    let drawing = campo_fotos::placeholder();
    let draft = files.draft(account, Variante::Miniatura, &drawing[..])?;
    Ok(vec![(Variante::Miniatura, draft, false)])
}

/// Whether a file that is nothing known is called like a photo: a damaged one.
fn pretends(name: &str, mime: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
    let photo = ["jpg", "jpeg", "png", "webp", "heic", "heif"];
    mime == "application/octet-stream"
        && photo.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

impl Captured {
    fn all(&self) -> impl Iterator<Item = (Variante, &Draft, bool)> {
        let others = self.others.iter().map(|(variant, draft, sends)| (*variant, draft, *sends));
        others.chain([(Variante::Original, &self.original, true)])
    }

    fn name(&mut self, files: &Files, account: i64) -> io::Result<()> {
        for (variant, draft, _) in &mut self.others {
            files.name(account, *variant, draft)?;
        }
        files.name(account, Variante::Original, &mut self.original)
    }

    fn record(&self, conn: &Connection, account: i64, row: i64) -> Result<(), Error> {
        for (variant, Draft { sha256, size, .. }, to_send) in self.all() {
            let arrived = Arrived { variant, sha256, size: *size, to_send };
            arquivos::arrived(conn, account, row, &arrived)?;
        }
        Ok(())
    }
}

/// Tells a source that cannot be read from a disk that cannot be written.
struct Source<R> {
    from: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.from.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}
