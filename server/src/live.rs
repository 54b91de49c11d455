//! "Something moved": one small notification a commit, passed on to whoever listens. It carries no
//! content; everyone pulls by the same path.

use crate::{db::Db, ledger, shutdown::Shutdown};
use axum::response::sse::Event;
use campo_domain::ids::TenantId;
use futures::Stream;
use sqlx::postgres::PgListener;
use std::{convert::Infallible, time::Duration};
use tokio::sync::broadcast;

/// A stream ends after this long; the browser and the app come back by themselves and are asked
/// again who they are.
const STREAM_MAX: Duration = Duration::from_secs(15 * 60);
/// At most one event in this time.
const QUIET: Duration = Duration::from_millis(250);

/// What moved, in this process.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<Option<TenantId>>);

impl Default for Live {
    fn default() -> Self {
        Live(broadcast::Sender::new(1024))
    }
}

impl Live {
    /// Passes on what PostgreSQL says until the shutdown. Reconnects by itself; what was missed
    /// meanwhile is told as "anything may have moved".
    pub async fn listen(self, db: Db, shutdown: Shutdown) {
        while !shutdown.is_requested() {
            tokio::select! {
                () = shutdown.requested() => return,
                outcome = self.relay(&db) => if let Err(error) = outcome {
                    tracing::warn!(%error, "listening to the database failed; trying again");
                },
            }
            let _ = self.0.send(None);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn relay(&self, db: &Db) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(db.pool()).await?;
        listener.listen(ledger::CHANNEL).await?;
        loop {
            let tenant = listener.try_recv().await?;
            let tenant = tenant.and_then(|note| note.payload().parse().ok());
            // Nobody listens: nobody misses it.
            let _ = self.0.send(tenant);
        }
    }

    /// Events for whoever looks at the company's records: one at once, then one whenever something of
    /// it moved, until the stream has stood for a quarter of an hour or the server stops.
    pub fn stream(
        &self,
        tenant: TenantId,
        shutdown: Shutdown,
    ) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        let receiver = self.0.subscribe();
        let until = tokio::time::Instant::now() + STREAM_MAX;
        futures::stream::unfold(
            (receiver, shutdown, false),
            move |(mut receiver, shutdown, begun)| async move {
                if begun {
                    loop {
                        let moved = tokio::select! {
                            () = shutdown.requested() => return None,
                            () = tokio::time::sleep_until(until) => return None,
                            moved = receiver.recv() => moved,
                        };
                        match moved {
                            Ok(Some(other)) if other != tenant => continue,
                            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                            Err(broadcast::error::RecvError::Closed) => return None,
                        }
                    }
                    // What comes in quick succession is told once.
                    tokio::time::sleep(QUIET).await;
                    while receiver.try_recv().is_ok() {}
                }
                // The first event says that the stream stands: whatever moved before it is pulled.
                let event = Event::default().event("moveu").data("1");
                Some((Ok(event), (receiver, shutdown, true)))
            },
        )
    }
}
