//! The task of each server that sends what the outbox holds. Any number of servers may run it: each
//! delivery is claimed in a short transaction of its own, sent with none open, and recorded in
//! another. It never stops on an error: it logs and goes on.

use super::{
    email, fila,
    fila::Reservada,
    http::{self, Carteiro, Resposta},
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

/// How often the database is asked for what is due.
const PULSE: Duration = Duration::from_secs(2);
/// Endpoints that are served at once.
const DESTINOS_MAX: usize = 64;
/// How many of them may be such as failed, and may hang: the rest is for those that answer.
const FALHANDO_MAX: usize = DESTINOS_MAX / 2;
/// How many of those one company may have.
const FALHANDO_DA_EMPRESA_MAX: usize = 4;
/// Companies whose e-mail is sent at once, whatever becomes of the webhooks.
const EMAILS_MAX: usize = 16;
/// Webhooks that are under way at once to an endpoint that took its last one.
const LANES: usize = 3;

/// Sends until the server stops; then what is under way ends first.
pub async fn run(db: Db, config: Arc<Config>, shutdown: Shutdown) {
    let worker = Worker::new(db, config);
    let mut running = JoinSet::new();
    let mut busy: HashMap<_, Saida> = HashMap::new();
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
                for saida in due {
                    if saida.cabe(busy.values()) {
                        let worker = worker.clone();
                        let task = running.spawn(async move { worker.serve(saida).await });
                        busy.insert(task.id(), saida);
                    }
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Sends what is due now: to an endpoint that fails, no more than it takes to see that it does.
///
/// # Errors
/// The database cannot be asked what is due.
pub async fn once(db: &Db, config: &Arc<Config>) -> Result<()> {
    let worker = Worker::new(db.clone(), config.clone());
    let due = worker.due().await?;
    join_all(due.into_iter().map(|saida| worker.serve(saida))).await;
    Ok(())
}

/// A way out of a company: one endpoint, or e-mail. Each is served by a task of its own, so that
/// one that hangs holds up itself alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saida {
    pub(super) tenant: TenantId,
    /// The endpoint; e-mail where there is none.
    pub(super) destino: Option<Uuid>,
    /// Whether its last try failed.
    falhando: bool,
}

impl Saida {
    fn same(&self, other: &Self) -> bool {
        (self.tenant, self.destino) == (other.tenant, other.destino)
    }

    /// Whether it may be served now, beside those that are.
    fn cabe<'a>(&self, busy: impl Iterator<Item = &'a Self> + Clone) -> bool {
        let emails = busy.clone().filter(|other| other.destino.is_none());
        let destinos = busy.clone().filter(|other| other.destino.is_some());
        let falhando = destinos.clone().filter(|other| other.falhando);
        let da_empresa = falhando.clone().filter(|other| other.tenant == self.tenant);
        let room = match self.destino {
            None => emails.count() < EMAILS_MAX,
            Some(_) if destinos.count() >= DESTINOS_MAX => false,
            Some(_) if !self.falhando => true,
            Some(_) => {
                falhando.count() < FALHANDO_MAX && da_empresa.count() < FALHANDO_DA_EMPRESA_MAX
            }
        };
        room && !busy.clone().any(|other| other.same(self))
    }

    /// Whether it may hang.
    fn lenta(&self) -> bool {
        self.falhando || self.destino.is_none()
    }
}

#[derive(Clone)]
pub(super) struct Worker {
    db: Db,
    config: Arc<Config>,
    carteiro: Arc<OnceCell<Carteiro>>,
}

impl Worker {
    pub(super) fn new(db: Db, config: Arc<Config>) -> Self {
        Self { db, config, carteiro: Arc::default() }
    }

    /// What is due. The companies come in another order each time: none is always the one for whom
    /// there was no place left.
    pub(super) async fn due(&self) -> sqlx::Result<Vec<Saida>> {
        let sql = "SELECT tenant FROM saida_devida($1) d (tenant) ORDER BY random()";
        let tenants: Vec<Uuid> = sqlx::query_scalar(sql)
            .bind(email::smtp(&self.config).is_ok())
            .fetch_all(self.db.pool())
            .await?;
        let mut due = Vec::new();
        for tenant in tenants.into_iter().map(TenantId::from) {
            match self.saidas(tenant).await {
                Ok(saidas) => due.extend(saidas),
                Err(error) => {
                    tracing::warn!(%tenant, %error, "the outbox of a company cannot be read");
                }
            }
        }
        Ok(due)
    }

    /// The ways out of a company by which something may be due, once what waits knows its own.
    async fn saidas(&self, tenant: TenantId) -> Result<Vec<Saida>> {
        let mut tx = self.db.tenant(tenant).await?;
        fila::adotar(&mut tx, tenant).await?;
        let mut saidas: Vec<Saida> = fila::devidos(&mut tx, tenant)
            .await?
            .into_iter()
            .map(|(destino, falhando)| Saida { tenant, destino: Some(destino), falhando })
            .collect();
        match email::smtp(&self.config) {
            Ok(_) => saidas.push(Saida { tenant, destino: None, falhando: false }),
            Err(falta) => email::sem_smtp(&mut tx, tenant, falta).await?,
        }
        tx.commit().await?;
        Ok(saidas)
    }

    async fn serve(&self, saida: Saida) {
        let lanes = if saida.lenta() { 1 } else { LANES };
        join_all((0..lanes).map(|_| self.lane(saida))).await;
    }

    /// Sends one after another until nothing is due, or an endpoint fails.
    async fn lane(&self, Saida { tenant, destino, .. }: Saida) {
        loop {
            let sent = match destino {
                Some(destino) => self.webhook(tenant, destino).await,
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
    async fn webhook(&self, tenant: TenantId, destino: Uuid) -> Result<bool> {
        let mut tx = self.db.tenant(tenant).await?;
        let reservada = fila::reservar(&mut tx, tenant, destino).await?;
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
        let mut tx = self.db.tenant(tenant).await?;
        fila::registrar(&mut tx, tenant, &reservada, &resultado).await?;
        tx.commit().await?;
        Ok(resultado.erro.is_none())
    }

    async fn post(
        &self,
        tenant: TenantId,
        reservada: &Reservada,
        timestamp: i64,
    ) -> Result<Resposta> {
        let config = &self.config;
        let carteiro = async || Carteiro::new(config.webhook_redes_privadas);
        let carteiro = self.carteiro.get_or_try_init(carteiro).await?;
        carteiro.post(&config.chave()?, tenant, reservada, timestamp).await
    }

    /// Sends one e-mail; `false` if none is due.
    async fn email(&self, tenant: TenantId) -> Result<bool> {
        let Ok((smtp, de)) = email::smtp(&self.config) else { return Ok(false) };
        let mut tx = self.db.tenant(tenant).await?;
        let reservado = email::reservar(&mut tx, tenant, de).await?;
        tx.commit().await?;
        let Some(reservado) = reservado else { return Ok(false) };
        let resultado = reservado.enviar(smtp, de).await;
        if let Err(falha) = &resultado {
            let (email, tentativa) = (reservado.id, reservado.tentativas);
            // What the server said names the address: it is in the row, not in the log.
            tracing::info!(%tenant, %email, tentativa, falha.definitiva, "an e-mail was not sent");
        }
        let mut tx = self.db.tenant(tenant).await?;
        email::registrar(&mut tx, tenant, &reservado, &resultado).await?;
        tx.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saida(empresa: u128, destino: Option<u128>, falhando: bool) -> Saida {
        let tenant = TenantId::from(Uuid::from_u128(empresa));
        Saida { tenant, destino: destino.map(Uuid::from_u128), falhando }
    }

    #[test]
    fn failing_endpoints_leave_room_for_email_for_other_companies_and_for_those_that_answer() {
        let mut busy: Vec<Saida> = (0..4).map(|n| saida(1, Some(n), true)).collect();
        assert!(!saida(1, Some(4), true).cabe(busy.iter()), "a fifth of one company");
        assert!(saida(1, Some(4), false).cabe(busy.iter()));
        assert!(saida(2, Some(4), true).cabe(busy.iter()));
        assert!(!saida(1, Some(0), false).cabe(busy.iter()), "it is served already");
        busy.extend((4..32).map(|n| saida(n, Some(n), true)));
        assert!(!saida(99, Some(99), true).cabe(busy.iter()));
        assert!(saida(99, Some(99), false).cabe(busy.iter()));
        busy.extend((32..64).map(|n| saida(n, Some(n), false)));
        assert!(!saida(99, Some(99), false).cabe(busy.iter()));
        assert!(saida(99, None, false).cabe(busy.iter()));
        busy.extend((0..16).map(|n| saida(n, None, false)));
        assert!(!saida(99, None, false).cabe(busy.iter()));
        assert!(saida(99, Some(99), false).cabe(busy[64..].iter()));
    }
}
