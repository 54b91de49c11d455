//! The exchange with the server: build a request from the queue, apply the answer in one
//! transaction, until nothing more waits on either side. A cut anywhere resumes at the stored
//! cursor. The queue shrinks only by the server's verdicts, never by an error (ff23).

use crate::{
    campo::{Campo, Sessao, refresh, sentence},
    error::{AnswerError, Error},
    http::HttpError,
    store::{
        cursor, marks,
        queue::{self, Offer},
        session::{self, Quem, Session},
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
pub(crate) use apply::{Applied, apply};

const RETRY_MIN: TimeDelta = TimeDelta::seconds(5);
const RETRY_MAX: TimeDelta = TimeDelta::minutes(15);
/// Longest wait that a server may ask for, and that a clock set back may leave behind.
pub(crate) const RETRY_AFTER_MAX: TimeDelta = TimeDelta::hours(1);
/// How long a document that cannot be read waits until it is asked for again.
const ASK_AGAIN_MIN: TimeDelta = TimeDelta::days(1);
/// How often one command is offered in one synchronisation before it waits for the next.
const OFFERS_MAX: u8 = 4;

/// How far a synchronisation has come: what it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Answers applied.
    pub paginas: u32,
    /// Commands offered.
    pub enviados: u32,
    /// Documents that the server said something of.
    pub documentos: u32,
    /// Commands that still wait.
    pub pendentes: u32,
    /// Whether the server has more.
    pub mais: bool,
}

/// What a synchronisation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Answers applied.
    pub paginas: u32,
    /// Documents that the server said something of.
    pub documentos: u32,
    /// Commands that the server accepted.
    pub aceitos: u32,
    /// Commands that the office has to decide on.
    pub retidos: u32,
    /// Commands that were refused.
    pub recusados: u32,
    /// Held branches that the office decided on.
    pub decididos: u32,
    /// Documents that could not be read and are set aside; they will be asked for again.
    pub danificados: u32,
    /// Commands that still wait.
    pub pendentes: u32,
    /// Stopped by the person; the next one resumes here.
    pub cancelado: bool,
}

impl SyncReport {
    /// What the person is told of documents that could not be read.
    pub fn aviso(&self) -> Option<String> {
        aviso(self.danificados)
    }
}

/// What the person is told of that many documents that could not be read; `None` of none.
pub(crate) fn aviso(danificados: u32) -> Option<String> {
    (danificados > 0).then(|| {
        format!(
            "{danificados} registro(s) não puderam ser lidos; eles serão pedidos de novo. O que \
             você escreveu neles continua guardado neste aparelho."
        )
    })
}

/// What one synchronisation remembers between its rounds.
#[derive(Default)]
struct Run {
    report: SyncReport,
    enviados: u32,
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
    quem: Quem,
    session: Session,
}

impl Campo {
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
            Ok((session.account, session.expirada_desde.is_some()))
        })?;
        let mut run = Run::default();
        let result = self.rounds(account, expired, &mut run, progress, cancel);
        self.write(|tx| {
            match &result {
                Ok(()) if run.report.cancelado => {}
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
    /// As [`Campo::sync_now`].
    pub fn sync_if_due(
        &self,
        now: DateTime<Utc>,
        progress: &dyn Fn(Progress),
        cancel: &AtomicBool,
    ) -> Result<Option<SyncReport>, Error> {
        if self.session_state()? != Sessao::Ativa {
            return Ok(None);
        }
        let next = self.read_as(|conn, quem| Ok(cursor::load(conn, quem.account)?.next_try_at))?;
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
            let (quem, session) = self.mine(account)?;
            run.refreshed = true;
            refresh(self, &quem.conta, &session)?;
        }
        loop {
            if cancel.load(Ordering::Relaxed) {
                run.report.cancelado = true;
                return Ok(());
            }
            let round = self.prepare(account, run)?;
            let (server, access) = (&round.quem.conta.servidor, &round.session.acesso);
            let response = match self.http.sync(server, access, &round.request) {
                Ok(response) => response,
                Err(error) => {
                    self.recover(run, &round, error)?;
                    continue;
                }
            };
            if response.user != round.quem.conta.usuario {
                return Err(Error::RespostaInvalida(AnswerError::User));
            }
            let taken = self.take(account, run, &round.request, response)?;
            let Some(applied) = taken else { continue };
            run.settle(&round.sent, &applied);
            progress(Progress {
                paginas: run.report.paginas,
                enviados: run.enviados,
                documentos: run.report.documentos,
                pendentes: run.report.pendentes,
                mais: applied.more,
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
            // What is left of them now goes when the app is opened.
            let _ = self.sweep();
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
        let (quem, session) = self.mine(account)?;
        self.read(|conn| {
            let place = cursor::load(conn, account)?;
            let most = place.limits.push_items_max.min(Limits::DEFAULT.push_items_max);
            let push_items_max = run.items_max.unwrap_or(most).max(1);
            let mut sent = queue::offers(conn, account, &run.stuck, push_items_max)?;
            let limits = Limits { push_items_max, ..place.limits };
            let queued = sent
                .iter()
                .map(|offer| (offer.document, offer.generation, &offer.change[..], offer.seen));
            let mut request =
                client::request(quem.device, place.epoch, place.cursor, limits, queued);
            sent.truncate(request.push.len());
            // What this device takes in one answer, not what a 413 taught it to send.
            request.limits = Limits::DEFAULT;
            Ok(Round { sent, request, quem, session })
        })
    }

    /// The account and its session; an error once somebody else is signed in, whose token must
    /// never carry this account's queue (ff26).
    fn mine(&self, account: i64) -> Result<(Quem, Session), Error> {
        self.read(|conn| {
            let session = session::session(conn)?.filter(|session| session.account == account);
            let session = session.ok_or(Error::NinguemEntrou)?;
            Ok((session::quem(conn, account)?, session))
        })
    }

    /// Does what a failed exchange asks for, so that the next round may succeed.
    fn recover(&self, run: &mut Run, round: &Round, error: HttpError) -> Result<(), Error> {
        let Round { sent, quem, session, .. } = round;
        match error {
            HttpError::Status(problem) if problem.status == 401 && !run.refreshed => {
                run.refreshed = true;
                refresh(self, &quem.conta, session)
            }
            HttpError::Status(problem)
                if matches!(problem.status, 401 | 403) && !problem.codigo.is_empty() =>
            {
                self.write(|tx| Ok(session::expire(tx, &session.renovacao, Utc::now())?))?;
                Err(Error::SessaoExpirada)
            }
            HttpError::Status(problem) if problem.status == 413 && sent.len() > 1 => {
                run.items_max = Some(u32::try_from(sent.len() / 2).unwrap_or(1));
                Ok(())
            }
            // One change alone is too much for whatever stands in between: the rest goes on.
            HttpError::Status(problem) if problem.status == 413 && sent.len() == 1 => {
                run.stuck.extend(sent.iter().map(|offer| offer.document));
                Ok(())
            }
            error => Err(sentence(error)),
        }
    }
}

impl Run {
    /// Notes what a round did, and which documents do not move.
    fn settle(&mut self, sent: &[Offer], applied: &Applied) {
        self.refreshed = false;
        self.enviados += u32::try_from(sent.len()).unwrap_or(u32::MAX);
        self.report.paginas += 1;
        self.report.documentos += applied.documentos;
        self.report.aceitos += applied.aceitos;
        self.report.retidos += applied.retidos;
        self.report.recusados += applied.recusados;
        self.report.decididos += applied.decididos;
        self.report.danificados = applied.danificados;
        self.report.pendentes = applied.pendentes;
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

/// 5 s after the first failure, doubling up to 15 min, with jitter so that a company's phones do
/// not come back all at once; longer if the server asked for it.
pub(crate) fn delay(failures: u32, retry_after: Option<u32>) -> TimeDelta {
    let doubled = RETRY_MIN * 2_i32.pow(failures.clamp(1, 12) - 1);
    let most = doubled.min(RETRY_MAX);
    let jitter = TimeDelta::milliseconds(rand::random_range(0..=most.num_milliseconds() / 2));
    let asked = TimeDelta::seconds(i64::from(retry_after.unwrap_or(0))).min(RETRY_AFTER_MAX);
    (most - jitter).max(RETRY_MIN).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_5_s_to_15_min_and_honour_the_server() {
        for failures in 1..40 {
            let delay = delay(failures, None);
            assert!((RETRY_MIN..=RETRY_MAX).contains(&delay), "{failures}: {delay}");
        }
        assert_eq!(delay(1, None), RETRY_MIN);
        assert!(delay(20, None) >= RETRY_MAX / 2);
        assert_eq!(delay(1, Some(120)), TimeDelta::seconds(120));
        assert_eq!(delay(1, Some(u32::MAX)), RETRY_AFTER_MAX);
    }
}
