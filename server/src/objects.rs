//! The object store: a folder beside the database, or a bucket of an S3 service. Only this module
//! makes keys; each begins with its company.

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
use std::{fs::Permissions, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};
use uuid::Uuid;

/// Longest wait for the store when the server starts.
const START_MAX: Duration = Duration::from_secs(15);

/// The object store. Cheap to clone.
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

    /// Opens the store and checks within 15 seconds that it answers.
    ///
    /// # Errors
    /// As [`Objects::open`]; the store does not answer, with what to do about it in pt-BR.
    pub async fn connect(config: &Config) -> Result<Self> {
        let objects = Self::open(config)?;
        match tokio::time::timeout(START_MAX, objects.ready()).await {
            Ok(Ok(())) => Ok(objects),
            Ok(Err(error)) => Err(error.context(explained(config))),
            Err(_) => bail!("{}: não respondeu a tempo", explained(config)),
        }
    }

    /// A store in memory, for tests.
    pub fn memory() -> Self {
        Objects(Arc::new(InMemory::new()))
    }

    /// A store that a test provides.
    pub fn of(store: Arc<dyn ObjectStore>) -> Self {
        Objects(store)
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.0
    }

    /// Deletes objects without a row. Failures are logged and left to the orphan sweep.
    pub(crate) async fn discard(&self, keys: &[Path]) {
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
        // Photos are the server's alone: no other user of the machine may enter.
        .and_then(|()| std::fs::set_permissions(&folder, Permissions::from_mode(0o700)))
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(LocalFileSystem::new_with_prefix(&folder)?))
        // fsync, so that an object which was acknowledged survives a power failure.
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
    let (Some(access), Some(secret)) = (&config.objects_access, &config.objects_secret) else {
        bail!("CAMPO_OBJECTS={bucket} pede também CAMPO_OBJECTS_CHAVE e CAMPO_OBJECTS_SEGREDO");
    };
    // Fails if a provider is installed already; then that one is used.
    drop(rustls::crypto::ring::default_provider().install_default());
    let retry = RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&access.0)
        .with_secret_access_key(&secret.0)
        .with_retry(retry);
    if let Some(endpoint) = &bucket.endpoint {
        let allow = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(allow);
    }
    let store = builder.build().with_context(|| explained(config))?;
    Ok(match bucket.prefix.is_empty() {
        true => Objects(Arc::new(store)),
        false => Objects(Arc::new(PrefixStore::new(store, &*bucket.prefix))),
    })
}

/// The prefix of all objects of a company.
pub fn of_company(tenant: TenantId) -> Path {
    Path::from(tenant.to_string())
}

/// The verified original with that SHA-256.
pub fn original(tenant: TenantId, sha256: &str) -> Path {
    Path::from(format!("{tenant}/originais/{}/{sha256}", shard(sha256)))
}

/// The smaller picture that the server made of the original with that SHA-256.
pub(crate) fn derivative(tenant: TenantId, sha256: &str, variant: Variante) -> Path {
    let (shard, variant) = (shard(sha256), variant.codigo());
    Path::from(format!("{tenant}/derivados/{shard}/{sha256}/{variant}.jpg"))
}

/// The smaller picture that a device sent for that file.
pub(crate) fn sent_derivative(
    tenant: TenantId,
    document: DocumentId,
    attachment: &ItemId,
    variant: Variante,
) -> Path {
    Path::from(format!("{tenant}/anexos/{document}/{attachment}/{}.jpg", variant.codigo()))
}

/// The prefix of all parts of an upload.
pub(crate) fn of_upload(tenant: TenantId, upload: Uuid) -> Path {
    Path::from(format!("{tenant}/envios/{upload}"))
}

/// A new key for a part of an upload from that offset on. It is random, so that two connections
/// never write the same object.
pub fn part(tenant: TenantId, upload: Uuid, start: u64) -> Path {
    let random: u64 = rand::random();
    Path::from(format!("{tenant}/envios/{upload}/{start:020}-{random:016x}"))
}

fn shard(sha256: &str) -> &str {
    sha256.get(..2).unwrap_or(sha256)
}

/// Locks a key until the transaction ends.
///
/// # Errors
/// PostgreSQL's.
pub async fn lock(tx: &mut PgTransaction<'_>, key: &Path) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(key.as_ref())
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

    #[test]
    fn the_folder_of_photos_is_the_server_s_alone() {
        let data = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
        let (path, folder) = (data.to_str().unwrap().to_owned(), data.join("objects"));
        std::fs::create_dir_all(&folder).unwrap();
        let config =
            Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| path.clone())).unwrap();
        Objects::open(&config).unwrap();
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        std::fs::remove_dir_all(&data).unwrap();
        assert_eq!(mode & 0o777, 0o700);
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
