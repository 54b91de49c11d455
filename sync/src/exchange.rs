//! The server's side, pure: what was loaded and what was pushed become a [`Plan`], which the ledger
//! writes in one transaction. Computed without locks; the ledger locks the documents in id order,
//! compares their heads with `DocumentWrite::heads_before`, and plans again if they moved.

mod plan;
mod planner;
mod replay;
mod world;

pub use plan::{
    ActionWrite, ChangeWrite, DocumentWrite, EmailWrite, HeldWrite, LogWrite, Plan, Recipients,
    settle_positions,
};
pub use planner::Planner;
pub use replay::replay;
pub use world::{Branch, Loaded, Needs, World, waiting};
