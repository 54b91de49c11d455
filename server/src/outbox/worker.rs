//! The task that sends what is queued. Any number of servers may run it: each delivery is claimed
//! in one short transaction, sent with none open, and recorded in another. Errors are logged and do
//! not stop the task.

use super::{
    email,
    http::{self, Client, Response},
    lease::{self, Claimed},
    queue,
};
use crate::{config::Config, db::Db, shutdown::Shutdown};
use anyhow::Result;
use campo_domain::ids::TenantId;
use chrono::Utc;
use futures::future::join_all;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::OnceCell,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

/// How often the database is asked for due messages.
const PULSE: Duration = Duration::from_secs(2);
/// Endpoints that are served at the same time.
const ENDPOINTS_MAX: usize = 64;
/// How many of those may have failed last time; such endpoints may hang, and must not take the
/// places of those that answer.
const FAILING_MAX: usize = ENDPOINTS_MAX / 2;
/// How many failing endpoints of one company are served at the same time.
const FAILING_PER_COMPANY_MAX: usize = 4;
/// Companies whose e-mails are sent at the same time, in addition to the endpoints.
const EMAIL_COMPANIES_MAX: usize = 16;
/// Deliveries at the same time to an endpoint that accepted its last one.
const LANES: usize = 3;

/// Sends until the server stops. Returns when attempts under way are done.
pub async fn run(db: Db, config: Arc<Config>, shutdown: Shutdown) {
    let worker = Worker::new(db, config);
    let mut running = JoinSet::new();
    let mut busy: HashMap<_, Route> = HashMap::new();
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            Some(done) = running.join_next_with_id() => {
                let id = match done {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "sending for a company broke off");
                        error.id()
                    }
                };
                busy.remove(&id);
            }
            _ = pulse.tick() => {
                let due = worker.due().await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    Vec::new()
                });
                for route in due {
                    if route.fits(busy.values()) {
                        let worker = worker.clone();
                        let task = running.spawn(async move { worker.serve(route).await });
                        busy.insert(task.id(), route);
                    }
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Sends what is due now. An endpoint that fails gets no further attempts in this call.
///
/// # Errors
/// The database cannot be asked what is due.
pub async fn once(db: &Db, config: &Arc<Config>) -> Result<()> {
    let worker = Worker::new(db.clone(), config.clone());
    let due = worker.due().await?;
    join_all(due.into_iter().map(|route| worker.serve(route))).await;
    Ok(())
}

/// One destination of a company's messages: an endpoint, or all its e-mails. Each is served by its
/// own task, so that one that hangs does not delay the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) tenant: TenantId,
    /// The endpoint; `None` is the company's e-mails.
    pub(super) endpoint: Option<Uuid>,
    /// Whether its last attempt failed.
    failing: bool,
}

impl Route {
    fn same(&self, other: &Self) -> bool {
        (self.tenant, self.endpoint) == (other.tenant, other.endpoint)
    }

    /// Whether it may be served now, beside the busy ones.
    fn fits<'a>(&self, busy: impl Iterator<Item = &'a Self> + Clone) -> bool {
        let emails = busy.clone().filter(|other| other.endpoint.is_none());
        let endpoints = busy.clone().filter(|other| other.endpoint.is_some());
        let failing = endpoints.clone().filter(|other| other.failing);
        let of_company = failing.clone().filter(|other| other.tenant == self.tenant);
        let room = match self.endpoint {
            None => emails.count() < EMAIL_COMPANIES_MAX,
            Some(_) if endpoints.count() >= ENDPOINTS_MAX => false,
            Some(_) if !self.failing => true,
            Some(_) => {
                failing.count() < FAILING_MAX && of_company.count() < FAILING_PER_COMPANY_MAX
            }
        };
        room && !busy.clone().any(|other| other.same(self))
    }

    /// Whether attempts may take long, so that it gets one at a time.
    fn may_hang(&self) -> bool {
        self.failing || self.endpoint.is_none()
    }
}

#[derive(Clone)]
pub(super) struct Worker {
    db: Db,
    config: Arc<Config>,
    client: Arc<OnceCell<Client>>,
}

impl Worker {
    pub(super) fn new(db: Db, config: Arc<Config>) -> Self {
        Self { db, config, client: Arc::default() }
    }

    /// What is due. The order of the companies is random, so that none is always the one for which
    /// no place is left.
    pub(super) async fn due(&self) -> sqlx::Result<Vec<Route>> {
        let sql = "SELECT tenant FROM saida_devida($1) d (tenant) ORDER BY random()";
        let tenants: Vec<Uuid> = sqlx::query_scalar(sql)
            .bind(email::smtp(&self.config).is_ok())
            .fetch_all(self.db.pool())
            .await?;
        let mut due = Vec::new();
        for tenant in tenants.into_iter().map(TenantId::from) {
            match self.routes(tenant).await {
                Ok(routes) => due.extend(routes),
                Err(error) => {
                    tracing::warn!(%tenant, %error, "the outbox of a company cannot be read");
                }
            }
        }
        Ok(due)
    }

    /// The routes of a company with due messages, after waiting ones were assigned to endpoints.
    async fn routes(&self, tenant: TenantId) -> Result<Vec<Route>> {
        let mut tx = self.db.tenant(tenant).await?;
        queue::adopt(&mut tx, tenant).await?;
        let mut routes: Vec<Route> = lease::due(&mut tx, tenant)
            .await?
            .into_iter()
            .map(|(endpoint, failing)| Route { tenant, endpoint: Some(endpoint), failing })
            .collect();
        match email::smtp(&self.config) {
            Ok(_) => routes.push(Route { tenant, endpoint: None, failing: false }),
            Err(missing) => email::hold_without_smtp(&mut tx, tenant, missing).await?,
        }
        tx.commit().await?;
        Ok(routes)
    }

    async fn serve(&self, route: Route) {
        let lanes = if route.may_hang() { 1 } else { LANES };
        join_all((0..lanes).map(|_| self.lane(route))).await;
    }

    /// Sends one message after another until none is due or an endpoint fails.
    async fn lane(&self, Route { tenant, endpoint, .. }: Route) {
        loop {
            let sent = match endpoint {
                Some(endpoint) => self.webhook(tenant, endpoint).await,
                None => self.email(tenant).await,
            };
            match sent {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%tenant, %error, "a delivery was left for later");
                    return;
                }
            }
        }
    }

    /// Delivers one webhook; `false` if none is due, or it failed.
    async fn webhook(&self, tenant: TenantId, endpoint: Uuid) -> Result<bool> {
        let mut tx = self.db.tenant(tenant).await?;
        let claimed = lease::claim(&mut tx, tenant, endpoint).await?;
        tx.commit().await?;
        let Some(claimed) = claimed else { return Ok(false) };
        let (at, began) = (Utc::now(), Instant::now());
        let outcome = self.post(tenant, &claimed, at.timestamp()).await;
        let outcome = http::outcome_of(outcome, at, began.elapsed());
        if outcome.error.is_some() {
            // What the receiver said may be personal data: it is in the row, not in the log.
            let (delivery, attempt) = (claimed.id, claimed.attempts);
            let status = outcome.status;
            tracing::info!(
                %tenant, entrega = %delivery, tentativa = attempt, status,
                "a webhook was not delivered"
            );
        }
        let mut tx = self.db.tenant(tenant).await?;
        lease::record(&mut tx, tenant, &claimed, &outcome).await?;
        tx.commit().await?;
        Ok(outcome.error.is_none())
    }

    async fn post(&self, tenant: TenantId, claimed: &Claimed, timestamp: i64) -> Result<Response> {
        let config = &self.config;
        let client = async || Client::new(config.webhook_private_networks);
        let client = self.client.get_or_try_init(client).await?;
        client.post(&config.master_key()?, tenant, claimed, timestamp).await
    }

    /// Sends one e-mail; `false` if none is due.
    async fn email(&self, tenant: TenantId) -> Result<bool> {
        let Ok((smtp, from)) = email::smtp(&self.config) else { return Ok(false) };
        let mut tx = self.db.tenant(tenant).await?;
        let claimed = email::claim(&mut tx, tenant, from).await?;
        tx.commit().await?;
        let Some(claimed) = claimed else { return Ok(false) };
        let outcome = claimed.send(smtp, from).await;
        if let Err(error) = &outcome {
            let (email, attempt) = (claimed.id, claimed.attempts);
            // What the server said has the address in it: it is in the row, not in the log.
            tracing::info!(
                %tenant, %email, tentativa = attempt, falha.definitiva = error.permanent,
                "an e-mail was not sent"
            );
        }
        let mut tx = self.db.tenant(tenant).await?;
        email::record(&mut tx, tenant, &claimed, &outcome).await?;
        tx.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(company: u128, endpoint: Option<u128>, failing: bool) -> Route {
        let tenant = TenantId::from(Uuid::from_u128(company));
        Route { tenant, endpoint: endpoint.map(Uuid::from_u128), failing }
    }

    #[test]
    fn failing_endpoints_leave_room_for_email_for_other_companies_and_for_those_that_answer() {
        let mut busy: Vec<Route> = (0..4).map(|n| route(1, Some(n), true)).collect();
        assert!(!route(1, Some(4), true).fits(busy.iter()), "a fifth of one company");
        assert!(route(1, Some(4), false).fits(busy.iter()));
        assert!(route(2, Some(4), true).fits(busy.iter()));
        assert!(!route(1, Some(0), false).fits(busy.iter()), "it is served already");
        busy.extend((4..32).map(|n| route(n, Some(n), true)));
        assert!(!route(99, Some(99), true).fits(busy.iter()));
        assert!(route(99, Some(99), false).fits(busy.iter()));
        busy.extend((32..64).map(|n| route(n, Some(n), false)));
        assert!(!route(99, Some(99), false).fits(busy.iter()));
        assert!(route(99, None, false).fits(busy.iter()));
        busy.extend((0..16).map(|n| route(n, None, false)));
        assert!(!route(99, None, false).fits(busy.iter()));
        assert!(route(99, Some(99), false).fits(busy[64..].iter()));
    }
}
