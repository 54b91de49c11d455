//! From the camera to the disk in one durable step: the files first, then document, queue, list row
//! and the files' rows in one transaction. Whatever fails before that leaves nothing but files that
//! nobody names, which go at once; after a crash at the next opening, and of an original only what
//! had no name yet.

use super::files::{Draft, Files};
use crate::{
    campo::Campo,
    error::Error,
    store::{
        anexos::{self, Dados},
        arquivos::{self, Chegada},
        documents,
        session::Quem,
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
const IMAGEM_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// What says what a file is stands in these many bytes.
const INICIO: u64 = 4096;

/// Where the bytes of a photo come from.
#[derive(Clone, Copy, Debug)]
pub enum Fonte<'a> {
    /// From memory.
    Bytes(&'a [u8]),
    /// From a file, which is copied and stays as it is.
    Caminho(&'a Path),
}

/// A photo, or any other file, to attach.
#[derive(Clone, Copy, Debug)]
pub struct NovaFoto<'a> {
    /// Its bytes, kept as they are.
    pub fonte: Fonte<'a>,
    /// How the file is called.
    pub nome: &'a str,
    /// Code of what it shows: antes, depois, avaria, assinatura, documento.
    pub categoria: &'a str,
    /// What is written under it.
    pub legenda: Option<&'a str>,
    /// When it was taken; now, if nobody says.
    pub capturada_em: Option<DateTime<Utc>>,
    /// Latitude and longitude in degrees; kept only where the company asks for it. Without it,
    /// what the photo itself says.
    pub posicao: Option<(f64, f64)>,
}

/// A file on the disk that has no name yet, with its pictures.
struct Captured {
    original: Draft,
    mime: &'static str,
    /// Each with whether it is to be sent.
    outras: Vec<(Variante, Draft, bool)>,
    /// Where the photo says that it was taken.
    posicao: Option<(f64, f64)>,
}

impl Campo {
    /// Attaches a photo or another file to a document. When it returns, original, thumbnail and
    /// preview are on the disk, and the document says so.
    ///
    /// # Errors
    /// `Recusa`, before any work; `Foto` (empty, cut, damaged, too many pixels), `ArquivoGrande`,
    /// `ArquivoIlegivel`, `SemEspaco`; `NaoEncontrado`, `NinguemEntrou`, storage. Nothing has
    /// changed then.
    pub fn add_photo(&self, document: DocumentId, nova: &NovaFoto<'_>) -> Result<ItemId, Error> {
        let item = ItemId::from(Uuid::now_v7());
        let (account, pede_posicao) = self.read_as(|conn, quem| {
            Ok((quem.account, allowed(conn, quem, document, &declared(item, nova))?))
        })?;
        let files = &self.fotos.files;
        let mut captured = take(files, account, nova, pede_posicao)?;
        let mut dados = declared(item, nova);
        dados.campos.insert("mime".into(), Valor::Texto(captured.mime.into()));
        dados.campos.insert("sha256".into(), Valor::Texto(captured.original.sha256.clone()));
        let tamanho = i64::try_from(captured.original.tamanho).unwrap_or(i64::MAX);
        dados.campos.insert("tamanho".into(), Valor::Inteiro(tamanho));
        if let (true, Some((latitude, longitude))) = (pede_posicao, captured.posicao) {
            let posicao = format!("{latitude:.6},{longitude:.6}");
            dados.campos.insert("posicao".into(), Valor::Texto(posicao));
        }
        // Until the rows name the files nobody may sweep them.
        let _naming = files.lock()?;
        let done = captured.name(files, account).map_err(Error::from).and_then(|()| {
            let known = Dados::from(&dados.campos);
            self.run_and(
                Some(document),
                |_, quem, _| match quem.account == account {
                    true => Ok(Command::IncluirItem { em: Colecao::Anexos, item: dados }),
                    false => Err(Error::NinguemEntrou),
                },
                |conn, quem, local| {
                    let queued = local.queue.last().map(|queued| queued.id);
                    let command = queued.unwrap_or_else(|| CommandId::from(Uuid::now_v7()));
                    let row = anexos::capture(conn, quem.account, document, item, command, &known)?;
                    captured.record(conn, quem.account, row)
                },
            )
        });
        if done.is_err() {
            self.forget(account, &captured);
        }
        done.map(|_| item)
    }

    /// Takes away what was named for nothing. What cannot be taken away now is swept later.
    fn forget(&self, account: i64, captured: &Captured) {
        let _ = self.read(|conn| {
            for (variante, draft, _) in captured.all() {
                let named = arquivos::named(conn, account, variante, true)?;
                if !named.contains(&draft.sha256) {
                    self.fotos.files.remove(account, variante, &draft.sha256)?;
                }
            }
            Ok(())
        });
    }
}

/// What the person says of it; what only the bytes say is made up.
fn declared(item: ItemId, nova: &NovaFoto<'_>) -> NovoItem {
    let agora = nova.capturada_em.unwrap_or_else(Utc::now).trunc_subsecs(3);
    let mut campos = Campos::from([
        ("nome".to_owned(), Valor::Texto(nova.nome.to_owned())),
        ("categoria".to_owned(), Valor::Texto(nova.categoria.to_owned())),
        ("mime".to_owned(), Valor::Texto("application/octet-stream".to_owned())),
        ("tamanho".to_owned(), Valor::Inteiro(1)),
        ("sha256".to_owned(), Valor::Texto("0".repeat(64))),
        ("capturado_em".to_owned(), Valor::Instante(agora)),
    ]);
    if let Some(legenda) = nova.legenda.filter(|legenda| !legenda.trim().is_empty()) {
        campos.insert("legenda".to_owned(), Valor::Texto(legenda.to_owned()));
    }
    NovoItem { id: item, campos }
}

/// Whether the record takes the file now, before anything is read. Returns whether its tipo asks
/// for the position.
fn allowed(
    conn: &Connection,
    quem: &Quem,
    document: DocumentId,
    item: &NovoItem,
) -> Result<bool, Error> {
    let local = documents::load(conn, quem.account, document)?;
    let local = local.ok_or_else(|| Error::NaoEncontrado(document.to_string()))?;
    if !local.in_scope {
        return Err(Refusal::new(Codigo::ForaDeAlcance).into());
    }
    let view = client::view(&local, &quem.ctx())?;
    let command = Command::IncluirItem { em: Colecao::Anexos, item: item.clone() };
    workflow::decide(Some(&view.previsto), &view.tipo, &quem.pessoa, &command, Onde::Aparelho)?;
    Ok(view.tipo.pede_posicao)
}

/// Reads a file, checks that it is whole, and writes it with its pictures.
fn take(
    files: &Files,
    account: i64,
    nova: &NovaFoto<'_>,
    pede_posicao: bool,
) -> Result<Captured, Error> {
    let foto = |erro| Error::Foto { nome: nova.nome.to_owned(), erro };
    let unreadable = |source| Error::ArquivoIlegivel { nome: nova.nome.to_owned(), source };
    let grande =
        |max: u64| Error::ArquivoGrande { nome: nova.nome.to_owned(), mb: max / (1024 * 1024) };
    let (mut from, tamanho): (Box<dyn Read>, u64) = match nova.fonte {
        Fonte::Bytes(bytes) => (Box::new(Cursor::new(bytes)), bytes.len() as u64),
        Fonte::Caminho(path) => {
            let file = File::open(path).map_err(unreadable)?;
            let tamanho = file.metadata().map_err(unreadable)?.len();
            (Box::new(file), tamanho)
        }
    };
    let max = Variante::Original.bytes_max();
    if tamanho > max {
        return Err(grande(max));
    }
    let mut inicio = Vec::new();
    from.by_ref().take(INICIO).read_to_end(&mut inicio).map_err(unreadable)?;
    if inicio.is_empty() {
        return Err(foto(PhotoError::Empty));
    }
    let tipo = campo_fotos::sniff(&inicio);
    if tipo.format == Format::Other && pretends(nova.nome, tipo.mime) {
        return Err(foto(PhotoError::Unreadable));
    }
    let mut whole = Cursor::new(inicio).chain(from);
    if tipo.format == Format::Other {
        // One byte more than is allowed tells that it grew.
        let mut source = Source { from: whole.take(max + 1), failed: None };
        let draft = files.draft(account, Variante::Original, &mut source);
        if let Some(error) = source.failed {
            return Err(unreadable(error));
        }
        let original = draft?;
        if original.tamanho > max {
            return Err(grande(max));
        }
        if original.tamanho != tamanho {
            return Err(unreadable(changed()));
        }
        let outras = placeholder(files, account)?;
        return Ok(Captured { original, mime: tipo.mime, outras, posicao: nova.posicao });
    }
    if tamanho > IMAGEM_BYTES_MAX {
        return Err(grande(IMAGEM_BYTES_MAX));
    }
    let bytes: Cow<'_, [u8]> = match nova.fonte {
        Fonte::Bytes(bytes) => bytes.into(),
        Fonte::Caminho(_) => {
            let mut bytes = Vec::new();
            let read = whole.by_ref().take(IMAGEM_BYTES_MAX + 1).read_to_end(&mut bytes);
            read.map_err(unreadable)?;
            bytes.into()
        }
    };
    if bytes.len() as u64 > IMAGEM_BYTES_MAX {
        return Err(grande(IMAGEM_BYTES_MAX));
    }
    if bytes.len() as u64 != tamanho {
        return Err(unreadable(changed()));
    }
    if tipo.format == Format::Heic && !campo_fotos::whole_iso(&bytes) {
        return Err(foto(PhotoError::Cut));
    }
    let outras = if tipo.format.decodable() {
        let feitas = campo_fotos::derive(&bytes, pede_posicao).map_err(foto)?;
        let previa = files.draft(account, Variante::Previa, &feitas.preview[..])?;
        let miniatura = files.draft(account, Variante::Miniatura, &feitas.thumbnail[..])?;
        vec![(Variante::Previa, previa, true), (Variante::Miniatura, miniatura, true)]
    } else {
        placeholder(files, account)?
    };
    let propria = || pede_posicao.then(|| campo_fotos::position(&bytes)).flatten();
    let posicao = nova.posicao.or_else(propria);
    let original = files.draft(account, Variante::Original, &bytes[..])?;
    Ok(Captured { original, mime: tipo.mime, outras, posicao })
}

/// A source that gave more or fewer bytes than it has: somebody writes to it, or it broke off.
fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the source changed while it was read")
}

/// What stands for a file that cannot be drawn here. It stays here.
fn placeholder(files: &Files, account: i64) -> Result<Vec<(Variante, Draft, bool)>, Error> {
    let marcador = campo_fotos::placeholder();
    let draft = files.draft(account, Variante::Miniatura, &marcador[..])?;
    Ok(vec![(Variante::Miniatura, draft, false)])
}

/// Whether a file that is nothing known is called like a photo: a damaged one.
fn pretends(nome: &str, mime: &str) -> bool {
    let extension = Path::new(nome).extension().and_then(|e| e.to_str()).unwrap_or_default();
    let photo = ["jpg", "jpeg", "png", "webp", "heic", "heif"];
    mime == "application/octet-stream"
        && photo.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

impl Captured {
    fn all(&self) -> impl Iterator<Item = (Variante, &Draft, bool)> {
        let outras = self.outras.iter().map(|(variante, draft, envia)| (*variante, draft, *envia));
        outras.chain([(Variante::Original, &self.original, true)])
    }

    fn name(&mut self, files: &Files, account: i64) -> std::io::Result<()> {
        for (variante, draft, _) in &mut self.outras {
            files.name(account, *variante, draft)?;
        }
        files.name(account, Variante::Original, &mut self.original)
    }

    fn record(&self, conn: &Connection, account: i64, row: i64) -> Result<(), Error> {
        for (variante, Draft { sha256, tamanho, .. }, envia) in self.all() {
            let chegada = Chegada { variante, sha256, tamanho: *tamanho, envia };
            arquivos::arrived(conn, account, row, &chegada)?;
        }
        Ok(())
    }
}

/// Tells a source that cannot be read from a disk that cannot be written.
struct Source<R> {
    from: R,
    failed: Option<std::io::Error>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.from.read(buffer) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}
