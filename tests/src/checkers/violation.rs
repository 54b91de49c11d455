//! What a checker reports when something is wrong.

/// The checkers, by their numbers in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checker {
    /// After a synchronisation a device has the same heads as the server, of all that its person
    /// sees.
    Convergence = 1,
    /// No accepted change is lost.
    NothingLost = 2,
    /// Every command ends accepted, held or refused, exactly once, and the server agrees.
    OneFate = 3,
    /// An independent oracle agrees with each verdict.
    Oracle = 4,
    /// The incremental projection equals a rebuild.
    Projection = 5,
    /// The cursor never passes over a row that the device should get.
    Cursor = 6,
    /// A device gets nothing that its person does not see.
    Scope = 7,
    /// A request that is sent again changes nothing.
    Replay = 8,
    /// Once faults stop, all work ends after a bounded number of requests.
    Liveness = 9,
    /// The server answered with an error, or a store is damaged.
    Machinery = 10,
    /// E-mails, actions and ends of waits happen once each; phone and server allow the same.
    Business = 11,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker found it.
    pub checker: Checker,
    /// What it found.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "checker {} ({:?}): {}", self.checker as u8, self.checker, self.what)
    }
}

/// What a checker says.
pub(crate) type Checked = Result<(), Violation>;

/// A violation.
pub(crate) fn violated(checker: Checker, what: impl Into<String>) -> Violation {
    Violation { checker, what: what.into() }
}

/// Fails unless it holds.
pub(crate) fn ensure(holds: bool, checker: Checker, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(violated(checker, what())) }
}
