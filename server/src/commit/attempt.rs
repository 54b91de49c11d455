//! A batch of work in one transaction: read, planned, written. Planned again where another process
//! was faster.

use super::{
    corretiva::{Corretivas, Vinculacao},
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

/// How often a batch is planned again because another process was faster.
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

/// One round: read at one moment, plan, and write under the locks what was planned.
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
    let ground = Ground::read(&mut tx, tenant, works, now).await?;
    tx.rollback().await?;
    let (cases, ano) = (ground.world.cases.clone(), ground.world.year);
    let (restricoes, everyone) = (ground.world.restrictions.clone(), ground.world.people.clone());
    let people = ground.judged();
    let jobs = works.clone();
    // Merging is work for a processor, not for the threads that serve connections.
    let Planned { plan, mut answers, decisions, corretivas } =
        tokio::task::spawn_blocking(move || ground.plan(&jobs)).await.context("planning failed")?;
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
    let base = write_plan(&mut tx, frame, &plan).await?;
    tx.commit().await?;
    for answer in &mut answers {
        if let Answer::Verdicts(verdicts) = answer {
            settle_positions(verdicts, base);
        }
    }
    Ok(answers)
}

/// Writes a plan, all or nothing; returns the position before its first entry. Rows that need no
/// position come before the clock is taken: from there to the commit nobody else of the company
/// can commit.
async fn write_plan(tx: &mut PgTransaction<'_>, frame: Frame<'_>, plan: &Plan) -> Result<u64> {
    ledger::prepare(tx, frame, plan).await?;
    let documents = plan.documents.values();
    let registros: Vec<_> =
        documents.map(|d| (&d.merged.registro, &*d.merged.tipo, frame.now)).collect();
    projection::write(tx, frame.tenant, &registros).await?;
    outbox::enqueue(tx, frame.tenant, frame.now, plan).await?;
    let base = ledger::append(tx, frame, plan).await?;
    projection::follow(tx, frame.tenant, &ledger::eventos(frame, plan, base)).await?;
    ledger::finish(tx, frame, plan, base).await?;
    Ok(base)
}

/// What a batch is planned on, as of one moment.
struct Ground {
    world: World,
    requesters: BTreeMap<(UserId, DeviceId), Requester>,
    held: BTreeMap<HeldId, Branch>,
    corretivas: Corretivas,
}

/// What came of it.
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
        let pedidas: Vec<&Vinculacao> = works.iter().filter_map(Work::corretiva).collect();
        let corretivas = Corretivas::ler(tx, &pedidas, world.year).await?;
        Ok(Self { world, requesters, held, corretivas })
    }

    /// The people whose doing is judged, or whose work it becomes.
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
