//! The upload queue: all thumbnails, then previews, then originals, a few at a time, within the
//! budget. The server says which bytes it has. Each step is in the database before it begins, so
//! that work continues after a crash. Only files that the accepted document declares are sent, and
//! only the document says that a photo is verified.

use super::{
    access::Access,
    run::{End, Run, Stop, UploadProgress, UploadReport},
};
use crate::{
    error::Error,
    http::HttpError,
    phone::Phone,
    retry::delay,
    store::uploads::{self, UploadTurn},
};
use campo_domain::parte::Variante;
use chrono::{TimeDelta, Utc};
use std::sync::{
    PoisonError,
    atomic::{AtomicBool, Ordering},
    mpsc::{Sender, channel},
};

/// Files on their way at once.
const AT_ONCE: usize = 3;
/// How often in a row the server may fail before the rest waits as well.
const FAILURES_MAX: u32 = 3;

impl Phone {
    /// Sends the files that are due, as far as network and budget allow; returns when nothing more
    /// can be done now. `cancel` is read before each buffer. A call during another returns at once
    /// and says so. Failed files wait; [`Phone::tentar_fotos_agora`] ends the wait.
    ///
    /// # Errors
    /// `SessaoExpirada`, `NinguemEntrou`, storage. What was sent before stays so. A file that
    /// failed is no error; it is in the report and in [`Phone::fotos`].
    pub fn enviar_fotos(
        &self,
        cancel: &AtomicBool,
        progress: &dyn Fn(UploadProgress),
    ) -> Result<UploadReport, Error> {
        let Some(_alone) = self.files.sender()? else {
            let stopped = Some(Stop::AlreadyRunning);
            return Ok(UploadReport { stopped, ..UploadReport::default() });
        };
        let access = Access::new(self)?;
        self.renew_budget()?;
        let account = access.account;
        let run = Run::new(self, access, cancel);
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                let (run, sender) = (&run, sender.clone());
                scope.spawn(move || run.work(&sender));
            }
            drop(sender);
            receiver.iter().for_each(progress);
        });
        let state = run.into_state();
        if let Some(error) = state.error {
            return Err(error);
        }
        let unverified = self.read(|conn| Ok(uploads::unverified(conn, Some(account))?))?;
        Ok(UploadReport {
            waiting: unverified.photos,
            next_try_at: unverified.next_try_at,
            ..state.report
        })
    }

    /// Makes failed files due at once, and those that the server refused too: the person asks for
    /// it.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn tentar_fotos_agora(&self) -> Result<(), Error> {
        self.write_as(|tx, account| Ok(uploads::all_due(tx, account.key)?))
    }
}

impl Run<'_> {
    /// One file after the other, until none is left that may go.
    fn work(&self, progress: &Sender<UploadProgress>) {
        loop {
            let turn = match self.next() {
                Ok(Some(turn)) => turn,
                Ok(None) => return,
                Err(error) => return self.end(Some(error)),
            };
            let going = Going { run: self, turn: &turn };
            let end = self.send(&turn, progress);
            let settled = self.settle(&turn, end);
            drop(going);
            if let Err(error) = settled {
                return self.end(Some(error));
            }
        }
    }

    /// The next file whose turn it is: no preview while a thumbnail is on its way.
    fn next(&self) -> Result<Option<UploadTurn>, Error> {
        // Held while looking, so that no two take the same.
        let mut state = self.state();
        loop {
            if self.ended.load(Ordering::SeqCst) {
                return Ok(None);
            }
            if self.cancel.load(Ordering::SeqCst) {
                state.report.stopped = Some(Stop::Cancelled);
                return Ok(None);
            }
            let account = self.access.account;
            let mut waiting =
                self.phone.read(|conn| Ok(uploads::waiting(conn, account, Utc::now())?))?;
            waiting.retain(|turn| !state.busy.contains_key(&(turn.row, turn.variant)));
            if waiting.is_empty() {
                return Ok(None);
            }
            waiting.retain(|turn| self.phone.allowance.permits(turn.variant));
            if waiting.is_empty() {
                state.report.stopped = Some(Stop::Network);
                return Ok(None);
            }
            // The same bytes may not be needed twice.
            let twice = |turn: &UploadTurn| state.busy.values().any(|hash| *hash == turn.sha256);
            let turn = waiting.into_iter().find(|turn| !twice(turn));
            let alone =
                |turn: &UploadTurn| state.busy.keys().all(|(_, variant)| *variant == turn.variant);
            if let Some(turn) = turn.filter(alone) {
                state.busy.insert((turn.row, turn.variant), turn.sha256.clone());
                return Ok(Some(turn));
            }
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes down how a file's turn ended.
    fn settle(&self, turn: &UploadTurn, end: End) -> Result<(), Error> {
        let mut state = self.state();
        match end {
            End::Sent => {
                state.failures = 0;
                state.report.files += 1;
                state.report.photos += u32::from(turn.variant == Variante::Original);
            }
            End::Nothing => {}
            End::Stopped(stop) => {
                state.report.stopped.get_or_insert(stop);
            }
            End::Failed { error, offline, moved } => {
                state.report.failed += 1;
                let (of_all, retry_after) = match &error {
                    // An answer about this file alone says nothing about the others.
                    HttpError::Status(problem) => (problem.passing(), problem.retry_after),
                    _ => (true, None),
                };
                state.failures += u32::from(of_all);
                let all = offline || state.failures >= FAILURES_MAX;
                drop(state);
                // An upload that made progress continues without a wait.
                let wait = delay(turn.failures.saturating_add(1), retry_after);
                let next = Utc::now() + if moved { TimeDelta::zero() } else { wait };
                let why = Error::from(error).to_string();
                self.phone.write(|tx| Ok(uploads::failed(tx, turn, next, &why)?))?;
                if all {
                    self.end(None);
                }
            }
            End::Unread => {
                state.report.failed += 1;
                drop(state);
                let next = Utc::now() + delay(turn.failures.saturating_add(1), None);
                let why = "O arquivo não pôde ser lido neste aparelho agora.";
                self.phone.write(|tx| Ok(uploads::failed(tx, turn, next, why)?))?;
            }
            End::GivenUp(as_what, why) => {
                state.report.given_up += u32::from(turn.variant == Variante::Original);
                drop(state);
                self.phone.write(|tx| Ok(uploads::given_up(tx, turn, as_what, &why)?))?;
            }
            End::Fatal(error) => {
                drop(state);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A file that is on its way, until it is dropped.
struct Going<'a> {
    run: &'a Run<'a>,
    turn: &'a UploadTurn,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        let UploadTurn { row, document, item, variant, .. } = *self.turn;
        self.run.phone.transfer.sending.end((document, item, variant));
        self.run.state().busy.remove(&(row, variant));
        self.run.turn.notify_all();
    }
}
