//! What people with a phone do, and what happens to their phones.

use super::World;
use crate::{
    checkers::{Checker, Issued, Violation, violated},
    device::Crash,
    script::{Known, Muse, label},
    trace::Short,
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId},
    kind::Kind,
};
use campo_sync::client::{RunError, Stamp};
use chrono::TimeDelta;
use std::collections::BTreeMap;

impl World<'_> {
    /// One thing that happens at one phone.
    pub(super) fn field(&mut self, place: usize) -> Result<(), Violation> {
        let device = &mut self.devices[place];
        if device.in_flight.is_some_and(|(_, until)| until < self.now) {
            device.in_flight = None;
            self.trace.count("fault: timeout");
        }
        if self.dice.chance(self.network.faults.partitioned, 1000) {
            let until = self.now + TimeDelta::minutes(self.dice.range(1, 300));
            self.network.cut(place, until);
            self.trace.event("fault: cut off", format_args!("phone {place}"));
        }
        match self.dice.weighted(&[50, 40, 2, 2, 3, 2, 1, 3]) {
            0 => self.act(place),
            1 => {
                if self.devices[place].in_flight.is_none() {
                    self.send(place);
                }
                Ok(())
            }
            2 => {
                self.devices[place].crash();
                self.trace.event("fault: crash", format_args!("phone {place}"));
                Ok(())
            }
            3 => {
                let other = self.staff.field[self.dice.below(self.staff.field.len())].id;
                self.devices[place].sign_in(other);
                self.trace.event("signed in", format_args!("{}", self.staff.name(other)));
                Ok(())
            }
            4 => {
                self.steal(place);
                Ok(())
            }
            5 => {
                self.backups[place] = Some(self.devices[place].clone());
                self.trace.count("backup");
                Ok(())
            }
            6 => {
                self.restore(place);
                Ok(())
            }
            _ => self.forge(place),
        }
    }

    /// The phone is put back to what it was. What it never sent since is gone with it.
    fn restore(&mut self, place: usize) {
        let Some(mut device) = self.backups[place].take() else { return };
        device.crash();
        device.restored = true;
        let kept = |issued: &Issued| {
            issued.device != place
                || device.accounts.get(&issued.usuario).is_some_and(|account| {
                    account.order.contains_key(&issued.id)
                        || account.settled.iter().any(|s| s.queued.id == issued.id)
                })
        };
        self.issued.retain(kept);
        self.devices[place] = device;
        self.trace.event("fault: restored", format_args!("phone {place}"));
    }

    pub(super) fn stamp(&mut self, place: usize) -> Stamp {
        let device = &self.devices[place];
        let (at, seen) = (device.clock(self.now), device.account().cursor.seq);
        Stamp { id: self.dice.uuid(at).into(), at, seen, nonce: self.dice.word() }
    }

    /// What the person signed in knows of.
    fn knowledge(&self, place: usize) -> BTreeMap<DocumentId, Known> {
        let documents = &self.devices[place].account().documents;
        let known = documents.iter().filter(|(_, document)| document.in_scope);
        known.filter_map(|(id, _)| Some((*id, *self.known.get(id)?))).collect()
    }

    fn act(&mut self, place: usize) -> Result<(), Violation> {
        let Some(pessoa) = self.devices[place].account().pessoa.clone() else { return Ok(()) };
        let stamp = self.stamp(place);
        let known = self.knowledge(place);
        let ids: Vec<DocumentId> = known.keys().copied().collect();
        let few = ids.is_empty() || self.dice.chance(1, 12);
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let muse = Muse::of(&mut self.dice, stamp.at, people, &known, tipos, &self.staff);
        let mut muse = muse.may(&pessoa);
        let open = |id| self.oracle.is_lively(id);
        let chosen = if few { None } else { muse.choose(&ids, self.attention, open) };
        let view = chosen.and_then(|id| self.devices[place].view(id));
        let unruly = muse.dice.chance(1, 10);
        let (id, command) = match (chosen.zip(view), unruly) {
            (None, _) => {
                let command = muse.create();
                let Command::Criar { id, .. } = &command else { return Ok(()) };
                (*id, command)
            }
            (Some((id, view)), false) => (id, muse.alter(&view.previsto, &view.tipo)),
            (Some((id, view)), true) => {
                let command = muse.misbehave(&view.previsto, &view.tipo);
                return self.unruly(place, id, command, stamp);
            }
        };
        let crash = self.crash();
        self.run_command(place, id, command, stamp, crash)
    }

    fn run_command(
        &mut self,
        place: usize,
        id: DocumentId,
        command: Command,
        stamp: Stamp,
        crash: Crash,
    ) -> Result<(), Violation> {
        let name = self.staff.name(self.devices[place].signed_in).to_owned();
        if crash != Crash::No {
            self.trace.event("fault: crash", format_args!("{name}'s phone, {crash:?}"));
        }
        let created = Known::of(&command);
        match self.devices[place].run(id, command.clone(), stamp, crash) {
            Ok(true) => {
                if let Some(created) = created {
                    self.known.insert(id, created);
                }
                self.trace
                    .event("command", format_args!("{name} {} {command:?}", Short(id.uuid())));
                self.trace.count(label(&command));
                self.issue(place, stamp.id);
                self.wrote(place, id, None);
                self.declared(id, &command);
                Ok(())
            }
            Ok(false) => {
                self.trace.count("command that changes nothing");
                Ok(())
            }
            Err(RunError::Refused(refusal)) => {
                self.trace.event("refused at the tap", format_args!("{name} {refusal}"));
                self.trace.count(refusal.codigo.codigo());
                Ok(())
            }
            Err(RunError::Document(error)) => {
                let what = format!("{name}'s phone cannot run {command:?}: {error:?}");
                Err(violated(Checker::Machinery, what))
            }
        }
    }

    /// A modified app does what the rules would not allow.
    fn unruly(
        &mut self,
        place: usize,
        id: DocumentId,
        command: Command,
        stamp: Stamp,
    ) -> Result<(), Violation> {
        let done = self.devices[place].run_unchecked(id, command.clone(), stamp);
        if let Ok(true) = done {
            let name = self.staff.name(self.devices[place].signed_in);
            self.trace
                .event("unruly command", format_args!("{name} {} {command:?}", Short(id.uuid())));
            self.issue(place, stamp.id);
            self.wrote(place, id, None);
            self.declared(id, &command);
        }
        Ok(())
    }

    pub(super) fn issue(&mut self, place: usize, id: CommandId) {
        let usuario = self.devices[place].signed_in;
        self.issued.push(Issued { id, device: place, usuario });
    }
}

impl Known {
    /// The client that has a login.
    pub const CLIENT: Known = Known { kind: Kind::Cliente, assistencia: None };

    /// What is known of the document that the command creates.
    pub fn of(command: &Command) -> Option<Known> {
        let Command::Criar { kind, campos, .. } = command else { return None };
        let assistencia = campos.get("assistencia").and_then(|valor| valor.id());
        Some(Known { kind: *kind, assistencia: assistencia.map(DocumentId::from) })
    }
}
