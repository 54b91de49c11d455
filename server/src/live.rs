//! Tells devices and pages that something of their company changed. A notification is sent by
//! PostgreSQL with each commit and passed on to every open stream. It has no content; receivers
//! pull what changed.

use crate::{db::Db, ledger, shutdown::Shutdown};
use axum::response::sse::Event;
use campo_domain::ids::TenantId;
use futures::Stream;
use sqlx::postgres::PgListener;
use std::{convert::Infallible, time::Duration};
use tokio::sync::broadcast;

/// Longest life of a stream. Browser and app reconnect by themselves, and their sessions are
/// checked again then.
const STREAM_MAX: Duration = Duration::from_secs(15 * 60);
/// At most one event in this time.
const QUIET: Duration = Duration::from_millis(250);

/// The notifications of this process: the company that changed, or `None` if any may have.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<Option<TenantId>>);

impl Default for Live {
    fn default() -> Self {
        Live(broadcast::Sender::new(1024))
    }
}

impl Live {
    /// Passes on PostgreSQL's notifications until the shutdown. If the connection is lost it
    /// reconnects and tells every stream that something may have changed.
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
            // Fails only if no stream is open.
            let _ = self.0.send(tenant);
        }
    }

    /// A stream of events of a company: one at once, then one whenever something changed, at most
    /// every 250 ms, for 15 minutes or until the server stops.
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
                    // Several changes in quick succession are one event.
                    tokio::time::sleep(QUIET).await;
                    while receiver.try_recv().is_ok() {}
                }
                // The first event is sent once the stream receives, so the client pulls what
                // changed while it connected.
                let event = Event::default().event("moveu").data("1");
                Some((Ok(event), (receiver, shutdown, true)))
            },
        )
    }
}
