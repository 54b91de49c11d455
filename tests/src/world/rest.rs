//! The end of a run: faults stop, all phones synchronise until nothing is left to do, and the final
//! state is checked.

use super::{World, machinery};
use crate::{
    checkers::{self, Checker, Violation, ensure, violated},
    device::Crash,
};
use campo_domain::ids::UserId;
use chrono::TimeDelta;

/// Answers that one account may need before it is complete.
const PAGES_MAX: u32 = 3_000;

impl World<'_> {
    pub(super) fn rest(&mut self) -> Result<(), Violation> {
        self.all_return()?;
        // Messages under way still arrive, after the phones have given up waiting for them.
        for device in &mut self.devices {
            device.crash();
        }
        let mut late = self.network.heal();
        while !late.is_empty() {
            for message in late {
                self.now += TimeDelta::seconds(1);
                self.trace.at(self.now);
                self.deliver(message)?;
            }
            late = self.network.heal();
        }
        // Two rounds, so that what one phone sends in the first reaches the others in the second.
        for round in 0..2 {
            self.complete_all(round)?;
        }
        let arrived = self.all_photos_arrive()?;
        if self.end_all_waits()? || arrived {
            self.complete_all(2)?;
        }
        self.check_waiting()?;
        self.settle_books()
    }

    fn complete_all(&mut self, round: u32) -> Result<(), Violation> {
        for place in 0..self.devices.len() {
            let people: Vec<UserId> = self.devices[place].accounts.keys().copied().collect();
            for usuario in people {
                self.complete(place, usuario, round)?;
            }
        }
        Ok(())
    }

    /// One person's phone synchronises until nothing is left to do.
    fn complete(&mut self, place: usize, usuario: UserId, round: u32) -> Result<(), Violation> {
        self.devices[place].sign_in(usuario);
        for _ in 0..PAGES_MAX {
            self.now += TimeDelta::milliseconds(100);
            self.trace.at(self.now);
            let request = self.devices[place].request();
            let ticket = self.ledger.begin(self.now, usuario, request.clone());
            let ticket = ticket.map_err(machinery)?;
            let response = self.ledger.finish(self.now, ticket).map_err(machinery)?;
            let heads = self.check(usuario, &request, &response)?;
            self.absorb(place, response, heads, Crash::No)?;
            let account = self.devices[place].account();
            if account.queue().is_empty() && !account.more {
                return Ok(());
            }
        }
        let account = self.devices[place].account();
        let left: Vec<_> = account.queue().iter().map(|(_, q)| q.command.clone()).collect();
        let what = format!(
            "round {round}: {} does not come to rest; cursor {:?}, pending {left:?}",
            self.name(usuario),
            account.cursor
        );
        Err(violated(Checker::Liveness, what))
    }

    fn settle_books(&mut self) -> Result<(), Violation> {
        for device in &self.devices {
            for (usuario, account) in &device.accounts {
                let seen = self.oracle.visible(*usuario);
                let who = format!("at rest, {}'s phone", self.name(*usuario));
                checkers::holds_what_is_seen(account, &seen, &who)?;
                for document in account.documents.values() {
                    ensure(document.in_scope, Checker::Convergence, || {
                        format!("{who} keeps {} without a reason", document.id)
                    })?;
                }
            }
        }
        self.check_references()?;
        let held = self.ledger.held().map_err(machinery)?;
        checkers::one_fate(&self.oracle, &self.devices, &self.issued, &held)?;
        checkers::stored_is_logged(&self.oracle, &self.ledger.documents().map_err(machinery)?)?;
        let emails = self.ledger.emails().map_err(machinery)?;
        checkers::same(&emails, self.oracle.emails(), "e-mails")?;
        (0..emails.len()).for_each(|_| self.trace.count("e-mail"));
        let acoes = self.ledger.acoes().map_err(machinery)?;
        checkers::same(&acoes, self.oracle.acoes(), "actions")?;
        let differs = self.ledger.projection_differs().map_err(machinery)?;
        ensure(differs.is_empty(), Checker::Projection, || differs.join("; "))?;
        // One series for the whole company, all within one year.
        let numbers = self.oracle.numbers();
        let year = self.now.format("%Y");
        let expected: Vec<_> = (1..=numbers.len()).map(|n| format!("{year}/{n:06}")).collect();
        ensure(numbers == expected, Checker::NothingLost, || {
            format!("numbers that have a gap or are given twice: {numbers:?}")
        })
    }
}
