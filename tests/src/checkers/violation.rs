//! What the checkers find: which of them, and what it saw.

/// The checkers, by their numbers in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checker {
    /// Heads converge within scope.
    Convergence = 1,
    /// Nothing that was accepted is lost.
    NothingLost = 2,
    /// Every command has exactly one known fate.
    OneFate = 3,
    /// An independent oracle agrees with each admission.
    Oracle = 4,
    /// The incremental projection equals a rebuild.
    Projection = 5,
    /// The cursor never skips.
    Cursor = 6,
    /// Nothing out of scope is delivered.
    Scope = 7,
    /// Any request replayed is a no-op.
    Replay = 8,
    /// Everything comes to rest.
    Liveness = 9,
    /// The server answered with an error, or a store is damaged.
    Machinery = 10,
    /// What must follow a record follows it once: e-mails, actions, the end of a wait; and both
    /// sides allow the same.
    Business = 11,
}

/// Something that must not be.
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
