//! The task of each server that sends what the outbox holds. Any number of servers may run it: each
//! delivery is claimed in a short transaction of its own, sent with none open, and recorded in
//! another. It never stops on an error: it logs and goes on.

use super::{
    email,
    http::{self, Carteiro},
    secret::Chave,
    webhook::{self, Reservada},
};
use crate::app::App;
use anyhow::Result;
use campo_domain::ids::TenantId;
use chrono::Utc;
use futures::future::join_all;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::OnceCell, task::JoinSet};
use uuid::Uuid;

/// How often the database is asked for what is due.
const PULSE: Duration = Duration::from_secs(2);
/// Companies that are served at once.
const TENANTS_MAX: usize = 16;
/// Webhooks of a company that are under way at once.
const LANES: usize = 4;

/// Sends until the server stops; then what is under way ends first.
pub async fn run(app: App) {
    let worker = Worker::new(app.clone());
    let mut running = JoinSet::new();
    let mut busy = HashMap::new();
    loop {
        tokio::select! {
            () = app.shutdown.requested() => break,
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
            () = tokio::time::sleep(PULSE) => {
                let due = worker.due().await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    Vec::new()
                });
                for tenant in due {
                    if busy.len() < TENANTS_MAX && !busy.values().any(|other| *other == tenant) {
                        let worker = worker.clone();
                        let task = running.spawn(async move { worker.drain(tenant).await });
                        busy.insert(task.id(), tenant);
                    }
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Sends all that is due now.
///
/// # Errors
/// The database cannot be asked what is due.
pub async fn once(app: &App) -> Result<()> {
    let worker = Worker::new(app.clone());
    for tenant in worker.due().await? {
        worker.drain(tenant).await;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Sort {
    Webhook,
    Email,
}

#[derive(Clone)]
struct Worker {
    app: App,
    carteiro: Arc<OnceCell<Carteiro>>,
}

impl Worker {
    fn new(app: App) -> Self {
        Self { app, carteiro: Arc::default() }
    }

    async fn due(&self) -> sqlx::Result<Vec<TenantId>> {
        let due: Vec<Uuid> = sqlx::query_scalar("SELECT saida_devida($1)")
            .bind(email::smtp(&self.app.config).is_ok())
            .fetch_all(self.app.db.pool())
            .await?;
        Ok(due.into_iter().map(TenantId::from).collect())
    }

    /// Sends what a company has due, several at once: one slow endpoint must not hold up the rest.
    async fn drain(&self, tenant: TenantId) {
        if let Err(error) = self.prepare(tenant).await {
            tracing::warn!(%tenant, %error, "the outbox of a company cannot be read");
            return;
        }
        let webhooks = (0..LANES).map(|_| self.lane(tenant, Sort::Webhook));
        tokio::join!(join_all(webhooks), self.lane(tenant, Sort::Email));
    }

    /// Sends one after another until nothing of the sort is due.
    async fn lane(&self, tenant: TenantId, sort: Sort) {
        while !self.app.shutdown.is_requested() {
            let step = match sort {
                Sort::Webhook => self.webhook(tenant).await,
                Sort::Email => self.email(tenant).await,
            };
            match step {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%tenant, %error, "a delivery was left for later");
                    return;
                }
            }
        }
    }

    async fn prepare(&self, tenant: TenantId) -> Result<()> {
        let mut tx = self.app.db.tenant(tenant).await?;
        webhook::adotar(&mut tx, tenant).await?;
        if let Err(falta) = email::smtp(&self.app.config) {
            email::sem_smtp(&mut tx, tenant, falta).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Delivers one webhook; `false` if none is due.
    async fn webhook(&self, tenant: TenantId) -> Result<bool> {
        let mut tx = self.app.db.tenant(tenant).await?;
        let reservada = webhook::reservar(&mut tx, tenant).await?;
        tx.commit().await?;
        let Some(reservada) = reservada else { return Ok(false) };
        let (em, began) = (Utc::now(), Instant::now());
        let outcome = self.post(tenant, &reservada, em.timestamp()).await;
        let resultado = http::resultado(outcome, em, began.elapsed());
        if resultado.erro.is_some() {
            // What the receiver said is in the row, not in the log.
            let (entrega, tentativa) = (reservada.id, reservada.tentativas);
            let status = resultado.status;
            tracing::info!(%tenant, %entrega, tentativa, status, "a webhook was not delivered");
        }
        let mut tx = self.app.db.tenant(tenant).await?;
        webhook::registrar(&mut tx, tenant, &reservada, &resultado).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn post(
        &self,
        tenant: TenantId,
        reservada: &Reservada,
        timestamp: i64,
    ) -> Result<(u16, String)> {
        let config = &self.app.config;
        let carteiro = async || Carteiro::new(config.webhook_redes_privadas);
        let carteiro = self.carteiro.get_or_try_init(carteiro).await?;
        carteiro.post(&Chave::open(config)?, tenant, reservada, timestamp).await
    }

    /// Sends one e-mail; `false` if none is due.
    async fn email(&self, tenant: TenantId) -> Result<bool> {
        let Ok((smtp, de)) = email::smtp(&self.app.config) else { return Ok(false) };
        let mut tx = self.app.db.tenant(tenant).await?;
        let reservado = email::reservar(&mut tx, tenant, de).await?;
        tx.commit().await?;
        let Some(reservado) = reservado else { return Ok(false) };
        let resultado = reservado.enviar(smtp, de).await;
        if let Err(falha) = &resultado {
            let (email, tentativa) = (reservado.id, reservado.tentativas);
            // What the server said names the address: it is in the row, not in the log.
            tracing::info!(%tenant, %email, tentativa, falha.definitiva, "an e-mail was not sent");
        }
        let mut tx = self.app.db.tenant(tenant).await?;
        email::registrar(&mut tx, tenant, &reservado, &resultado).await?;
        tx.commit().await?;
        Ok(true)
    }
}
