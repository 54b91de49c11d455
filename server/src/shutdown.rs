//! The end of the process, asked for once and heard by all that never ends by itself: live streams,
//! jobs.

use std::sync::Arc;
use tokio::sync::watch;

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
