//! Ends of waits for clients (R54): several processes of the server look for them at different
//! times, and a change between the look and the commit starts the wait again.

use super::{Message, World, machinery};
use crate::{
    checkers::{Checker, Violation, ensure},
    ledger::Wait,
    trace::Short,
};
use chrono::TimeDelta;

impl World<'_> {
    /// One or two processes look for what has waited too long, and act on it a moment later.
    pub(super) fn timers(&mut self) -> Result<(), Violation> {
        let found = self.ledger.waited(self.now).map_err(machinery)?;
        let overdue = self.oracle.overdue(self.now);
        let documents: Vec<_> = found.iter().map(|wait| wait.document).collect();
        ensure(documents == overdue, Checker::Business, || {
            format!("the server finds {documents:?} to have waited too long, not {overdue:?}")
        })?;
        if found.is_empty() {
            return Ok(());
        }
        for _ in 0..self.dice.range(1, 3) {
            let delay = TimeDelta::milliseconds(self.dice.range(0, 3_000));
            self.network.later(self.now + delay, Message::Timer(found.clone()));
        }
        Ok(())
    }

    /// A process ends the waits that it found. Only the first process succeeds, and none if the
    /// record has changed since.
    pub(super) fn end_waits(&mut self, found: &[Wait]) -> Result<(), Violation> {
        for wait in found {
            let same = self.oracle.heads(wait.document) == wait.heads;
            let ended = self.ledger.end_wait(self.now, wait).map_err(machinery)?;
            let kind = if ended { "wait ended" } else { "wait not ended" };
            self.trace.event(kind, format_args!("{}", Short(wait.document.uuid())));
            self.read_log()?;
            ensure(ended == same, Checker::Business, || {
                format!("{}: ended {ended}, though unmoved {same}", wait.document)
            })?;
            let overdue = self.oracle.overdue(self.now).contains(&wait.document);
            ensure(!(ended && overdue), Checker::Business, || {
                format!("{} still waits", wait.document)
            })?;
        }
        Ok(())
    }

    /// At the end of the run: lets every wait exceed its time, and checks that each is ended once.
    /// True if there were any.
    pub(super) fn end_all_waits(&mut self) -> Result<bool, Violation> {
        self.now += TimeDelta::days(11);
        self.trace.at(self.now);
        let found = self.ledger.waited(self.now).map_err(machinery)?;
        self.end_waits(&found)?;
        // Another process, a moment later.
        self.timers()?;
        ensure(self.oracle.overdue(self.now).is_empty(), Checker::Business, || {
            "a wait has no end".into()
        })?;
        Ok(!found.is_empty())
    }
}
