//! The planner: applies pushes and office commands, one after the other, to a copy of the loaded
//! data. The plan lists what must be written.

mod draft;
mod gate;
mod office;
mod requests;
mod server;

use super::{plan::Plan, world::World};
use crate::{
    admission::Requester,
    wire::{Push, Verdict},
};
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DocumentId, HeldId, ItemId, PedidoId, UserId},
    refusal::Refusal,
    registro::SituacaoArquivo,
};
use draft::Draft;

/// Plans any number of pushes, of several devices, one after the other.
pub struct Planner(Draft);

impl Planner {
    /// Starts from what was loaded; `mint` gives ids for new branches.
    pub fn new(world: World, mint: impl FnMut() -> HeldId + Send + 'static) -> Self {
        Planner(Draft::new(world, Box::new(mint)))
    }

    /// For the test that proves the checkers: a server that forgets the dependency check.
    #[doc(hidden)]
    pub fn sabotage_dependencies(&mut self) {
        self.0.skip_dependencies = true;
    }

    /// What the ledger must write.
    pub fn finish(self) -> Plan {
        self.0.plan
    }

    /// Judges one change and, if it is admitted, merges it and what the server has to say to it.
    pub fn push(&mut self, requester: &Requester, push: &Push) -> Verdict {
        gate::push(&mut self.0, requester, push)
    }

    /// A person in the office does something: through the same gate, as the office's device.
    ///
    /// # Errors
    /// The refusal to show.
    pub fn office(
        &mut self,
        requester: &Requester,
        document: DocumentId,
        command: &Command,
    ) -> Result<(), Refusal> {
        office::run(&mut self.0, requester, document, command)
    }

    /// Several commands, all or nothing; `unchanged` names a record and the heads that it must
    /// still have for them to count.
    ///
    /// # Errors
    /// The first refusal, or `versao_mudou`; nothing has changed then.
    pub fn office_all(
        &mut self,
        requester: &Requester,
        commands: &[(DocumentId, Command)],
        unchanged: Option<(DocumentId, &[ChangeHash])>,
    ) -> Result<(), Refusal> {
        office::run_all(&mut self.0, requester, commands, unchanged)
    }

    /// The server ends the wait for a client (R54), if the record still has the heads that it had
    /// when its time was found to be over: any change begins the wait again. Says whether it did.
    pub fn inactive(
        &mut self,
        document: DocumentId,
        heads: &[ChangeHash],
        pedido: PedidoId,
    ) -> bool {
        server::inactive(&mut self.0, document, heads, pedido)
    }

    /// The server says how far the bytes of a file have come; what was verified stays so. Says
    /// whether the record has such a file.
    pub fn file_state(
        &mut self,
        document: DocumentId,
        anexo: ItemId,
        situacao: SituacaoArquivo,
        motivo: Option<&str>,
    ) -> bool {
        server::file_state(&mut self.0, document, anexo, situacao, motivo)
    }

    /// The office approves a branch: its changes are merged as they were written, or none if one of
    /// them can no longer be merged. Requests for transitions in it are judged by the present
    /// permissions of its author.
    ///
    /// # Errors
    /// Why it cannot be merged.
    pub fn approve(
        &mut self,
        held: HeldId,
        author: &Requester,
        changes: &[Push],
    ) -> Result<(), Refusal> {
        gate::approve(&mut self.0, held, author, changes)
    }

    /// Writes an entry for the log that tells the author of a branch of the office's decision.
    pub fn decided(&mut self, held: HeldId, author: UserId) {
        gate::decided(&mut self.0, held, author);
    }
}
