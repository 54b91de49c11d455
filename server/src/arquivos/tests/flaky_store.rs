//! An object store that fails now and then, before or after it has done what it was asked.

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory,
    path::Path,
};
use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// In memory. Every so many operations one fails; none while it is 0.
#[derive(Debug, Default)]
pub struct FlakyStore {
    inner: InMemory,
    pub every: AtomicU32,
    count: AtomicU32,
}

impl FlakyStore {
    /// Whether this operation fails, and if so whether it is done all the same.
    fn fate(&self) -> Option<bool> {
        let every = self.every.load(Relaxed);
        let count = self.count.fetch_add(1, Relaxed);
        (every > 0 && count.is_multiple_of(every)).then(|| (count / every).is_multiple_of(2))
    }
}

fn broken<T>() -> Result<T> {
    Err(Error::Generic { store: "loja", source: "the store is down".into() })
}

impl fmt::Display for FlakyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("loja")
    }
}

#[async_trait]
impl ObjectStore for FlakyStore {
    async fn put_opts(&self, to: &Path, bytes: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match self.fate() {
            None => self.inner.put_opts(to, bytes, opts).await,
            Some(true) => self.inner.put_opts(to, bytes, opts).await.and_then(|_| broken()),
            Some(false) => broken(),
        }
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.fate() {
            None => self.inner.put_multipart_opts(to, opts).await,
            Some(_) => broken(),
        }
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate() {
            None => self.inner.get_opts(from, options).await,
            Some(_) => broken(),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.fate() {
            None => self.inner.delete_stream(locations),
            Some(_) => locations.map(|_| broken()).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
