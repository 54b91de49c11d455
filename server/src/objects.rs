//! The object store: a folder beside the database, written and read by `object_store`, so that
//! another kind of store is a matter of how it is opened. Photos will live here.

use crate::config::Config;
use anyhow::{Context, Result};
use futures::StreamExt;
use object_store::{ObjectStore, local::LocalFileSystem};
use std::sync::Arc;

/// Where objects are kept.
#[derive(Clone, Debug)]
pub struct Objects(Arc<dyn ObjectStore>);

impl Objects {
    /// Opens the store, making its folder (`objects` in `CAMPO_DATA_DIR`) if need be.
    ///
    /// # Errors
    /// The folder cannot be made or used; the message names the setting.
    pub fn open(config: &Config) -> Result<Self> {
        let folder = config.data_dir.join("objects");
        std::fs::create_dir_all(&folder)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(LocalFileSystem::new_with_prefix(&folder)?))
            .map(|store| Objects(Arc::new(store)))
            .with_context(|| {
                let folder = folder.display();
                format!("a pasta de objetos {folder} não pode ser usada; veja CAMPO_DATA_DIR")
            })
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ready(&self) -> Result<()> {
        match self.0.list(None).next().await {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}
