//! One queue for each company: work that arrives while a batch is committed becomes the next batch.

use super::{
    attempt::run,
    work::{Answer, Work},
};
use crate::db::Db;
use anyhow::{Context, Result, anyhow};
use campo_domain::ids::TenantId;
use chrono::Utc;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Most jobs in one batch.
const BATCH_MAX: usize = 256;
/// Most bytes of changes in one batch; a single job may be larger.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Answer>>,
}

/// The queues of this process, one for each company.
#[derive(Clone, Debug, Default)]
pub struct Committers(Arc<Mutex<HashMap<TenantId, mpsc::Sender<Job>>>>);

impl Committers {
    /// Commits work, together with whatever else of the company is waiting.
    ///
    /// # Errors
    /// PostgreSQL's; nothing has been written then.
    pub async fn submit(&self, db: &Db, tenant: TenantId, work: Work) -> Result<Answer> {
        let sender = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let open = queues.get(&tenant).filter(|sender| !sender.is_closed()).cloned();
            open.unwrap_or_else(|| {
                let (sender, receiver) = mpsc::channel(BATCH_MAX);
                tokio::spawn(serve(db.clone(), tenant, receiver));
                queues.insert(tenant, sender.clone());
                sender
            })
        };
        let (reply, answer) = oneshot::channel();
        sender.send(Job { work, reply }).await.map_err(|_| anyhow!("the committer has stopped"))?;
        answer.await.context("the committer has stopped")?
    }
}

async fn serve(db: Db, tenant: TenantId, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::new();
    while jobs.recv_many(&mut waiting, BATCH_MAX).await > 0 {
        while !waiting.is_empty() {
            let mut bytes = 0;
            let fits = waiting.iter().position(|job: &Job| {
                bytes += job.work.bytes();
                bytes > BATCH_BYTES_MAX
            });
            let batch: Vec<Job> = waiting.drain(..fits.unwrap_or(waiting.len()).max(1)).collect();
            serve_batch(&db, tenant, batch).await;
        }
    }
}

async fn serve_batch(db: &Db, tenant: TenantId, batch: Vec<Job>) {
    let (works, replies): (Vec<Work>, Vec<_>) =
        batch.into_iter().map(|job| (job.work, job.reply)).unzip();
    let alone = if works.len() > 1 { works.clone() } else { Vec::new() };
    match run(db, tenant, works, Utc::now()).await {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // The receiver is gone if the caller was cancelled; the work is committed anyway.
                let _ = reply.send(Ok(answer));
            }
        }
        // One faulty job must not fail the others of its batch, so each is tried alone.
        Err(error) if !alone.is_empty() => {
            let error = format!("{error:#}");
            tracing::warn!(error, jobs = alone.len(), "batch failed; trying one by one");
            for (work, reply) in alone.into_iter().zip(replies) {
                let answer = run(db, tenant, vec![work], Utc::now()).await;
                let _ = reply.send(answer.and_then(|mut all| all.pop().context("no answer")));
            }
        }
        Err(error) => {
            for reply in replies {
                let _ = reply.send(Err(anyhow!("{error:#}")));
            }
        }
    }
}
