//! From pushes and office commands to one transaction. Work of a company that arrives together is
//! planned and committed together: one wait for the disk serves all of it.

use crate::{
    app::App,
    db::Db,
    ledger::{self, Conflict, Frame, Share},
};
use anyhow::{Context, Result, anyhow};
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, HeldId, ItemId, TenantId, UserId},
    pessoa::Pessoa,
    refusal::{Codigo, Refusal},
    registro::SituacaoArquivo,
};
use campo_sync::{
    admission::Requester,
    exchange::{Needs, Planner, settle_positions},
    wire::{Push, Verdict},
};
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::PgTransaction;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

mod corretiva;

use corretiva::Corretivas;
pub use corretiva::{Nova, Vinculacao};

/// How often a batch is planned again because another process was faster.
const ATTEMPTS_MAX: usize = 8;
/// Jobs in one batch.
const BATCH_MAX: usize = 256;
/// Bytes of changes in one batch; a single job may be larger.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Something to commit.
#[derive(Clone, Debug)]
pub enum Work {
    /// Changes from a device.
    Push {
        /// Who pushes.
        user: UserId,
        /// From where.
        device: DeviceId,
        /// What, in causal order within a document.
        pushes: Vec<Push>,
    },
    /// Commands from the office, all or none of them.
    Office {
        /// Who.
        user: UserId,
        /// On which record what.
        commands: Vec<(DocumentId, Command)>,
        /// Only while this record has these heads.
        se: Option<(DocumentId, Vec<ChangeHash>)>,
    },
    /// The office decides on a held branch.
    Decide {
        /// Who.
        user: UserId,
        /// Which branch.
        held: HeldId,
        /// Merge it, or not.
        approve: bool,
        /// What the office says to the author.
        note: Option<String>,
    },
    /// Records join an ação corretiva, which is opened if it is new; all of it or nothing.
    Corretiva(Vinculacao),
    /// A record has waited too long for the client.
    Inatividade {
        /// Which.
        document: DocumentId,
        /// As it was found: whatever moved since begins the wait anew.
        heads: Vec<ChangeHash>,
    },
    /// How far the bytes of a file have come.
    Arquivo {
        /// Of which record.
        document: DocumentId,
        /// Which file.
        anexo: ItemId,
        /// How far.
        situacao: SituacaoArquivo,
        /// Why they were discarded: a code.
        motivo: Option<&'static str>,
    },
}

impl Work {
    fn corretiva(&self) -> Option<&Vinculacao> {
        match self {
            Work::Corretiva(pedida) => Some(pedida),
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Work::Push { pushes, .. } => pushes.iter().map(|push| push.change.len()).sum(),
            Work::Office { .. }
            | Work::Decide { .. }
            | Work::Corretiva(_)
            | Work::Inatividade { .. }
            | Work::Arquivo { .. } => 0,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of a push: one verdict for each change.
    Verdicts(Vec<Verdict>),
    /// Of the office's doing.
    Office(Result<(), Refusal>),
    /// Whether the wait was ended.
    Ended(bool),
    /// Whether the record has such a file.
    Arquivo(bool),
}

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Answer>>,
}

/// One queue a company, in this process.
#[derive(Clone, Debug, Default)]
pub struct Committers(Arc<Mutex<HashMap<TenantId, mpsc::Sender<Job>>>>);

/// Commits work, together with whatever else of the company arrives now.
///
/// # Errors
/// PostgreSQL's; nothing has been written then.
pub async fn submit(app: &App, tenant: TenantId, work: Work) -> Result<Answer> {
    let sender = {
        let mut queues = app.committers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = queues.get(&tenant).filter(|sender| !sender.is_closed()).cloned();
        open.unwrap_or_else(|| {
            let (sender, receiver) = mpsc::channel(BATCH_MAX);
            tokio::spawn(serve(app.db.clone(), tenant, receiver));
            queues.insert(tenant, sender.clone());
            sender
        })
    };
    let (reply, answer) = oneshot::channel();
    sender.send(Job { work, reply }).await.map_err(|_| anyhow!("the committer has stopped"))?;
    answer.await.context("the committer has stopped")?
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
                // The asker may have gone; its work is done all the same.
                let _ = reply.send(Ok(answer));
            }
        }
        // What one job brings must not fail the others: each by itself.
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

/// Plans and commits a batch in one transaction.
///
/// # Errors
/// PostgreSQL's; nothing has been written then.
pub async fn run(
    db: &Db,
    tenant: TenantId,
    works: Vec<Work>,
    now: DateTime<Utc>,
) -> Result<Vec<Answer>> {
    let works = Arc::new(works);
    // As precise as PostgreSQL stores it, so that rows and log say the same.
    let now = now.trunc_subsecs(6);
    for round in 0..ATTEMPTS_MAX {
        // Twice beaten: the next time nobody may be faster.
        let share = if round < 2 { Share::WithOthers } else { Share::Alone };
        match attempt(db, tenant, &works, now, share).await {
            Err(error) if moved(&error) => continue,
            outcome => return outcome,
        }
    }
    Err(anyhow!("the company's records moved {ATTEMPTS_MAX} times while they were planned"))
}

/// Whether it is worth planning again: somebody was faster, or stood in the way of a lock.
fn moved(error: &anyhow::Error) -> bool {
    error.is::<Conflict>()
        || error.downcast_ref::<sqlx::Error>().is_some_and(|error| {
            let code = error.as_database_error().and_then(|error| error.code());
            // serialization_failure, deadlock_detected, unique_violation
            matches!(code.as_deref(), Some("40001" | "40P01" | "23505"))
        })
}

async fn attempt(
    db: &Db,
    tenant: TenantId,
    works: &Arc<Vec<Work>>,
    now: DateTime<Utc>,
    share: Share,
) -> Result<Vec<Answer>> {
    let mut write = match share {
        Share::WithOthers => None,
        Share::Alone => {
            let mut write = db.tenant(tenant).await?;
            ledger::lock_company(&mut write, tenant, share).await?;
            Some(write)
        }
    };
    // Planned on one moment; what is written is checked against the present under its locks.
    let mut tx = db.snapshot(tenant).await?;
    let mut needs = Needs::default();
    let mut requesters = BTreeMap::new();
    let mut held = BTreeMap::new();
    for work in works.iter() {
        gather(&mut tx, tenant, work, &mut needs, &mut held).await?;
        let Some(key) = who(work) else { continue };
        if let std::collections::btree_map::Entry::Vacant(vacant) = requesters.entry(key) {
            vacant.insert(ledger::requester(&mut tx, tenant, key.0, key.1).await?);
        }
    }
    for branch in held.values_mut() {
        let device = DeviceId::ESCRITORIO;
        branch.author = Some(ledger::requester(&mut tx, tenant, branch.user, device).await?);
    }
    let users: BTreeSet<UserId> = requesters.keys().map(|(user, _)| *user).collect();
    let world = ledger::world(&mut tx, tenant, &needs, &users, now).await?;
    let pedidas: Vec<&Vinculacao> = works.iter().filter_map(Work::corretiva).collect();
    let mut corretivas = Corretivas::ler(&mut tx, &pedidas, world.year).await?;
    tx.rollback().await?;
    let (cases, ano) = (world.cases.clone(), world.year);
    let (restricoes, everyone) = (world.restrictions.clone(), world.people.clone());
    let judged = requesters.values().chain(held.values().filter_map(|b| b.author.as_ref()));
    let judged = judged.map(|requester| &requester.pessoa);
    let judged = judged.chain(world.authors.values()).chain(world.assignees.values());
    let people: BTreeMap<UserId, Pessoa> =
        judged.map(|pessoa| (pessoa.id, pessoa.clone())).collect();
    let jobs = works.clone();
    // Merging is work for a processor, not for the threads that serve connections.
    let (plan, mut answers, decisions, corretivas) = tokio::task::spawn_blocking(move || {
        let mut planner = Planner::new(world, || Uuid::now_v7().into());
        let mut decisions = Vec::new();
        let answers: Vec<Answer> = jobs
            .iter()
            .map(|work| {
                let with = (&mut decisions, &mut corretivas);
                plan_one(&mut planner, work, &requesters, &held, with)
            })
            .collect();
        (planner.finish(), answers, decisions, corretivas)
    })
    .await
    .context("planning failed")?;
    if plan.is_empty() && corretivas.is_empty() {
        return Ok(answers);
    }
    let (cases, restricoes, everyone) = (&cases, &restricoes, &everyone);
    let frame = Frame { tenant, now, ano, cases, restricoes, everyone, people: &people };
    let mut tx = match write.take() {
        Some(write) => write,
        None => db.tenant(tenant).await?,
    };
    decide(&mut tx, frame, &decisions).await?;
    corretivas.escrever(&mut tx, frame).await?;
    let base = ledger::commit(&mut tx, frame, &plan).await?;
    tx.commit().await?;
    for answer in &mut answers {
        if let Answer::Verdicts(verdicts) = answer {
            settle_positions(verdicts, base);
        }
    }
    Ok(answers)
}

/// Who does it; nobody for what the server does by itself.
fn who(work: &Work) -> Option<(UserId, DeviceId)> {
    match work {
        Work::Push { user, device, .. } => Some((*user, *device)),
        Work::Office { user, .. } | Work::Decide { user, .. } => {
            Some((*user, DeviceId::ESCRITORIO))
        }
        Work::Corretiva(pedida) => Some((pedida.user, DeviceId::ESCRITORIO)),
        Work::Inatividade { .. } | Work::Arquivo { .. } => None,
    }
}

/// A branch that somebody decides on.
#[derive(Clone, Debug)]
struct Branch {
    user: UserId,
    author: Option<Requester>,
    pushes: Vec<Push>,
}

async fn gather(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    work: &Work,
    needs: &mut Needs,
    held: &mut BTreeMap<HeldId, Branch>,
) -> Result<()> {
    match work {
        Work::Push { pushes, .. } => pushes.iter().for_each(|push| needs.add(push)),
        Work::Office { commands, se, .. } => {
            commands.iter().for_each(|(document, command)| needs.command(*document, command));
            needs.documents.extend(se.iter().map(|(document, _)| *document));
        }
        Work::Corretiva(Vinculacao { registros, .. }) => needs.documents.extend(registros),
        Work::Inatividade { document, .. } | Work::Arquivo { document, .. } => {
            needs.documents.insert(*document);
        }
        Work::Decide { held: id, .. } => {
            let author: Option<Uuid> = sqlx::query_scalar(
                "SELECT author FROM held WHERE tenant = $1 AND id = $2 \
                 AND status = 'aguardando'",
            )
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut **tx)
            .await?;
            if let Some(author) = author {
                let pushes = ledger::held_pushes(tx, tenant, *id).await?;
                pushes.iter().for_each(|push| needs.add(push));
                held.insert(*id, Branch { user: author.into(), author: None, pushes });
            }
        }
    }
    Ok(())
}

/// A decision that goes with the plan.
struct Decision {
    user: UserId,
    held: HeldId,
    approve: bool,
    note: Option<String>,
}

fn plan_one(
    planner: &mut Planner,
    work: &Work,
    requesters: &BTreeMap<(UserId, DeviceId), Requester>,
    held: &BTreeMap<HeldId, Branch>,
    (decisions, corretivas): (&mut Vec<Decision>, &mut Corretivas),
) -> Answer {
    let requester = |user, device| &requesters[&(user, device)];
    match work {
        Work::Push { user, device, pushes } => {
            let requester = requester(*user, *device);
            let verdicts = pushes.iter().map(|push| planner.push(requester, push));
            Answer::Verdicts(verdicts.collect())
        }
        Work::Office { user, commands, se } => {
            let requester = requester(*user, DeviceId::ESCRITORIO);
            let se = se.as_ref().map(|(document, heads)| (*document, heads.as_slice()));
            Answer::Office(planner.office_all(requester, commands, se))
        }
        Work::Corretiva(pedida) => {
            let requester = requester(pedida.user, DeviceId::ESCRITORIO);
            Answer::Office(corretivas.vincular(planner, requester, pedida))
        }
        Work::Inatividade { document, heads } => {
            Answer::Ended(planner.inactive(*document, heads, Uuid::now_v7().into()))
        }
        Work::Arquivo { document, anexo, situacao, motivo } => {
            Answer::Arquivo(planner.file_state(*document, *anexo, *situacao, *motivo))
        }
        Work::Decide { user, held: id, approve, note } => {
            let id = *id;
            let taken = decisions.iter().any(|decision| decision.held == id);
            let Some(branch) = held.get(&id).filter(|_| !taken) else {
                return Answer::Office(Err(Refusal::new(Codigo::NaoEncontrado)));
            };
            let done = match &branch.author {
                Some(author) if *approve => planner.approve(id, author, &branch.pushes),
                _ => {
                    planner.decided(id, branch.user);
                    Ok(())
                }
            };
            if done.is_ok() {
                decisions.push(Decision {
                    user: *user,
                    held: id,
                    approve: *approve,
                    note: note.clone(),
                });
            }
            Answer::Office(done)
        }
    }
}

async fn decide(
    tx: &mut PgTransaction<'_>,
    frame: Frame<'_>,
    decisions: &[Decision],
) -> Result<()> {
    for decision in decisions {
        let done = sqlx::query(
            "UPDATE held SET status = $3, decided_by = $4, decided_at = $5, decision_note = $6 \
             WHERE tenant = $1 AND id = $2 AND status = 'aguardando'",
        )
        .bind(frame.tenant.uuid())
        .bind(decision.held.uuid())
        .bind(if decision.approve { "aprovado" } else { "descartado" })
        .bind(decision.user.uuid())
        .bind(frame.now)
        .bind(&decision.note)
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(Conflict.into());
        }
    }
    Ok(())
}
