//! What is checked of each answer when the server gives it.

use super::{Heads, World, machinery};
use crate::{
    checkers::{self, Checker, Violation, ensure, violated},
    ledger::{Row, What},
    oracle::Due,
    trace::Short,
};
use campo_domain::ids::UserId;
use campo_sync::wire::{Entry, Hash, Outcome, Push, SyncRequest, SyncResponse, Verdict};
use std::collections::{BTreeSet, VecDeque};

impl World<'_> {
    /// Everything that can be checked of an answer when it is given.
    pub(super) fn check(
        &mut self,
        usuario: UserId,
        request: &SyncRequest,
        response: &SyncResponse,
    ) -> Result<Option<Heads>, Violation> {
        self.check_verdicts(usuario, request, response)?;
        checkers::only_in_scope(&self.oracle, usuario, response)?;
        self.count_entries(response);
        if !request.push.is_empty() && self.dice.chance(1, 4) {
            self.check_replay(usuario, request, response)?;
        }
        Ok((!response.more).then(|| self.oracle.visible(usuario)))
    }

    /// 4: each verdict is what the oracle expected of it, in the order of the pushes.
    fn check_verdicts(
        &mut self,
        usuario: UserId,
        request: &SyncRequest,
        response: &SyncResponse,
    ) -> Result<(), Violation> {
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        let mut rows = VecDeque::from(rows);
        let answered = response.verdicts.len() == request.push.len();
        ensure(answered, Checker::OneFate, || "not every change was answered".into())?;
        let pushed: BTreeSet<Hash> = response.verdicts.iter().map(|v| v.hash).collect();
        for (push, verdict) in request.push.iter().zip(&response.verdicts) {
            let expect = self.oracle.expect(push, usuario, request.device);
            let outcome = &verdict.outcome;
            self.trace.event(
                label(outcome),
                format_args!("{} {:?}: {outcome:?}", Short(push.document.uuid()), verdict.hash),
            );
            ensure(expect.agrees(outcome), Checker::Oracle, || {
                let written = self.oracle.written(&verdict.hash);
                format!(
                    "{} seen {}: {outcome:?}, not {expect:?}: {written:?}",
                    self.name(usuario),
                    push.seen
                )
            })?;
            self.check_outcome(push, verdict, &pushed, &mut rows)?;
        }
        rows.iter().try_for_each(|row| self.read_row(row))?;
        self.check_settled()
    }

    fn check_outcome(
        &mut self,
        push: &Push,
        verdict: &Verdict,
        pushed: &BTreeSet<Hash>,
        rows: &mut VecDeque<Row>,
    ) -> Result<(), Violation> {
        match &verdict.outcome {
            Outcome::Accepted { seq } => {
                // Its own rows, and those that the server wrote because of it.
                let mut found = false;
                while let Some(row) = rows.front() {
                    let this = change_of(row);
                    if found && this.is_some_and(|hash| pushed.contains(&hash)) {
                        break;
                    }
                    found |= this == Some(verdict.hash);
                    self.read_row(row)?;
                    rows.pop_front();
                }
                let at = self.oracle.merged(push.document, &verdict.hash);
                ensure(at == Some(*seq), Checker::NothingLost, || {
                    format!("accepted at {seq}, in the log at {at:?}")
                })?;
            }
            Outcome::Held { id, .. } => {
                let before = self.oracle.held_in(push.document, &verdict.hash);
                ensure(before.is_none_or(|before| before == *id), Checker::Replay, || {
                    format!("held in {before:?}, then in {id}")
                })?;
                let follows = self.oracle.follows(push.document, &push.change);
                ensure(follows.is_empty() || follows.contains(id), Checker::Oracle, || {
                    format!("held in {id}, though it builds on {follows:?}")
                })?;
                self.oracle.holds(push.document, verdict.hash, *id);
            }
            _ => {}
        }
        Ok(())
    }

    /// 4: the server has judged every request that it could in the records that changed.
    pub(super) fn check_settled(&mut self) -> Result<(), Violation> {
        let left = self.oracle.settle();
        ensure(left.is_empty(), Checker::Oracle, || left.join("; "))
    }

    /// 4: the verdicts on requests for transitions are those that the requirements give.
    fn check_judged(&mut self) -> Result<(), Violation> {
        for judged in self.oracle.take_judged() {
            checkers::judged(&judged)?;
            let kind = match judged.due {
                Due::Done(_) => "transition done",
                _ => "transition refused",
            };
            let (id, due) = (judged.document.uuid(), &judged.due);
            self.trace.event(kind, format_args!("{} {due:?}", Short(id)));
        }
        Ok(())
    }

    /// 8: the same request once more, with nothing in between.
    fn check_replay(
        &mut self,
        usuario: UserId,
        request: &SyncRequest,
        response: &SyncResponse,
    ) -> Result<(), Violation> {
        let held = self.ledger.held().map_err(machinery)?;
        let ticket = self.ledger.begin(self.now, usuario, request.clone()).map_err(machinery)?;
        let again = self.ledger.finish(self.now, ticket).map_err(machinery)?;
        self.trace.count("replayed");
        checkers::same_verdicts(response, &again)?;
        let grown = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        ensure(grown.is_empty(), Checker::Replay, || format!("the log grew by {grown:?}"))?;
        let held_again = self.ledger.held().map_err(machinery)?;
        ensure(held == held_again, Checker::Replay, || "a branch grew".into())
    }

    /// Takes a row of the log in.
    pub(super) fn read_row(&mut self, row: &Row) -> Result<(), Violation> {
        match &row.what {
            What::Granted { usuario, raiz } => self.trace.event(
                "granted",
                format_args!("{} {}", self.staff.name(*usuario), Short(raiz.uuid())),
            ),
            What::Revoked { usuario, raiz } => self.trace.event(
                "revoked",
                format_args!("{} {}", self.staff.name(*usuario), Short(raiz.uuid())),
            ),
            What::Change { .. } => self.trace.count("log: change"),
            What::Reference { .. } => self.trace.count("log: reference"),
            What::HeldDecided { .. } => self.trace.count("log: held decided"),
            What::Reset { .. } => self.trace.count("log: reset"),
        }
        let read = self.oracle.read(row, self.now);
        read.map_err(|what| violated(Checker::NothingLost, what))?;
        self.check_judged()
    }

    fn count_entries(&mut self, response: &SyncResponse) {
        for entry in &response.entries {
            self.trace.count(match entry {
                Entry::Change { .. } => "sent: change",
                Entry::Snapshot { .. } | Entry::Generation { .. } => "sent: snapshot",
                Entry::Revoked { .. } | Entry::Erased { .. } => "sent: revoked",
                Entry::Reference { .. } => "sent: reference",
                Entry::HeldDecided { .. } => "sent: held decided",
            });
        }
        if response.more {
            self.trace.count("page with more to come");
        }
        if response.cursor.bootstrap.is_some() {
            self.trace.count("page of a first sync");
        }
    }
}

fn change_of(row: &Row) -> Option<Hash> {
    match &row.what {
        What::Change { hash, .. } => Some(*hash),
        _ => None,
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "verdict: accepted",
        Outcome::Known { .. } => "verdict: known",
        Outcome::Missing { .. } => "verdict: missing",
        Outcome::Held { .. } => "verdict: held",
        Outcome::Refused { .. } => "verdict: refused",
        Outcome::StaleGeneration { .. } => "verdict: stale",
    }
}
