//! What photos cost on this device, what of it can be freed, and whether the app may go.

use crate::{
    error::Error,
    phone::Phone,
    store::{anexos, arquivos, fates, queue, uploads},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use serde::Serialize;

/// What the person's photos cost on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StorageUse {
    /// Bytes of originals.
    #[serde(rename = "originais")]
    pub originals: u64,
    /// Bytes of previews.
    #[serde(rename = "previas")]
    pub previews: u64,
    /// Bytes of thumbnails.
    #[serde(rename = "miniaturas")]
    pub thumbnails: u64,
    /// Originals that [`Phone::limpar_conferidas`] would free.
    #[serde(rename = "conferidas")]
    pub verified: u32,
    /// Their bytes.
    #[serde(rename = "conferidas_bytes")]
    pub verified_bytes: u64,
    /// Photos that the server is not known to have.
    #[serde(rename = "aguardam")]
    pub waiting: u32,
    /// Bytes of their originals.
    #[serde(rename = "aguardam_bytes")]
    pub waiting_bytes: u64,
}

/// What a clean-up freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleanup {
    /// Originals.
    #[serde(rename = "originais")]
    pub originals: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether the app may be removed without losing anything, whoever's it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UninstallCheck {
    /// True if nothing is left that only this device has.
    #[serde(rename = "pode")]
    pub safe: bool,
    /// Commands that wait to be sent.
    #[serde(rename = "comandos")]
    pub commands: u32,
    /// Commands that the office has to decide on.
    #[serde(rename = "retidos")]
    pub held: u32,
    /// Commands that were refused or discarded and not dismissed: they are on this device alone.
    #[serde(rename = "recusados")]
    pub refused: u32,
    /// Photos that the server has not verified.
    #[serde(rename = "fotos")]
    pub photos: u32,
    /// What the person is told.
    #[serde(rename = "frase")]
    pub sentence: String,
}

impl Phone {
    /// What the person's photos cost on this device.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn armazenamento(&self) -> Result<StorageUse, Error> {
        self.read_as(|conn, account| {
            let bytes = |variant| arquivos::bytes(conn, account.key, variant);
            let verified = arquivos::verified(conn, account.key)?;
            let unverified = uploads::unverified(conn, Some(account.key))?;
            Ok(StorageUse {
                originals: bytes(Variante::Original)?,
                previews: bytes(Variante::Previa)?,
                thumbnails: bytes(Variante::Miniatura)?,
                verified: u32::try_from(verified.len()).unwrap_or(u32::MAX),
                verified_bytes: verified.iter().map(|(_, bytes)| bytes).sum(),
                waiting: unverified.photos,
                waiting_bytes: unverified.bytes,
            })
        })
    }

    /// Frees the originals that the server has verified, as their documents say; previews and
    /// thumbnails stay. Nothing else is ever freed, and nothing at all on an error (ff09, ff12).
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn limpar_conferidas(&self) -> Result<Cleanup, Error> {
        if !self.files.exist() {
            return Ok(Cleanup::default());
        }
        // Nobody captures the same bytes again between the rows and the files.
        let _naming = self.files.lock()?;
        let (key, verified) = self.write_as(|tx, account| {
            let verified = arquivos::verified(tx, account.key)?;
            for (sha256, _) in &verified {
                arquivos::freed(tx, account.key, sha256)?;
            }
            Ok((account.key, verified))
        })?;
        let mut cleanup = Cleanup::default();
        for (sha256, bytes) in &verified {
            self.files.remove(key, Variante::Original, sha256)?;
            cleanup.originals += 1;
            cleanup.bytes += bytes;
        }
        Ok(cleanup)
    }

    /// Whether the app may be removed: nothing waits to be sent, nothing waits for the office,
    /// nothing was refused without having been dismissed, and the server has verified every photo,
    /// of everybody who ever signed in here. What was removed does not count.
    ///
    /// # Errors
    /// Storage.
    pub fn safe_to_uninstall(&self) -> Result<UninstallCheck, Error> {
        self.read(|conn| {
            let commands = queue::count_of_all(conn)?;
            let (held, refused) = fates::counts_of_all(conn)?;
            let photos = uploads::unverified(conn, None)?.photos;
            let left: Vec<String> = [
                (commands, ["alteração não enviada", "alterações não enviadas"]),
                (held, ["alteração em decisão", "alterações em decisão"]),
                (refused, ["alteração recusada", "alterações recusadas"]),
                (
                    photos,
                    ["foto não conferida pelo servidor", "fotos não conferidas pelo servidor"],
                ),
            ]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, [one, many])| format!("{n} {}", if n == 1 { one } else { many }))
            .collect();
            let sentence = match left.is_empty() {
                true => "Tudo o que foi feito neste aparelho está no servidor. \
                         Pode desinstalar o aplicativo."
                    .to_owned(),
                false => format!(
                    "Não desinstale ainda. Neste aparelho há: {}. Sincronize, envie as fotos e \
                     dispense o que foi recusado e não fará falta.",
                    left.join(", ")
                ),
            };
            let safe = left.is_empty();
            Ok(UninstallCheck { safe, commands, held, refused, photos, sentence })
        })
    }

    /// The person knows that a photo will not arrive: it counts no more. Its file stays.
    ///
    /// # Errors
    /// `NaoEncontrado` where there is no such photo or it may still arrive; `NinguemEntrou`,
    /// storage.
    pub fn dispensar_foto(&self, document: DocumentId, anexo: ItemId) -> Result<(), Error> {
        let unknown = || Error::NaoEncontrado(anexo.to_string());
        self.write_as(|tx, account| {
            let row = anexos::one(tx, account.key, document, anexo)?.ok_or_else(unknown)?;
            if uploads::dismiss(tx, row.ordem)? { Ok(()) } else { Err(unknown()) }
        })
    }
}
