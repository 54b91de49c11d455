//! The state of the bytes of files (R83): only the server writes it into records, as the object
//! store reported it; a verified file stays verified.

use super::{Files, Oracle};
use crate::ledger::Told;
use campo_domain::{
    ids::{DocumentId, ItemId},
    registro::{Registro, SituacaoArquivo},
};
impl Oracle {
    /// The store reports the state of a file's bytes. False if the record has no such file.
    pub fn tell(&mut self, told: Told) -> bool {
        let Told { document, anexo, situacao, motivo } = told;
        let mirror = self.documents.get(&document);
        if mirror.is_none_or(|mirror| !mirror.registro.anexos.contains_key(&anexo)) {
            return false;
        }
        let before = self.arquivo(document, anexo);
        if before != SituacaoArquivo::Verificada && before != situacao {
            let files = self.told_of.entry(document).or_default();
            files.insert(anexo, (situacao, motivo.map(str::to_owned)));
        }
        true
    }

    /// The last known state of a file's bytes.
    pub fn arquivo(&self, document: DocumentId, anexo: ItemId) -> SituacaoArquivo {
        let told = self.told_of.get(&document).and_then(|told| told.get(&anexo));
        told.map_or(SituacaoArquivo::Esperada, |(situacao, _)| *situacao)
    }

    /// Fails unless the record says of its files what the store reported.
    pub(super) fn as_told(&self, registro: &Registro) -> Result<(), String> {
        let says = registro.arquivos.iter();
        let says: Files =
            says.map(|(id, file)| (*id, (file.situacao, file.motivo.clone()))).collect();
        let told = self.told_of.get(&registro.id).cloned().unwrap_or_default();
        match says == told {
            true => Ok(()),
            false => Err(format!("it says {says:?} of its files, the store {told:?}")),
        }
    }
}
