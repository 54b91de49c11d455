//! The exchange with the server: build a request from the queue, apply the answer in one
//! transaction, until nothing more waits on either side. A cut anywhere resumes at the stored
//! cursor. The queue shrinks only by the server's verdicts, never by an error (ff23).

use crate::{
    error::Error,
    http::{AnswerError, HttpError},
    phone::Phone,
    retry::{RETRY_AFTER_MAX, delay},
    sign_in::SessionState,
    store::{
        cursor, marks,
        queue::{self, Offer},
        session::{self, Account, Session},
    },
};
use campo_domain::ids::{CommandId, DocumentId};
use campo_sync::{
    client,
    document::DocumentError,
    wire::{Limits, SyncRequest, SyncResponse},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

mod apply;
mod aside;
use apply::{Applied, apply};

/// How long a document that cannot be read waits until it is asked for again.
const ASK_AGAIN_MIN: TimeDelta = TimeDelta::days(1);
/// How often one command is offered in one synchronisation before it waits for the next.
const OFFERS_MAX: u8 = 4;

/// How far a synchronisation has come: what it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Answers applied.
    #[serde(rename = "paginas")]
    pub pages: u32,
    /// Commands offered.
    #[serde(rename = "enviados")]
    pub offered: u32,
    /// Documents that the server said something of.
    #[serde(rename = "documentos")]
    pub documents: u32,
    /// Commands that still wait.
    #[serde(rename = "pendentes")]
    pub pending: u32,
    /// Whether the server has more.
    #[serde(rename = "mais")]
    pub more: bool,
}

/// What a synchronisation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Answers applied.
    #[serde(rename = "paginas")]
    pub pages: u32,
    /// Documents that the server said something of.
    #[serde(rename = "documentos")]
    pub documents: u32,
    /// Commands that the server accepted.
    #[serde(rename = "aceitos")]
    pub accepted: u32,
    /// Commands that the office has to decide on.
    #[serde(rename = "retidos")]
    pub held: u32,
    /// Commands that were refused.
    #[serde(rename = "recusados")]
    pub refused: u32,
    /// Held branches that the office decided on.
    #[serde(rename = "decididos")]
    pub decided: u32,
    /// Documents that could not be read and are set aside; they will be asked for again.
    #[serde(rename = "danificados")]
    pub damaged: u32,
    /// Commands that still wait.
    #[serde(rename = "pendentes")]
    pub pending: u32,
    /// Stopped by the person; the next one resumes here.
    #[serde(rename = "cancelado")]
    pub cancelled: bool,
}

impl SyncReport {
    /// What the person is told of documents that could not be read.
    pub fn notice(&self) -> Option<String> {
        notice_of_damage(self.damaged)
    }
}

/// What the person is told of that many documents that could not be read; `None` of none.
pub(crate) fn notice_of_damage(damaged: u32) -> Option<String> {
    (damaged > 0).then(|| {
        format!(
            "{damaged} registro(s) não puderam ser lidos; eles serão pedidos de novo. O que \
             você escreveu neles continua guardado neste aparelho."
        )
    })
}

/// What one synchronisation remembers between its rounds.
#[derive(Default)]
struct Run {
    report: SyncReport,
    /// How many commands were offered, each as often as it was.
    sent: u32,
    /// Documents that do not move in this synchronisation; the others go on (ff22).
    stuck: BTreeSet<DocumentId>,
    offered: BTreeMap<CommandId, u8>,
    /// After a 413: fewer than the server advertised.
    items_max: Option<u32>,
    refreshed: bool,
    restarted: bool,
}

/// One exchange.
struct Round {
    /// What the request holds of the queue.
    sent: Vec<Offer>,
    request: SyncRequest,
    account: Account,
    session: Session,
}

impl Phone {
    /// Synchronises now, whatever was scheduled. `cancel` is looked at between pages.
    ///
    /// # Errors
    /// `SessaoExpirada` (local work goes on), `SemConexao` and `Servidor` (the next try is
    /// scheduled and shown), `RespostaInvalida`, `NinguemEntrou`, storage. The queue is whole in
    /// every case.
    pub fn sync_now(
        &self,
        progress: &dyn Fn(Progress),
        cancel: &AtomicBool,
    ) -> Result<SyncReport, Error> {
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, expired) = self.read(|conn| {
            let session = session::session(conn)?.ok_or(Error::NinguemEntrou)?;
            Ok((session.account, session.expired_since.is_some()))
        })?;
        let mut run = Run::default();
        let result = self.rounds(account, expired, &mut run, progress, cancel);
        self.write(|tx| {
            match &result {
                Ok(()) if run.report.cancelled => {}
                Ok(()) => cursor::succeeded(tx, account, Utc::now())?,
                Err(Error::SessaoExpirada | Error::NinguemEntrou | Error::Armazenamento(_)) => {}
                Err(error) => {
                    let failures = cursor::load(tx, account)?.failures.saturating_add(1);
                    let next = Utc::now() + delay(failures, retry_after(error));
                    cursor::failed(tx, account, failures, next, &error.to_string())?;
                }
            }
            Ok(())
        })?;
        result.map(|()| run.report)
    }

    /// Synchronises if the next try is due: for the app's timer. `None` if not, or if nobody's
    /// session is good.
    ///
    /// # Errors
    /// As [`Phone::sync_now`].
    pub fn sync_if_due(
        &self,
        now: DateTime<Utc>,
        progress: &dyn Fn(Progress),
        cancel: &AtomicBool,
    ) -> Result<Option<SyncReport>, Error> {
        if self.session_state()? != SessionState::Active {
            return Ok(None);
        }
        let next =
            self.read_as(|conn, account| Ok(cursor::load(conn, account.key)?.next_try_at))?;
        // A try that lies further ahead than any delay was scheduled by a clock that was wrong.
        let due = next.is_none_or(|next| next <= now || next > now + RETRY_AFTER_MAX);
        if due { self.sync_now(progress, cancel).map(Some) } else { Ok(None) }
    }

    fn rounds(
        &self,
        account: i64,
        expired: bool,
        run: &mut Run,
        progress: &dyn Fn(Progress),
        cancel: &AtomicBool,
    ) -> Result<(), Error> {
        if expired {
            // The person asks: perhaps the server takes it again.
            let (account, session) = self.mine(account)?;
            run.refreshed = true;
            self.refresh(&account.conta.servidor, &session)?;
        }
        loop {
            if cancel.load(Ordering::Relaxed) {
                run.report.cancelled = true;
                return Ok(());
            }
            let round = self.prepare(account, run)?;
            let (server, access) = (&round.account.conta.servidor, &round.session.access);
            let response = match self.http.sync(server, access, &round.request) {
                Ok(response) => response,
                Err(error) => {
                    self.recover(run, &round, error)?;
                    continue;
                }
            };
            if response.user != round.account.conta.usuario {
                return Err(Error::RespostaInvalida(AnswerError::User));
            }
            let taken = self.take(account, run, &round.request, response)?;
            let Some(applied) = taken else { continue };
            run.settle(&round.sent, &applied);
            progress(Progress {
                pages: run.report.pages,
                offered: run.sent,
                documents: run.report.documents,
                pending: run.report.pending,
                more: applied.more,
            });
            let waits = !self.prepare(account, run)?.sent.is_empty();
            if !applied.more && !waits || !applied.moved && round.sent.is_empty() {
                // Last of all, so that nothing else waits for it.
                if !self.ask_again(account, run)? {
                    return Ok(());
                }
            }
        }
    }

    /// Starts over for the snapshots of documents that cannot be read, at most once a day. True if
    /// it does.
    fn ask_again(&self, account: i64, run: &mut Run) -> Result<bool, Error> {
        if run.restarted {
            return Ok(false);
        }
        run.restarted = self.write(|tx| {
            let now = Utc::now();
            let last = cursor::load(tx, account)?.restarted_at;
            // A clock that was set back must not make it wait for longer.
            let due = last.is_none_or(|last| (now - last).abs() >= ASK_AGAIN_MIN);
            let asks = due && marks::damaged(tx, account)? > 0;
            if asks {
                cursor::restart(tx, account, now)?;
            }
            Ok(asks)
        })?;
        Ok(run.restarted)
    }

    /// Applies an answer. `None` if the log skipped something: the next round starts over from an
    /// empty cursor, with every document and the queue in place. Once is enough: a gap that is
    /// there after that is its document's own.
    fn take(
        &self,
        account: i64,
        run: &mut Run,
        request: &SyncRequest,
        response: SyncResponse,
    ) -> Result<Option<Applied>, Error> {
        let sorted = client::sort(response);
        let applied = self.write(|tx| apply(tx, account, request, sorted, run.restarted));
        if applied.as_ref().is_ok_and(|applied| applied.files_dropped) {
            // Files that cannot be removed now are removed when the app is opened.
            let _ = self.files.sweep(&self.database);
        }
        match applied {
            Err(Error::Documento(DocumentError::Gap)) => {
                run.restarted = true;
                self.write(|tx| Ok(cursor::restart(tx, account, Utc::now())?))?;
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// The next request, and what it holds of the queue.
    fn prepare(&self, account: i64, run: &Run) -> Result<Round, Error> {
        let (account, session) = self.mine(account)?;
        self.read(|conn| {
            let place = cursor::load(conn, account.key)?;
            let most = place.limits.push_items_max.min(Limits::DEFAULT.push_items_max);
            let push_items_max = run.items_max.unwrap_or(most).max(1);
            let mut sent = queue::offers(conn, account.key, &run.stuck, push_items_max)?;
            let limits = Limits { push_items_max, ..place.limits };
            let queued = sent
                .iter()
                .map(|offer| (offer.document, offer.generation, &offer.change[..], offer.seen));
            let mut request =
                client::request(account.device, place.epoch, place.cursor, limits, queued);
            sent.truncate(request.push.len());
            // What this device takes in one answer, not what a 413 taught it to send.
            request.limits = Limits::DEFAULT;
            Ok(Round { sent, request, account, session })
        })
    }

    /// The account and its session; an error once somebody else is signed in, whose token must
    /// never carry this account's queue (ff26).
    fn mine(&self, account: i64) -> Result<(Account, Session), Error> {
        self.read(|conn| {
            let session = session::session(conn)?.filter(|session| session.account == account);
            let session = session.ok_or(Error::NinguemEntrou)?;
            Ok((session::account(conn, account)?, session))
        })
    }

    /// Does what a failed exchange asks for, so that the next round may succeed.
    fn recover(&self, run: &mut Run, round: &Round, error: HttpError) -> Result<(), Error> {
        let Round { sent, account, session, .. } = round;
        match error {
            HttpError::Status(problem) if problem.status == 401 && !run.refreshed => {
                run.refreshed = true;
                self.refresh(&account.conta.servidor, session)
            }
            HttpError::Status(problem)
                if matches!(problem.status, 401 | 403) && !problem.codigo.is_empty() =>
            {
                self.expire(session)
            }
            HttpError::Status(problem) if problem.status == 413 && sent.len() > 1 => {
                run.items_max = Some(u32::try_from(sent.len() / 2).unwrap_or(1));
                Ok(())
            }
            // Even one change alone is too large for a proxy on the way: go on without it.
            HttpError::Status(problem) if problem.status == 413 && sent.len() == 1 => {
                run.stuck.extend(sent.iter().map(|offer| offer.document));
                Ok(())
            }
            error => Err(error.into()),
        }
    }
}

impl Run {
    /// Notes what a round did, and which documents do not move.
    fn settle(&mut self, sent: &[Offer], applied: &Applied) {
        self.refreshed = false;
        self.sent += u32::try_from(sent.len()).unwrap_or(u32::MAX);
        self.report.pages += 1;
        self.report.documents += applied.documents;
        self.report.accepted += applied.accepted;
        self.report.held += applied.held;
        self.report.refused += applied.refused;
        self.report.decided += applied.decided;
        self.report.damaged = applied.damaged;
        self.report.pending = applied.pending;
        for offer in sent {
            let times = self.offered.entry(offer.command).or_default();
            *times += 1;
            let same = applied.unsettled.get(&offer.command) == Some(&offer.hash);
            let waits = applied.unsettled.contains_key(&offer.command);
            if same || waits && *times >= OFFERS_MAX {
                self.stuck.insert(offer.document);
            }
        }
    }
}

fn retry_after(error: &Error) -> Option<u32> {
    match error {
        Error::SemConexao(HttpError::Status(problem)) => problem.retry_after,
        _ => None,
    }
}
