//! What people in the office do: work on records, decide on held branches, change permissions.

use super::{World, machinery};
use crate::{
    checkers::{Checker, Violation, ensure},
    ledger::What,
    oracle::Written,
    script::{Known, Muse},
    staff::toggled,
    trace::Short,
};
use automerge::Change;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, UserId},
    pessoa::Permissao,
};
use campo_sync::document::Actor;

impl World<'_> {
    /// One thing that somebody in the office does.
    pub(super) fn office(&mut self) -> Result<(), Violation> {
        match self.dice.weighted(&[60, 12, 16, 10]) {
            0 => self.edit(),
            1 => self.create(),
            2 => self.decide(),
            _ => self.permit(),
        }
    }

    fn somebody(&mut self) -> UserId {
        // Now and then somebody of the field sits in the office.
        if self.dice.chance(1, 6) {
            return self.staff.field[self.dice.below(self.staff.field.len())].id;
        }
        self.staff.office[self.dice.below(self.staff.office.len())].id
    }

    fn edit(&mut self) -> Result<(), Violation> {
        let ids: Vec<DocumentId> = self.oracle.documents().collect();
        let Some(id) = self.dice.maybe(&ids) else { return self.create() };
        let usuario = self.somebody();
        let Some((registro, tipo)) = self.oracle.registro(id) else { return Ok(()) };
        let mut muse =
            Muse { dice: &mut self.dice, at: self.now, people: &self.people, known: &self.known };
        let command = muse.alter(registro, tipo);
        self.command(usuario, id, command)
    }

    fn create(&mut self) -> Result<(), Violation> {
        let usuario = self.somebody();
        let logged: Vec<DocumentId> = self.oracle.documents().collect();
        let known = self.known.iter().filter(|(id, _)| logged.binary_search(id).is_ok());
        let known = known.map(|(id, known)| (*id, *known)).collect();
        let mut muse =
            Muse { dice: &mut self.dice, at: self.now, people: &self.people, known: &known };
        let command = muse.create();
        let Command::Criar { id, .. } = command else { return Ok(()) };
        if let Some(created) = Known::of(&command) {
            self.known.insert(id, created);
        }
        self.command(usuario, id, command)
    }

    /// 4: the office is held to the same rules, and is told at once.
    fn command(
        &mut self,
        usuario: UserId,
        id: DocumentId,
        command: Command,
    ) -> Result<(), Violation> {
        let codes = self.oracle.expect_office(usuario, id, &command);
        let permissoes = self.oracle.permissions(usuario);
        let leads = self.oracle.leads(id, &command, &permissoes);
        let done = self.ledger.office(self.now, usuario, id, &command).map_err(machinery)?;
        let name = self.staff.name(usuario);
        match &done {
            Ok(()) => self
                .trace
                .event("office: command", format_args!("{name} {} {command:?}", Short(id.uuid()))),
            Err(refusal) => self.trace.event(
                "office: refused",
                format_args!("{name} {} {command:?}: {refusal}", Short(id.uuid())),
            ),
        }
        let agrees = match &done {
            Ok(()) => codes.is_empty(),
            Err(refusal) => codes.contains(refusal.codigo.codigo()),
        };
        ensure(agrees, Checker::Oracle, || {
            format!("office, {name}: {command:?} of {id} gave {done:?}, not {codes:?}")
        })?;
        self.wrote_in_office(usuario, id, &command)?;
        self.read_log()?;
        match (done, leads) {
            (Ok(()), Some((pedido, leads))) => self.check_request(id, pedido, &leads),
            _ => Ok(()),
        }
    }

    fn wrote_in_office(
        &mut self,
        usuario: UserId,
        document: DocumentId,
        command: &Command,
    ) -> Result<(), Violation> {
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        for row in rows {
            let What::Change { hash, bytes, .. } = &row.what else { continue };
            let change = Change::try_from(&bytes[..]).ok();
            let actor = change.and_then(|change| Actor::parse(change.actor_id()));
            if actor.is_some_and(|actor| actor.user == usuario) {
                let written = Written {
                    id: self.dice.uuid(self.now).into(),
                    command: command.clone(),
                    usuario,
                    device: DeviceId::ESCRITORIO,
                    document,
                    forged: false,
                };
                self.oracle.wrote(*hash, written);
            }
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), Violation> {
        let held = self.ledger.held().map_err(machinery)?;
        let waiting: Vec<_> = held.iter().filter(|branch| branch.decided.is_none()).collect();
        if waiting.is_empty() {
            return self.edit();
        }
        let branch = waiting[self.dice.below(waiting.len())];
        let approve = self.dice.chance(2, 3);
        let usuario = self.staff.office[0].id;
        let done = self.ledger.decide(self.now, usuario, branch.id, approve);
        let done = done.map_err(machinery)?;
        let kind = match (&done, approve) {
            (Ok(()), true) => "office: approved",
            (Ok(()), false) => "office: discarded",
            (Err(_), _) => "office: could not approve",
        };
        let changes = branch.changes.len();
        self.trace.event(kind, format_args!("{} {changes}", Short(branch.document.uuid())));
        self.read_log()?;
        let merged = |hash| self.oracle.merged(branch.document, hash).is_some();
        let all = branch.changes.iter().all(|(hash, _)| merged(hash));
        ensure(done.is_err() || !approve || all, Checker::NothingLost, || {
            format!("{} was approved and is not merged", branch.id)
        })
    }

    /// An administrator gives or takes a right.
    fn permit(&mut self) -> Result<(), Violation> {
        use Permissao::{Aprovar, Gerenciar, Ver, VerTodas};
        let usuario = self.staff.field[self.dice.below(self.staff.field.len())].id;
        let before = self.oracle.permissions(usuario);
        // Whoever lost everything gets it back soon: there is nothing to see otherwise.
        let permissao = if !before.contains(&Ver) {
            Ver
        } else {
            *self.dice.pick(&[Ver, VerTodas, VerTodas, VerTodas, Gerenciar, Aprovar])
        };
        let after = toggled(&before, permissao);
        self.trace.event(
            if after.len() > before.len() { "office: permits" } else { "office: forbids" },
            format_args!("{} {permissao}", self.staff.name(usuario)),
        );
        self.oracle.permit(usuario, after.clone());
        self.ledger.permit(self.now, usuario, after).map_err(machinery)?;
        self.read_log()
    }
}
