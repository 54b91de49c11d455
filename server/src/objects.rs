//! The object store: a folder beside the database, or a bucket of an S3 service. Keys are made
//! here and nowhere else; each begins with its company.

use crate::config::{Bucket, Config};
use anyhow::{Context, Result, bail};
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId},
    parte::Variante,
};
use futures::StreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
    memory::InMemory, path::Path, prefix::PrefixStore,
};
use sqlx::PgTransaction;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Longest wait for the store when the server starts.
const START_MAX: Duration = Duration::from_secs(15);

/// Where objects are kept.
#[derive(Clone, Debug)]
pub struct Objects(Arc<dyn ObjectStore>);

impl Objects {
    /// Opens the store: the folder `objects` in `CAMPO_DATA_DIR`, made if need be, or the bucket of
    /// `CAMPO_OBJECTS`.
    ///
    /// # Errors
    /// The folder cannot be made or used, or a setting is missing; the message names the setting.
    pub fn open(config: &Config) -> Result<Self> {
        match &config.objects {
            Some(bucket) => open(bucket, config),
            None => folder(config),
        }
    }

    /// Opens the store and sees whether it answers.
    ///
    /// # Errors
    /// As [`Objects::open`], and whatever the store answers, with what to do about it.
    pub async fn connect(config: &Config) -> Result<Self> {
        let objects = Self::open(config)?;
        match tokio::time::timeout(START_MAX, objects.ready()).await {
            Ok(Ok(())) => Ok(objects),
            Ok(Err(error)) => Err(error.context(explained(config))),
            Err(_) => bail!("{}: não respondeu a tempo", explained(config)),
        }
    }

    /// A store of a test: gone with its last owner.
    pub fn memory() -> Self {
        Objects(Arc::new(InMemory::new()))
    }

    /// A store of a test's own making.
    pub fn of(store: Arc<dyn ObjectStore>) -> Self {
        Objects(store)
    }

    /// What reads and writes.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.0
    }

    /// Deletes objects that nothing refers to. What fails is left to the sweep.
    pub async fn discard(&self, keys: &[Path]) {
        for key in keys {
            match self.0.delete(key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::info!(%key, %error, "an object could not be deleted"),
            }
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ready(&self) -> Result<()> {
        match self.0.list(Some(&Path::from("pronto"))).next().await {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

fn folder(config: &Config) -> Result<Objects> {
    let folder = config.data_dir.join("objects");
    std::fs::create_dir_all(&folder)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(LocalFileSystem::new_with_prefix(&folder)?))
        // What is said to be kept survives the machine's losing power.
        .map(|store| store.with_fsync(true).with_automatic_cleanup(true))
        .map(|store| Objects(Arc::new(store)))
        .with_context(|| {
            let folder = folder.display();
            format!("a pasta de objetos {folder} não pode ser usada; veja CAMPO_DATA_DIR")
        })
}

fn explained(config: &Config) -> String {
    match &config.objects {
        Some(bucket) => format!(
            "CAMPO_OBJECTS={bucket} não pode ser usado: confira se o bucket existe, o endpoint e a \
             região, e as chaves CAMPO_OBJECTS_CHAVE e CAMPO_OBJECTS_SEGREDO"
        ),
        None => "a pasta de objetos não pode ser lida; veja CAMPO_DATA_DIR".to_owned(),
    }
}

/// Opens the bucket with the keys of the settings.
fn open(bucket: &Bucket, config: &Config) -> Result<Objects> {
    let (Some(chave), Some(segredo)) = (&config.objects_access, &config.objects_secret) else {
        bail!("CAMPO_OBJECTS={bucket} pede também CAMPO_OBJECTS_CHAVE e CAMPO_OBJECTS_SEGREDO");
    };
    // Taken by whoever came first: there is one provider.
    drop(rustls::crypto::ring::default_provider().install_default());
    let retry = RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.nome)
        .with_region(&bucket.regiao)
        .with_access_key_id(&chave.0)
        .with_secret_access_key(&segredo.0)
        .with_retry(retry);
    if let Some(endpoint) = &bucket.endpoint {
        let allow = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(allow);
    }
    let store = builder.build().with_context(|| explained(config))?;
    Ok(match bucket.prefixo.is_empty() {
        true => Objects(Arc::new(store)),
        false => Objects(Arc::new(PrefixStore::new(store, &*bucket.prefixo))),
    })
}

/// Everything of a company.
pub fn da_empresa(tenant: TenantId) -> Path {
    Path::from(tenant.to_string())
}

/// The verified bytes with that hash.
pub fn original(tenant: TenantId, sha256: &str) -> Path {
    Path::from(format!("{tenant}/originais/{}/{sha256}", shard(sha256)))
}

/// The derivative that the server made of the bytes with that hash.
pub fn derivado(tenant: TenantId, sha256: &str, variante: Variante) -> Path {
    let (shard, variante) = (shard(sha256), variante.codigo());
    Path::from(format!("{tenant}/derivados/{shard}/{sha256}/{variante}.jpg"))
}

/// The derivative that a device sent of that file.
pub fn do_anexo(
    tenant: TenantId,
    document: DocumentId,
    anexo: &ItemId,
    variante: Variante,
) -> Path {
    Path::from(format!("{tenant}/anexos/{document}/{anexo}/{}.jpg", variante.codigo()))
}

/// Every part of an upload.
pub fn do_envio(tenant: TenantId, envio: Uuid) -> Path {
    Path::from(format!("{tenant}/envios/{envio}"))
}

/// A new part of an upload, from that byte on: a key that nobody else writes.
pub fn parte(tenant: TenantId, envio: Uuid, inicio: u64) -> Path {
    let random: u64 = rand::random();
    Path::from(format!("{tenant}/envios/{envio}/{inicio:020}-{random:016x}"))
}

fn shard(sha256: &str) -> &str {
    sha256.get(..2).unwrap_or(sha256)
}

/// Keeps whoever else works at that key away until the transaction ends.
///
/// # Errors
/// PostgreSQL's.
pub async fn lock(tx: &mut PgTransaction<'_>, chave: &Path) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(chave.as_ref())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bucket_without_keys_or_without_an_answer_names_the_settings() {
        let config = |extra: &'static [(&str, &str)]| {
            Config::parse(|name| {
                let all = [("CAMPO_OBJECTS", "s3://fotos?endpoint=http://127.0.0.1:9")];
                let mut all = all.iter().chain(extra);
                all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
            .unwrap()
        };
        let error = Objects::open(&config(&[])).unwrap_err().to_string();
        assert!(error.contains("CAMPO_OBJECTS_CHAVE"), "{error}");
        let keys = [("CAMPO_OBJECTS_CHAVE", "campo"), ("CAMPO_OBJECTS_SEGREDO", "oculta123")];
        let config = config(Box::leak(Box::new(keys)));
        let error = format!("{:#}", Objects::connect(&config).await.unwrap_err());
        assert!(error.contains("CAMPO_OBJECTS=s3://fotos"), "{error}");
        assert!(error.contains("bucket existe"), "{error}");
        assert!(!format!("{config:?}").contains("oculta123"));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_names_the_setting() {
        let file = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
        std::fs::write(&file, b"").unwrap();
        let dir = file.display().to_string();
        let config = Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.clone())).unwrap();
        let error = Objects::connect(&config).await.unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(error.contains("CAMPO_DATA_DIR"), "{error}");
    }
}
