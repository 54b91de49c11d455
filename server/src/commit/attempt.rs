//! Plans and commits a batch of work in one transaction. If another server has committed to the
//! same records meanwhile, the batch is planned again.

use super::{
    corretiva::{Corretivas, Linking},
    work::{Answer, Work},
};
use crate::{
    db::Db,
    ledger::{self, Conflict, Frame, Share},
    outbox, projection,
};
use anyhow::{Context, Result, anyhow};
use campo_domain::{
    ids::{DeviceId, HeldId, TenantId, UserId},
    pessoa::Pessoa,
    refusal::{Codigo, Refusal},
};
use campo_sync::{
    admission::Requester,
    exchange::{Needs, Plan, Planner, World, settle_positions},
    wire::Push,
};
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::PgTransaction;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};
use uuid::Uuid;

/// Attempts of a batch before it fails because other servers changed the same records each time.
const ATTEMPTS_MAX: usize = 8;

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
    // Microseconds, as PostgreSQL stores them, so that rows and log agree.
    let now = now.trunc_subsecs(6);
    for round in 0..ATTEMPTS_MAX {
        // After two conflicts the next attempt locks other servers out.
        let share = if round < 2 { Share::WithOthers } else { Share::Alone };
        match attempt(db, tenant, &works, now, share).await {
            Err(error) if moved(&error) => continue,
            outcome => return outcome,
        }
    }
    Err(anyhow!("the company's records moved {ATTEMPTS_MAX} times while they were planned"))
}

/// Whether another attempt may succeed: the error is a conflict with another transaction.
fn moved(error: &anyhow::Error) -> bool {
    error.is::<Conflict>()
        || error.downcast_ref::<sqlx::Error>().is_some_and(|error| {
            let code = error.as_database_error().and_then(|error| error.code());
            // serialization_failure, deadlock_detected, unique_violation
            matches!(code.as_deref(), Some("40001" | "40P01" | "23505"))
        })
}

/// One attempt: read a snapshot, plan on it, then write the plan under locks that check that the
/// snapshot still holds.
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
    // The plan is made on a snapshot; `write_plan` compares it with the present under locks.
    let mut tx = db.snapshot(tenant).await?;
    let ground = Ground::read(&mut tx, tenant, works, now).await?;
    tx.rollback().await?;
    let (cases, year) = (ground.world.cases.clone(), ground.world.year);
    let (restrictions, everyone) = (ground.world.restrictions.clone(), ground.world.people.clone());
    let people = ground.judged();
    let jobs = works.clone();
    // Merging takes CPU time, so it must not run on the threads that serve connections.
    let Planned { plan, mut answers, decisions, corretivas } =
        tokio::task::spawn_blocking(move || ground.plan(&jobs)).await.context("planning failed")?;
    if plan.is_empty() && corretivas.is_empty() {
        return Ok(answers);
    }
    let (cases, restrictions, everyone) = (&cases, &restrictions, &everyone);
    let frame = Frame { tenant, now, year, cases, restrictions, everyone, people: &people };
    let mut tx = match write.take() {
        Some(write) => write,
        None => db.tenant(tenant).await?,
    };
    decide(&mut tx, frame, &decisions).await?;
    corretivas.write(&mut tx, frame).await?;
    let base = write_plan(&mut tx, frame, &plan).await?;
    tx.commit().await?;
    for answer in &mut answers {
        if let Answer::Verdicts(verdicts) = answer {
            settle_positions(verdicts, base);
        }
    }
    Ok(answers)
}

/// Writes a plan; returns the position in the log before its first entry. Rows that need no
/// position are written first, because from `ledger::append` until the commit no other transaction
/// of the company can commit.
async fn write_plan(tx: &mut PgTransaction<'_>, frame: Frame<'_>, plan: &Plan) -> Result<u64> {
    ledger::prepare(tx, frame, plan).await?;
    let documents = plan.documents.values();
    let records: Vec<_> =
        documents.map(|d| (&d.merged.registro, &*d.merged.tipo, frame.now)).collect();
    projection::write(tx, frame.tenant, &records).await?;
    outbox::enqueue(tx, frame.tenant, frame.now, plan).await?;
    let base = ledger::append(tx, frame, plan).await?;
    projection::follow(tx, frame.tenant, &ledger::eventos(frame, plan, base)).await?;
    ledger::finish(tx, frame, plan, base).await?;
    Ok(base)
}

/// What a batch is planned on: one snapshot of the database.
struct Ground {
    world: World,
    requesters: BTreeMap<(UserId, DeviceId), Requester>,
    held: BTreeMap<HeldId, Branch>,
    corretivas: Corretivas,
}

/// The result of planning.
struct Planned {
    plan: Plan,
    answers: Vec<Answer>,
    decisions: Vec<Decision>,
    corretivas: Corretivas,
}

impl Ground {
    async fn read(
        tx: &mut PgTransaction<'_>,
        tenant: TenantId,
        works: &[Work],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut needs = Needs::default();
        let mut requesters = BTreeMap::new();
        let mut held = BTreeMap::new();
        for work in works {
            gather(tx, tenant, work, &mut needs, &mut held).await?;
            let Some(key) = who(work) else { continue };
            if let Entry::Vacant(vacant) = requesters.entry(key) {
                vacant.insert(ledger::requester(tx, tenant, key.0, key.1).await?);
            }
        }
        for branch in held.values_mut() {
            let device = DeviceId::ESCRITORIO;
            branch.author = Some(ledger::requester(tx, tenant, branch.user, device).await?);
        }
        let users: BTreeSet<UserId> = requesters.keys().map(|(user, _)| *user).collect();
        let world = ledger::world(tx, tenant, &needs, &users, now).await?;
        let linkings: Vec<&Linking> = works.iter().filter_map(Work::corretiva).collect();
        let corretivas = Corretivas::read(tx, &linkings, world.year).await?;
        Ok(Self { world, requesters, held, corretivas })
    }

    /// The people whose permissions the plan depends on: those who ask, and those who get work.
    fn judged(&self) -> BTreeMap<UserId, Pessoa> {
        let authors = self.held.values().filter_map(|branch| branch.author.as_ref());
        let judged = self.requesters.values().chain(authors).map(|requester| &requester.pessoa);
        let others = self.world.authors.values().chain(self.world.assignees.values());
        judged.chain(others).map(|pessoa| (pessoa.id, pessoa.clone())).collect()
    }

    fn plan(self, works: &[Work]) -> Planned {
        let Self { world, requesters, held, mut corretivas } = self;
        let mut planner = Planner::new(world, || Uuid::now_v7().into());
        let mut decisions = Vec::new();
        let answers: Vec<Answer> = works
            .iter()
            .map(|work| {
                let with = (&mut decisions, &mut corretivas);
                plan_one(&mut planner, work, &requesters, &held, with)
            })
            .collect();
        Planned { plan: planner.finish(), answers, decisions, corretivas }
    }
}

/// The person and device that ask for it; `None` for what the server does by itself.
fn who(work: &Work) -> Option<(UserId, DeviceId)> {
    match work {
        Work::Push { user, device, .. } => Some((*user, *device)),
        Work::Office { user, .. } | Work::Decide { user, .. } => {
            Some((*user, DeviceId::ESCRITORIO))
        }
        Work::Corretiva(linking) => Some((linking.user, DeviceId::ESCRITORIO)),
        Work::Inactive { .. } | Work::File { .. } => None,
    }
}

/// A held branch that is decided on.
#[derive(Clone, Debug)]
struct Branch {
    user: UserId,
    author: Option<Requester>,
    pushes: Vec<Push>,
    /// When the last of it came.
    received_at: DateTime<Utc>,
}

/// Adds what one job needs to be loaded.
async fn gather(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    work: &Work,
    needs: &mut Needs,
    held: &mut BTreeMap<HeldId, Branch>,
) -> Result<()> {
    match work {
        Work::Push { pushes, .. } => pushes.iter().for_each(|push| needs.add(push)),
        Work::Office { commands, only_if, .. } => {
            commands.iter().for_each(|(document, command)| needs.command(*document, command));
            needs.documents.extend(only_if.iter().map(|(document, _)| *document));
        }
        Work::Corretiva(Linking { records, .. }) => needs.documents.extend(records),
        Work::Inactive { document, .. } | Work::File { document, .. } => {
            needs.documents.insert(*document);
        }
        Work::Decide { held: id, .. } => {
            let found: Option<(Uuid, DateTime<Utc>)> = sqlx::query_as(
                "SELECT author, received_at FROM held WHERE tenant = $1 AND id = $2 \
                 AND status = 'aguardando'",
            )
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut **tx)
            .await?;
            if let Some((author, received_at)) = found {
                let pushes = ledger::held_pushes(tx, tenant, *id).await?;
                pushes.iter().for_each(|push| needs.add(push));
                let user = author.into();
                held.insert(*id, Branch { user, author: None, pushes, received_at });
            }
        }
    }
    Ok(())
}

/// A decision to be written with the plan.
struct Decision {
    user: UserId,
    held: HeldId,
    approve: bool,
    note: Option<String>,
    /// When the last of what was decided on came.
    received_at: DateTime<Utc>,
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
        Work::Office { user, commands, only_if } => {
            let requester = requester(*user, DeviceId::ESCRITORIO);
            let only_if = only_if.as_ref().map(|(document, heads)| (*document, heads.as_slice()));
            Answer::Office(planner.office_all(requester, commands, only_if))
        }
        Work::Corretiva(linking) => {
            let requester = requester(linking.user, DeviceId::ESCRITORIO);
            Answer::Office(corretivas.link(planner, requester, linking))
        }
        Work::Inactive { document, heads } => {
            Answer::Ended(planner.inactive(*document, heads, Uuid::now_v7().into()))
        }
        Work::File { document, attachment, state, reason } => {
            Answer::File(planner.file_state(*document, *attachment, *state, *reason))
        }
        Work::Decide { user, held: id, approve, note, seen } => {
            let id = *id;
            let taken = decisions.iter().any(|decision| decision.held == id);
            let Some(branch) = held.get(&id).filter(|_| !taken) else {
                return Answer::Office(Err(Refusal::new(Codigo::RetidaDecidida)));
            };
            if seen.is_some_and(|seen| seen != branch.received_at) {
                let what = "O trabalho retido".to_owned();
                return Answer::Office(Err(Refusal::with(Codigo::ValorMudou, [what])));
            }
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
                    received_at: branch.received_at,
                });
            }
            Answer::Office(done)
        }
    }
}

/// Writes the decisions; a conflict if a branch was decided on meanwhile, or more of it came.
async fn decide(
    tx: &mut PgTransaction<'_>,
    frame: Frame<'_>,
    decisions: &[Decision],
) -> Result<()> {
    for decision in decisions {
        let done = sqlx::query(
            "UPDATE held SET status = $3, decided_by = $4, decided_at = $5, decision_note = $6 \
             WHERE tenant = $1 AND id = $2 AND status = 'aguardando' AND received_at = $7",
        )
        .bind(frame.tenant.uuid())
        .bind(decision.held.uuid())
        .bind(if decision.approve { "aprovado" } else { "descartado" })
        .bind(decision.user.uuid())
        .bind(frame.now)
        .bind(&decision.note)
        .bind(decision.received_at)
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(Conflict.into());
        }
    }
    Ok(())
}
