//! What the person and the system say of the network and of what photos may cost on it.

use crate::{
    budget::{Budget, Network},
    error::Error,
    phone::Phone,
    store,
};
use rusqlite::Connection;

impl Phone {
    /// Says what network there is: the app calls it whenever the system says so. What may not go by
    /// it stops within one buffer.
    pub fn set_network(&self, network: Network) {
        self.allowance.set_network(network);
    }

    /// Says what photos may cost; kept for this person, and in force at once.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn set_budget(&self, budget: Budget) -> Result<(), Error> {
        self.write_as(|tx, account| {
            store::budget::save(tx, account.key, budget.code())?;
            // Inside the transaction: a run that reads the stored budget at this moment must not
            // put the old one in force afterwards.
            self.allowance.set_budget(budget);
            Ok(())
        })
    }

    /// What photos may cost.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn budget(&self) -> Result<Budget, Error> {
        self.read_as(|conn, account| stored(conn, account.key))
    }

    /// Puts in force what is stored: another process may have stored it.
    pub(super) fn renew_budget(&self) -> Result<(), Error> {
        self.read_as(|conn, account| {
            self.allowance.set_budget(stored(conn, account.key)?);
            Ok(())
        })
    }
}

fn stored(conn: &Connection, account: i64) -> Result<Budget, Error> {
    let code = store::budget::load(conn, account)?;
    Ok(code.and_then(|code| Budget::of_code(&code)).unwrap_or_default())
}
