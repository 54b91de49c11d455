//! Files that others captured, or whose original was freed: thumbnails of all, the rest when
//! somebody asks. An original counts only once its bytes have the hash that the document declares.

use super::{
    access::{Access, Failure},
    files,
};
use crate::{
    campo::{Campo, sentence},
    error::Error,
    http::HttpError,
    store::{
        anexos::{self, Anexo},
        arquivos::{self, Chegada},
        documents,
    },
    sync::delay,
    transfer::text,
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    refusal::{Codigo, Refusal},
};
use campo_fotos::Format;
use campo_sync::client;
use chrono::Utc;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};
use ureq::{Body, http::Response};

impl Campo {
    /// The bytes of a file, fetched if they are not here. The budget does not hold it back: a
    /// person asks. What broke off goes on from there the next time.
    ///
    /// # Errors
    /// `SemConexao`, `Servidor` (`arquivo_nao_chegou`: nobody has sent it yet), `ArquivoDiferente`,
    /// `SemEspaco`, `SessaoExpirada`, `NaoEncontrado`, `Recusa` (out of scope), storage.
    pub fn baixar(
        &self,
        document: DocumentId,
        anexo: ItemId,
        variante: Variante,
    ) -> Result<PathBuf, Error> {
        self.known(document, anexo)?;
        match self.arquivo(document, anexo, variante) {
            Err(Error::ArquivoAusente(_)) => {}
            other => return other,
        }
        let access = Access::new(self)?;
        let account = access.account;
        let row = self.read(|conn| Ok(anexos::one(conn, account, document, anexo)?))?;
        let row = row.ok_or_else(|| Error::NaoEncontrado(anexo.to_string()))?;
        match variante {
            Variante::Original => self.fetch_original(&access, document, &row)?,
            _ => self.fetch_picture(&access, document, &row, variante)?,
        }
        self.arquivo(document, anexo, variante)
    }

    /// Fetches thumbnails that are not here, of all that the person sees, within the budget. One
    /// that is not there yet is asked for again later. Returns how many came.
    ///
    /// # Errors
    /// `SemConexao`, `SessaoExpirada`, `SemEspaco`, `NinguemEntrou`, storage. What came is kept.
    pub fn baixar_miniaturas(&self, cancel: &AtomicBool) -> Result<u32, Error> {
        let access = Access::new(self)?;
        self.renew_orcamento()?;
        let account = access.account;
        let missing = self.read(|conn| Ok(arquivos::missing(conn, account, Utc::now())?))?;
        let mut came = 0;
        for falta in missing {
            if cancel.load(Ordering::SeqCst) || !self.permite(Variante::Miniatura) {
                break;
            }
            let row =
                self.read(|conn| Ok(anexos::one(conn, account, falta.document, falta.item)?))?;
            let Some(row) = row else { continue };
            match self.fetch_picture(&access, falta.document, &row, Variante::Miniatura) {
                Ok(()) => came += 1,
                Err(error @ (Error::Servidor { .. } | Error::ArquivoDiferente(_))) => {
                    let next = Utc::now() + delay(falta.falhas.saturating_add(1), None);
                    let erro = error.to_string();
                    self.write(|tx| {
                        Ok(arquivos::not_fetched(tx, account, falta.anexo, next, &erro)?)
                    })?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(came)
    }

    /// Sees to it that the file of a document in sight has a row.
    fn known(&self, document: DocumentId, anexo: ItemId) -> Result<(), Error> {
        let known = self.read_as(|conn, quem| {
            let row = anexos::one(conn, quem.account, document, anexo)?;
            match documents::in_scope(conn, quem.account, document)? {
                Some(true) => Ok(row.is_some()),
                // What was captured here may still be here.
                _ if row.is_some() => Ok(true),
                Some(false) => Err(Refusal::new(Codigo::ForaDeAlcance).into()),
                None => Err(Error::NaoEncontrado(document.to_string())),
            }
        })?;
        if known {
            return Ok(());
        }
        self.write(|tx| {
            let quem = crate::store::session::signed_in(tx)?.ok_or(Error::NinguemEntrou)?;
            let Some(local) = documents::load(tx, quem.account, document)? else { return Ok(()) };
            let view = client::view(&local, &quem.ctx())?;
            anexos::write(tx, quem.account, &view.registro, &local.queue, Utc::now())?;
            Ok(())
        })
    }

    /// Fetches a preview or thumbnail: small enough for the memory.
    fn fetch_picture(
        &self,
        access: &Access<'_>,
        document: DocumentId,
        row: &Anexo,
        variante: Variante,
    ) -> Result<(), Error> {
        let account = access.account;
        let response = self.fetch(access, (document, row.id, variante), 0)?;
        let declared = text(&response, "etag").map(|etag| etag.trim_matches('"').to_owned());
        let max = variante.bytes_max();
        let mut bytes = Vec::new();
        let reader = response.into_body().into_with_config().limit(max + 2).reader();
        let read = reader.take(max + 1).read_to_end(&mut bytes);
        read.map_err(|error| sentence(HttpError::Broken(error)))?;
        let different = || Error::ArquivoDiferente(row.dados.nome.clone());
        let jpeg = campo_fotos::sniff(&bytes).format == Format::Jpeg;
        if bytes.len() as u64 > max || !jpeg {
            return Err(different());
        }
        let files = &self.fotos.files;
        let mut draft = files.draft(account, variante, &bytes[..])?;
        if declared.is_some_and(|etag| etag.len() == 64 && etag != draft.sha256) {
            return Err(different());
        }
        let _naming = files.lock()?;
        files.name(account, variante, &mut draft)?;
        let (sha256, tamanho) = (&draft.sha256, draft.tamanho);
        let chegada = Chegada { variante, sha256, tamanho, envia: false };
        self.arrived(account, document, row, &chegada)
    }

    /// Fetches an original, or what is missing of it.
    fn fetch_original(
        &self,
        access: &Access<'_>,
        document: DocumentId,
        row: &Anexo,
    ) -> Result<(), Error> {
        let (account, sha256, tamanho) = (access.account, &row.dados.sha256, row.dados.tamanho);
        // From here on a sweep leaves alone what has come.
        self.write(|tx| Ok(arquivos::coming(tx, account, row.ordem, sha256, tamanho)?))?;
        let files = &self.fotos.files;
        let partial = files.partial(account, sha256)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&partial)?;
        // Whoever else fetches the same goes first; then it may be here.
        files::wait(&file)?;
        if self.arquivo(document, row.id, Variante::Original).is_ok() {
            return Ok(());
        }
        let have = file.seek(SeekFrom::End(0))?;
        if have != tamanho {
            self.fetch_rest(access, (document, row.id), &mut file, (have, tamanho))?;
        }
        file.sync_all()?;
        if files::hash(&partial)? != (sha256.clone(), tamanho) {
            fs::remove_file(&partial)?;
            return Err(Error::ArquivoDiferente(row.dados.nome.clone()));
        }
        let _naming = files.lock()?;
        files.name_partial(account, &partial, sha256)?;
        let chegada = Chegada { variante: Variante::Original, sha256, tamanho, envia: false };
        self.arrived(account, document, row, &chegada)
    }

    fn fetch_rest(
        &self,
        access: &Access<'_>,
        (document, anexo): (DocumentId, ItemId),
        file: &mut File,
        (have, tamanho): (u64, u64),
    ) -> Result<(), Error> {
        let from = if have < tamanho { have } else { 0 };
        let response = self.fetch(access, (document, anexo, Variante::Original), from)?;
        let begins = text(&response, "content-range")
            .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
            .filter(|_| response.status() == 206);
        let at: u64 = begins.filter(|at| *at <= have).unwrap_or(0);
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        let most = tamanho.saturating_sub(at);
        let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 64 * 1024];
        // One byte more than is declared tells that it is something else.
        let mut left = most + 1;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
            let n = match reader.read(&mut buffer[..want]) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(sentence(HttpError::Broken(error))),
            };
            file.write_all(&buffer[..n])?;
            left -= n as u64;
        }
        Ok(())
    }

    fn fetch(
        &self,
        access: &Access<'_>,
        what: (DocumentId, ItemId, Variante),
        from: u64,
    ) -> Result<Response<Body>, Error> {
        let ask = || access.call(|server, bearer| self.transfer.fetch(server, bearer, what, from));
        let asked = match ask() {
            // Perhaps only the connection that was kept open had gone.
            Err(Failure::Http(HttpError::Network(_))) => ask(),
            asked => asked,
        };
        asked.map_err(|failure| match failure {
            Failure::Http(error) => sentence(error),
            Failure::Fatal(error) => error,
        })
    }

    /// Notes that a file is here, if the person still sees what it belongs to.
    fn arrived(
        &self,
        account: i64,
        document: DocumentId,
        row: &Anexo,
        chegada: &Chegada<'_>,
    ) -> Result<(), Error> {
        let noted = self.write(|tx| match anexos::one(tx, account, document, row.id)? {
            Some(row) => {
                arquivos::arrived(tx, account, row.ordem, chegada)?;
                Ok(())
            }
            None => Err(Refusal::new(Codigo::ForaDeAlcance).into()),
        });
        if noted.is_err() {
            let named =
                self.read(|conn| Ok(arquivos::named(conn, account, chegada.variante, true)?))?;
            if !named.contains(chegada.sha256) {
                self.fotos.files.remove(account, chegada.variante, chegada.sha256)?;
            }
        }
        noted
    }
}
