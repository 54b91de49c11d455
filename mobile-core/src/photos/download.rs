//! Files that others captured, or whose original was freed: thumbnails of all, the rest when
//! somebody asks. An original counts only once its bytes have the hash that the document declares.

use super::access::{Access, Failure};
use crate::{
    error::Error,
    files,
    http::HttpError,
    phone::Phone,
    retry::delay,
    store::{
        anexos::{self, Anexo},
        arquivos::{self, Arrived},
        documents,
    },
    transfer::{Picture, text},
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

impl Phone {
    /// Downloads a file unless it is on the device. The budget does not apply, since a person asks
    /// for it. An interrupted download continues where it stopped.
    ///
    /// # Errors
    /// `SemConexao`, `Servidor` (`arquivo_nao_chegou`: nobody has sent it yet), `ArquivoDiferente`,
    /// `SemEspaco`, `SessaoExpirada`, `NaoEncontrado`, `Recusa` (out of scope), storage.
    pub fn baixar(
        &self,
        document: DocumentId,
        anexo: ItemId,
        variant: Variante,
    ) -> Result<PathBuf, Error> {
        self.known(document, anexo)?;
        match self.arquivo(document, anexo, variant) {
            Err(Error::ArquivoAusente(_)) => {}
            other => return other,
        }
        let access = Access::new(self)?;
        let account = access.account;
        let row = self.read(|conn| Ok(anexos::one(conn, account, document, anexo)?))?;
        let row = row.ok_or_else(|| Error::NaoEncontrado(anexo.to_string()))?;
        match variant {
            Variante::Original => self.fetch_original(&access, document, &row)?,
            _ => self.fetch_picture(&access, document, &row, variant)?,
        }
        self.arquivo(document, anexo, variant)
    }

    /// Fetches thumbnails that are not here, of all that the person sees, within the budget. One
    /// that is not there yet is asked for again later. Returns how many came.
    ///
    /// # Errors
    /// `SemConexao`, `SessaoExpirada`, `SemEspaco`, `NinguemEntrou`, storage. What came is kept.
    pub fn baixar_miniaturas(&self, cancel: &AtomicBool) -> Result<u32, Error> {
        let access = Access::new(self)?;
        self.renew_budget()?;
        let account = access.account;
        let all = self.read(|conn| Ok(arquivos::missing(conn, account, Utc::now())?))?;
        let mut came = 0;
        for missing in all {
            if cancel.load(Ordering::SeqCst) || !self.allowance.permits(Variante::Miniatura) {
                break;
            }
            let row =
                self.read(|conn| Ok(anexos::one(conn, account, missing.document, missing.item)?))?;
            let Some(row) = row else { continue };
            match self.fetch_picture(&access, missing.document, &row, Variante::Miniatura) {
                Ok(()) => came += 1,
                Err(error @ (Error::Servidor { .. } | Error::ArquivoDiferente(_))) => {
                    let next = Utc::now() + delay(missing.failures.saturating_add(1), None);
                    let error = error.to_string();
                    self.write(|tx| {
                        Ok(arquivos::not_fetched(tx, account, missing.row, next, &error)?)
                    })?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(came)
    }

    /// Sees to it that the file of a document in sight has a row.
    fn known(&self, document: DocumentId, anexo: ItemId) -> Result<(), Error> {
        let known = self.read_as(|conn, account| {
            let row = anexos::one(conn, account.key, document, anexo)?;
            match documents::in_scope(conn, account.key, document)? {
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
        self.write_as(|tx, account| {
            let Some(local) = documents::load(tx, account.key, document)? else { return Ok(()) };
            let view = client::view(&local, &account.ctx())?;
            anexos::write(tx, account.key, &view.registro, &local.queue, Utc::now())?;
            Ok(())
        })
    }

    /// Fetches a preview or thumbnail: small enough for the memory.
    fn fetch_picture(
        &self,
        access: &Access<'_>,
        document: DocumentId,
        row: &Anexo,
        variant: Variante,
    ) -> Result<(), Error> {
        let account = access.account;
        let response = self.fetch(access, (document, row.id, variant), 0)?;
        let declared = text(&response, "etag").map(|etag| etag.trim_matches('"').to_owned());
        let max = variant.bytes_max();
        let mut bytes = Vec::new();
        let reader = response.into_body().into_with_config().limit(max + 2).reader();
        let read = reader.take(max + 1).read_to_end(&mut bytes);
        read.map_err(HttpError::Broken)?;
        let different = || Error::ArquivoDiferente(row.dados.nome.clone());
        let jpeg = campo_fotos::sniff(&bytes).format == Format::Jpeg;
        if bytes.len() as u64 > max || !jpeg {
            return Err(different());
        }
        let files = &self.files;
        let mut draft = files.draft(account, variant, &bytes[..])?;
        if declared.is_some_and(|etag| etag.len() == 64 && etag != draft.sha256) {
            return Err(different());
        }
        let _naming = files.lock()?;
        files.name(account, variant, &mut draft)?;
        let (sha256, size) = (&draft.sha256, draft.size);
        let arrived = Arrived { variant, sha256, size, to_send: false };
        self.arrived(account, document, row, &arrived)
    }

    /// Fetches an original, or what is missing of it.
    fn fetch_original(
        &self,
        access: &Access<'_>,
        document: DocumentId,
        row: &Anexo,
    ) -> Result<(), Error> {
        let (account, sha256, size) = (access.account, &row.dados.sha256, row.dados.tamanho);
        // From here on a sweep leaves alone what has come.
        self.write(|tx| Ok(arquivos::coming(tx, account, row.ordem, sha256, size)?))?;
        let files = &self.files;
        let partial = files.partial(account, sha256)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&partial)?;
        // Another call may be downloading the same file: wait for it, and look again.
        files::wait(&file)?;
        if self.arquivo(document, row.id, Variante::Original).is_ok() {
            return Ok(());
        }
        let have = file.seek(SeekFrom::End(0))?;
        if have != size {
            self.fetch_rest(access, (document, row.id), &mut file, (have, size))?;
        }
        file.sync_all()?;
        if files::hash(&partial)? != (sha256.clone(), size) {
            fs::remove_file(&partial)?;
            return Err(Error::ArquivoDiferente(row.dados.nome.clone()));
        }
        let _naming = files.lock()?;
        files.name_partial(account, &partial, sha256)?;
        let arrived = Arrived { variant: Variante::Original, sha256, size, to_send: false };
        self.arrived(account, document, row, &arrived)
    }

    fn fetch_rest(
        &self,
        access: &Access<'_>,
        (document, anexo): (DocumentId, ItemId),
        file: &mut File,
        (have, size): (u64, u64),
    ) -> Result<(), Error> {
        let from = if have < size { have } else { 0 };
        let response = self.fetch(access, (document, anexo, Variante::Original), from)?;
        let begins = text(&response, "content-range")
            .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
            .filter(|_| response.status() == 206);
        let at: u64 = begins.filter(|at| *at <= have).unwrap_or(0);
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        let most = size.saturating_sub(at);
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
                Err(error) => return Err(HttpError::Broken(error).into()),
            };
            file.write_all(&buffer[..n])?;
            left -= n as u64;
        }
        Ok(())
    }

    fn fetch(
        &self,
        access: &Access<'_>,
        what: Picture,
        from: u64,
    ) -> Result<Response<Body>, Error> {
        let ask = || access.call(|server, bearer| self.transfer.fetch(server, bearer, what, from));
        let asked = match ask() {
            // Perhaps only the connection that was kept open had gone.
            Err(Failure::Http(HttpError::Network(_))) => ask(),
            asked => asked,
        };
        asked.map_err(|failure| match failure {
            Failure::Http(error) => error.into(),
            Failure::Fatal(error) => error,
        })
    }

    /// Records that a file is on the device, if the person still sees its document.
    fn arrived(
        &self,
        account: i64,
        document: DocumentId,
        row: &Anexo,
        arrived: &Arrived<'_>,
    ) -> Result<(), Error> {
        let noted = self.write(|tx| match anexos::one(tx, account, document, row.id)? {
            Some(row) => {
                arquivos::arrived(tx, account, row.ordem, arrived)?;
                Ok(())
            }
            None => Err(Refusal::new(Codigo::ForaDeAlcance).into()),
        });
        if noted.is_err() {
            let named =
                self.read(|conn| Ok(arquivos::named(conn, account, arrived.variant, true)?))?;
            if !named.contains(arrived.sha256) {
                self.files.remove(account, arrived.variant, arrived.sha256)?;
            }
        }
        noted
    }
}
