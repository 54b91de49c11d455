//! An object store that fails at random, before or after it has done what it was asked, like a
//! service behind a bad connection. Switched off, it passes everything on.

use crate::dice::Dice;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, path::Path,
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// The store, and the switch; a clone is the same one.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Faults {
    dice: Mutex<Dice>,
    reads: AtomicU32,
    writes: AtomicU32,
    failed: AtomicU64,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    /// Not done, and that is said.
    Refused,
    /// Done, and the answer is lost.
    Lost,
}

impl Faults {
    fn roll(&self, per_mille: &AtomicU32) -> Fate {
        let per_mille = per_mille.load(Ordering::Relaxed);
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        if !dice.chance(per_mille, 1_000) {
            return Fate::Done;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        if dice.chance(1, 2) { Fate::Refused } else { Fate::Lost }
    }

    /// What is written, and what is told of it.
    async fn meet<T>(&self, operation: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.roll(&self.writes) {
            Fate::Done => operation.await,
            Fate::Refused => Err(broken()),
            Fate::Lost => operation.await.and_then(|_| Err(broken())),
        }
    }

    /// What a stream brings, up to where it breaks.
    fn cut<T: Send + 'static>(
        &self,
        items: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        match self.roll(&self.reads) {
            Fate::Done => items,
            Fate::Refused => stream::once(async { Err(broken()) }).boxed(),
            Fate::Lost => items.take(1).chain(stream::once(async { Err(broken()) })).boxed(),
        }
    }
}

fn broken() -> Error {
    Error::Generic { store: "faulty", source: "the connection broke".into() }
}

impl FaultyStore {
    /// Around that store, with nothing failing yet.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Self {
        let dice = Mutex::new(Dice::new(seed));
        let (reads, writes) = (AtomicU32::new(0), AtomicU32::new(0));
        let faults = Faults { dice, reads, writes, failed: AtomicU64::new(0) };
        FaultyStore { inner, faults: Arc::new(faults) }
    }

    /// From now on so many of a thousand operations fail; 1,000 is a store that is down, though
    /// half of what it refuses it does.
    pub fn fail(&self, per_mille: u32) {
        self.fail_reads(per_mille);
        self.faults.writes.store(per_mille, Ordering::Relaxed);
    }

    /// From now on so many of a thousand fail of those that read.
    pub fn fail_reads(&self, per_mille: u32) {
        self.faults.reads.store(per_mille, Ordering::Relaxed);
    }

    /// From now on nothing fails.
    pub fn heal(&self) {
        self.fail(0);
    }

    /// How many operations have failed.
    pub fn failed(&self) -> u64 {
        self.faults.failed.load(Ordering::Relaxed)
    }

    /// The store as it is, past the faults.
    pub fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.faults.meet(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.faults.meet(self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(FaultyUpload { inner, faults: self.faults.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let fate = self.faults.roll(&self.faults.reads);
        if fate == Fate::Refused {
            return Err(broken());
        }
        let found = self.inner.get_opts(location, options).await?;
        if fate == Fate::Done {
            return Ok(found);
        }
        if head {
            return Err(broken());
        }
        let GetResult { meta, range, attributes, extensions, .. } = &found;
        let (meta, range) = (meta.clone(), range.clone());
        let (attributes, extensions) = (attributes.clone(), extensions.clone());
        // Half of what was asked for, and then nothing more.
        let half = usize::try_from((range.end - range.start) / 2).unwrap_or(0);
        let begun = found.bytes().await?.slice(..half);
        let payload = GetResultPayload::Stream(stream::iter([Ok(begun), Err(broken())]).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (faults, inner) = (self.faults.clone(), self.inner.clone());
        let deleted = locations.then(move |location| {
            let (faults, inner) = (faults.clone(), inner.clone());
            async move {
                let location = location?;
                let one = stream::once({
                    let location = location.clone();
                    async move { Ok(location) }
                });
                let gone = inner.delete_stream(one.boxed());
                faults.meet(async move { gone.try_collect::<Vec<_>>().await }).await?;
                Ok(location)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.faults.cut(self.inner.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.faults.roll(&self.faults.reads) {
            Fate::Done => self.inner.list_with_delimiter(prefix).await,
            Fate::Refused | Fate::Lost => Err(broken()),
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.meet(self.inner.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, faults) = (self.inner.put_part(data), self.faults.clone());
        Box::pin(async move { faults.meet(part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let faults = self.faults.clone();
        faults.meet(self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let faults = self.faults.clone();
        faults.meet(self.inner.abort()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::{ObjectStoreExt, memory::InMemory};

    #[tokio::test]
    async fn half_of_what_a_store_refuses_was_done_all_the_same() {
        let store = FaultyStore::new(Arc::new(InMemory::new()), 1);
        store.fail(1_000);
        for n in 0..40 {
            let put = store.put(&Path::from(format!("a/{n}")), vec![7; 100].into()).await;
            assert!(put.is_err());
        }
        assert_eq!(store.failed(), 40);
        let there: Vec<_> = store.inner().list(None).try_collect().await.unwrap();
        assert!((5..35).contains(&there.len()), "{} of 40", there.len());

        let path = there[0].location.clone();
        for _ in 0..20 {
            let whole = match store.get(&path).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            assert!(whole.is_err());
        }
        store.heal();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap().len(), 100);
        assert_eq!(store.list(None).count().await, there.len());
    }

    #[tokio::test]
    async fn what_is_written_in_parts_breaks_in_any_of_its_steps() {
        let store = FaultyStore::new(Arc::new(InMemory::new()), 2);
        store.fail(300);
        let (mut whole, mut broken) = (0, 0);
        for n in 0..40 {
            let written = async {
                let mut upload = store.put_multipart(&Path::from(format!("m/{n}"))).await?;
                upload.put_part(vec![1; 10].into()).await?;
                upload.put_part(vec![2; 10].into()).await?;
                upload.complete().await
            };
            match written.await {
                Ok(_) => whole += 1,
                Err(_) => broken += 1,
            }
        }
        assert!(whole > 2 && broken > 10, "{whole} whole, {broken} broken");
        store.heal();
        for found in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
            assert_eq!(found.size, 20);
            store.delete(&found.location).await.unwrap();
        }
        assert_eq!(store.list(None).count().await, 0);
    }
}
