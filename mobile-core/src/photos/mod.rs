//! The bytes of files: captured, kept beside the database, sent, fetched and freed. What is known
//! of them is in the documents; a file here is named by its SHA-256 and needed as long as a row of
//! `store::arquivos` names it. Never says that a photo has arrived unless the accepted document
//! says so, and frees no original before (ff08, ff09, ff12).

mod access;
mod budget;
mod capture;
mod download;
mod files;
mod report;
mod space;
mod upload;

pub use budget::{Orcamento, Rede};
pub use capture::{Fonte, NovaFoto};
pub use report::{EstadoFoto, FotoExibida, ResumoFotos};
pub use space::{Armazenamento, Desinstalacao, Limpeza};
pub use upload::{EnvioProgress, EnvioReport, Parada};

use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use files::Files;
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

/// What an open [`crate::Campo`] holds for photos.
pub(crate) struct Fotos {
    files: Files,
    rede: budget::RedeAtual,
    orcamento: budget::OrcamentoAtual,
    sending: Sending,
}

impl Fotos {
    pub(crate) fn new(database: &Path) -> Self {
        Fotos {
            files: Files::new(database),
            rede: budget::RedeAtual::new(),
            orcamento: budget::OrcamentoAtual::new(),
            sending: Sending::default(),
        }
    }
}

type Key = (DocumentId, ItemId, Variante);

/// How many bytes of what is being sent right now are on their way.
#[derive(Default)]
struct Sending(Mutex<HashMap<Key, Arc<AtomicU64>>>);

impl Sending {
    fn begin(&self, key: Key, from: u64) -> Arc<AtomicU64> {
        let counter = Arc::new(AtomicU64::new(from));
        self.map().insert(key, counter.clone());
        counter
    }

    fn end(&self, key: Key) {
        self.map().remove(&key);
    }

    fn get(&self, key: Key) -> Option<u64> {
        self.map().get(&key).map(|counter| counter.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
