//! What every handler can reach. One value a process, cheap to clone.

use crate::{commit::Committers, config::Config, db::Db, live::Live, objects::Objects};
use std::sync::Arc;
use tokio::sync::{Notify, watch};

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
    pub recebidos: Arc<Notify>,
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
            recebidos: Arc::default(),
            live: Live::default(),
            shutdown: Shutdown::default(),
        }
    }
}

/// A switch that is thrown once.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    /// Asks everything to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once the end is asked for.
    pub async fn requested(&self) {
        // The sender lives in `self`: the channel cannot close first.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}
