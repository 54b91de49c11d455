//! What photos cost on this device, what of it can be freed, and whether the app may go.

use super::files;
use crate::{
    campo::Campo,
    error::Error,
    store::{anexos, arquivos, fates, queue, session},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use serde::Serialize;

/// What the person's photos cost on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Armazenamento {
    /// Bytes of originals.
    pub originais: u64,
    /// Bytes of previews.
    pub previas: u64,
    /// Bytes of thumbnails.
    pub miniaturas: u64,
    /// Originals that [`Campo::limpar_conferidas`] would free.
    pub conferidas: u32,
    /// Their bytes.
    pub conferidas_bytes: u64,
    /// Photos that the server is not known to have.
    pub aguardam: u32,
    /// Bytes of their originals.
    pub aguardam_bytes: u64,
}

/// What a clean-up freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limpeza {
    /// Originals.
    pub originais: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether the app may be removed without losing anything, whoever's it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Desinstalacao {
    /// True if nothing is left that only this device has.
    pub pode: bool,
    /// Commands that wait to be sent.
    pub comandos: u32,
    /// Commands that the office has to decide on.
    pub retidos: u32,
    /// Commands that were refused or discarded and not dismissed: they are on this device alone.
    pub recusados: u32,
    /// Photos that the server has not verified.
    pub fotos: u32,
    /// What the person is told.
    pub frase: String,
}

impl Campo {
    /// What the person's photos cost on this device.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn armazenamento(&self) -> Result<Armazenamento, Error> {
        self.read_as(|conn, quem| {
            let bytes = |variante| arquivos::bytes(conn, quem.account, variante);
            let conferidas = arquivos::verified(conn, quem.account)?;
            let pendentes = arquivos::pending(conn, Some(quem.account))?;
            Ok(Armazenamento {
                originais: bytes(Variante::Original)?,
                previas: bytes(Variante::Previa)?,
                miniaturas: bytes(Variante::Miniatura)?,
                conferidas: u32::try_from(conferidas.len()).unwrap_or(u32::MAX),
                conferidas_bytes: conferidas.iter().map(|(_, bytes)| bytes).sum(),
                aguardam: pendentes.fotos,
                aguardam_bytes: pendentes.bytes,
            })
        })
    }

    /// Frees the originals that the server has verified, as their documents say; previews and
    /// thumbnails stay. Nothing else is ever freed, and nothing at all on an error (ff09, ff12).
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn limpar_conferidas(&self) -> Result<Limpeza, Error> {
        let files = &self.fotos.files;
        if !files.exist() {
            return Ok(Limpeza::default());
        }
        // Nobody captures the same bytes again between the rows and the files.
        let _naming = files.lock()?;
        let (account, verified) = self.write(|tx| {
            let session = session::session(tx)?.ok_or(Error::NinguemEntrou)?;
            let verified = arquivos::verified(tx, session.account)?;
            for (sha256, _) in &verified {
                arquivos::freed(tx, session.account, sha256)?;
            }
            Ok((session.account, verified))
        })?;
        let mut limpeza = Limpeza::default();
        for (sha256, bytes) in &verified {
            files.remove(account, Variante::Original, sha256)?;
            limpeza.originais += 1;
            limpeza.bytes += bytes;
        }
        Ok(limpeza)
    }

    /// Whether the app may be removed: nothing waits to be sent, nothing waits for the office,
    /// nothing was refused without having been dismissed, and the server has verified every photo,
    /// of everybody who ever signed in here. What was removed does not count.
    ///
    /// # Errors
    /// Storage.
    pub fn safe_to_uninstall(&self) -> Result<Desinstalacao, Error> {
        self.read(|conn| {
            let comandos = queue::count_of_all(conn)?;
            let (retidos, recusados) = fates::counts_of_all(conn)?;
            let fotos = arquivos::pending(conn, None)?.fotos;
            let falta: Vec<String> = [
                (comandos, ["alteração não enviada", "alterações não enviadas"]),
                (retidos, ["alteração em decisão", "alterações em decisão"]),
                (recusados, ["alteração recusada", "alterações recusadas"]),
                (fotos, ["foto não conferida pelo servidor", "fotos não conferidas pelo servidor"]),
            ]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, [uma, varias])| format!("{n} {}", if n == 1 { uma } else { varias }))
            .collect();
            let frase = match falta.is_empty() {
                true => "Tudo o que foi feito neste aparelho está no servidor. \
                         Pode desinstalar o aplicativo."
                    .to_owned(),
                false => format!(
                    "Não desinstale ainda. Neste aparelho há: {}. Sincronize, envie as fotos e \
                     dispense o que foi recusado e não fará falta.",
                    falta.join(", ")
                ),
            };
            let pode = falta.is_empty();
            Ok(Desinstalacao { pode, comandos, retidos, recusados, fotos, frase })
        })
    }

    /// The person knows that a photo will not arrive: it counts no more. Its file stays.
    ///
    /// # Errors
    /// `NaoEncontrado` where there is no such photo or it may still arrive; `NinguemEntrou`,
    /// storage.
    pub fn dispensar_foto(&self, document: DocumentId, anexo: ItemId) -> Result<(), Error> {
        let unknown = || Error::NaoEncontrado(anexo.to_string());
        self.write(|tx| {
            let session = session::session(tx)?.ok_or(Error::NinguemEntrou)?;
            let row = anexos::one(tx, session.account, document, anexo)?.ok_or_else(unknown)?;
            if arquivos::dismiss(tx, row.ordem)? { Ok(()) } else { Err(unknown()) }
        })
    }

    /// Takes away files that are needed no more. First those that were lost and are back are taken
    /// in again.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let files = &self.fotos.files;
        if !files.exist() {
            return Ok(());
        }
        let _naming = files.lock()?;
        let (mut back, gone) =
            self.read(|conn| Ok((arquivos::lost(conn)?, arquivos::to_remove(conn)?)))?;
        back.retain(|(account, variante, sha256)| {
            let path = files.path(*account, *variante, sha256);
            files::hash(&path).is_ok_and(|(found, _)| found == *sha256)
        });
        if !back.is_empty() || !gone.is_empty() {
            self.write(|tx| {
                for (account, variante, sha256) in &back {
                    arquivos::found(tx, *account, *variante, sha256)?;
                }
                for (account, sha256) in &gone {
                    let named = arquivos::named(tx, *account, Variante::Original, true)?;
                    if !named.contains(sha256) {
                        files.remove(*account, Variante::Original, sha256)?;
                    }
                    arquivos::removed(tx, *account, sha256)?;
                }
                Ok(())
            })?;
        }
        self.read(|conn| files.sweep(conn))
    }
}
