//! What every handler can reach. One value a process, cheap to clone.

use crate::{
    commit::{Answer, Committers, Work},
    config::Config,
    db::Db,
    live::Live,
    objects::Objects,
    shutdown::Shutdown,
};
use anyhow::Result;
use campo_domain::ids::TenantId;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// Uploads that a process takes bytes of at once, each with up to 8 MiB in memory.
const RECEIVING_MAX: usize = 64;

/// The state of the application.
#[derive(Clone, Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The settings.
    pub config: Arc<Config>,
    /// The object store.
    pub objects: Objects,
    /// Groups work of a company into one commit.
    pub committers: Committers,
    /// Wakes whoever verifies uploads.
    pub uploads_complete: Arc<Notify>,
    /// Uploads whose bytes may be held at once.
    pub receiving_turns: Arc<Semaphore>,
    /// Pictures that may be decoded at once: one may take half a gigabyte.
    pub decoding_turns: Arc<Semaphore>,
    /// What moved.
    pub live: Live,
    /// Tells what never ends by itself (live streams, jobs) that the server is stopping.
    pub shutdown: Shutdown,
}

impl App {
    /// An application on a database that is connected and migrated.
    pub fn new(config: Arc<Config>, db: Db, objects: Objects) -> Self {
        Self {
            db,
            config,
            objects,
            committers: Committers::default(),
            uploads_complete: Arc::default(),
            receiving_turns: Arc::new(Semaphore::new(RECEIVING_MAX)),
            decoding_turns: Arc::new(Semaphore::new(1)),
            live: Live::default(),
            shutdown: Shutdown::default(),
        }
    }

    /// Commits work, together with whatever else of the company arrives now.
    ///
    /// # Errors
    /// PostgreSQL's; nothing has been written then.
    pub async fn submit(&self, tenant: TenantId, work: Work) -> Result<Answer> {
        self.committers.submit(&self.db, tenant, work).await
    }
}
