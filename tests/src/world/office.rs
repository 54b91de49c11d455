//! What people in the office do, and a client in the portal: work on records, decide on held
//! branches, restrict cases.

use super::{World, machinery};
use crate::{
    checkers::{self, Checker, Violation, ensure},
    ledger::What,
    oracle::Written,
    script::{Known, Muse, label},
    trace::Short,
};
use automerge::Change;
use campo_domain::{
    command::Command,
    fluxo::Fase,
    ids::{DeviceId, DocumentId, UserId},
    registro::{SituacaoAcao, Visibilidade},
};
use campo_sync::document::Actor;
use std::collections::BTreeMap;

impl World<'_> {
    /// One thing that somebody in the office does.
    pub(super) fn office(&mut self) -> Result<(), Violation> {
        match self.dice.weighted(&[56, 5, 14, 12, 9, 14]) {
            0 => self.edit(),
            1 => self.create(),
            2 => self.decide(),
            3 => self.administer(),
            4 => self.client(),
            _ => self.conclude(),
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
        let usuario = self.somebody();
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let known = &self.known;
        let muse = Muse::of(&mut self.dice, self.now, people, known, tipos, &self.staff);
        let mut muse = muse.may(&self.oracle.person(usuario));
        let open = |id| self.oracle.is_lively(id);
        let Some(id) = muse.choose(&ids, self.attention, open) else { return self.create() };
        let Some((registro, tipo)) = self.oracle.registro(id) else { return Ok(()) };
        let command = match muse.dice.chance(1, 3) {
            true => muse.in_office(registro, tipo),
            false => muse.alter(registro, tipo),
        };
        if matches!(command, Command::Transicionar { .. }) && self.dice.chance(1, 4) {
            let note = self.word();
            return self.commands(usuario, id, &[note, command]);
        }
        self.commands(usuario, id, &[command])
    }

    /// Something that only the office does, to a record of which it may be done: an action is asked
    /// for or answered, a corrective one linked to what is concluded.
    fn conclude(&mut self) -> Result<(), Violation> {
        let offers = |id: &DocumentId| {
            let Some((registro, tipo)) = self.oracle.registro(*id) else { return false };
            let fase = registro.fase(tipo);
            let asked = registro.acoes.iter().any(|a| a.situacao == SituacaoAcao::Solicitada);
            let may_ask = tipo.acoes.iter().any(|acao| acao.fases.contains(&fase));
            asked || may_ask || (tipo.permite_acao_corretiva && fase == Fase::Concluido)
        };
        let ids: Vec<DocumentId> = self.oracle.documents().filter(offers).collect();
        let Some(id) = self.dice.maybe(&ids) else { return self.edit() };
        let usuario = self.somebody();
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let known = &self.known;
        let mut muse = Muse::of(&mut self.dice, self.now, people, known, tipos, &self.staff);
        let Some((registro, tipo)) = self.oracle.registro(id) else { return Ok(()) };
        let command = muse.in_office(registro, tipo);
        self.commands(usuario, id, &[command])
    }

    fn word(&mut self) -> Command {
        Command::Anotar {
            id: self.dice.uuid(self.now).into(),
            texto: "junto".into(),
            visibilidade: Visibilidade::Cliente,
            resposta_a: None,
        }
    }

    fn create(&mut self) -> Result<(), Violation> {
        let usuario = self.somebody();
        let known = self.stored();
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let mut muse = Muse::of(&mut self.dice, self.now, people, &known, tipos, &self.staff);
        let command = muse.create();
        self.created(usuario, command)
    }

    /// What is known and on the server.
    pub(super) fn stored(&self) -> BTreeMap<DocumentId, Known> {
        let logged: Vec<DocumentId> = self.oracle.documents().collect();
        let known = self.known.iter().filter(|(id, _)| logged.binary_search(id).is_ok());
        known.map(|(id, known)| (*id, *known)).collect()
    }

    pub(super) fn created(&mut self, usuario: UserId, command: Command) -> Result<(), Violation> {
        let Command::Criar { id, .. } = command else { return Ok(()) };
        if let Some(created) = Known::of(&command) {
            self.known.insert(id, created);
        }
        self.commands(usuario, id, &[command])
    }

    /// A client in the portal opens a case, or does something to its own.
    fn client(&mut self) -> Result<(), Violation> {
        let client = self.staff.client.id;
        let known = self.stored();
        let ids: Vec<DocumentId> = self.oracle.in_portal(client);
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let mut muse = Muse::of(&mut self.dice, self.now, people, &known, tipos, &self.staff);
        let chosen = if muse.dice.chance(1, 5) { None } else { muse.dice.maybe(&ids) };
        let record = chosen.and_then(|id| Some((id, self.oracle.registro(id)?)));
        match record {
            Some((id, (registro, tipo))) => {
                let command = muse.alter_as_client(registro, tipo);
                self.commands(client, id, &[command])
            }
            None => match muse.create_as_client() {
                Some(command) => self.created(client, command),
                None => Ok(()),
            },
        }
    }

    /// 4: the same rules apply in the office, at once, and to all commands or none.
    pub(super) fn commands(
        &mut self,
        usuario: UserId,
        id: DocumentId,
        commands: &[Command],
    ) -> Result<(), Violation> {
        // Commands before the last are notes, which are always allowed here.
        let expected = commands.iter().map(|c| self.oracle.expect_office(usuario, id, c));
        let codes: Vec<_> = expected.collect();
        let done = self.ledger.office(self.now, usuario, id, commands).map_err(machinery)?;
        let name = self.staff.name(usuario).to_owned();
        match &done {
            Ok(()) => self
                .trace
                .event("office: command", format_args!("{name} {} {commands:?}", Short(id.uuid()))),
            Err(refusal) => self.trace.event(
                "office: refused",
                format_args!("{name} {} {commands:?}: {refusal}", Short(id.uuid())),
            ),
        }
        let first = codes.iter().find(|codes| !codes.is_empty());
        let agrees = match &done {
            Ok(()) => first.is_none(),
            Err(refusal) => first.is_some_and(|c| c.contains(refusal.codigo.codigo())),
        };
        ensure(agrees, Checker::Oracle, || {
            format!("office, {name}: {commands:?} of {id} gave {done:?}, not {codes:?}")
        })?;
        self.wrote_in_office(usuario, id, commands)?;
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        ensure(done.is_ok() || rows.is_empty(), Checker::Oracle, || {
            format!("office, {name}: {commands:?} of {id} was refused and done in part")
        })?;
        self.read_log()?;
        if let Err(refusal) = &done {
            self.trace.count(refusal.codigo.codigo());
            return Ok(());
        }
        let client = usuario == self.staff.client.id;
        commands.iter().for_each(|command| self.trace.count(label(command)));
        self.trace.count(if client { "portal: command" } else { "office: command done" });
        commands.iter().for_each(|command| self.declared(id, command));
        commands.iter().try_for_each(|command| checkers::done(&self.oracle, id, command))
    }

    fn wrote_in_office(
        &mut self,
        usuario: UserId,
        document: DocumentId,
        commands: &[Command],
    ) -> Result<(), Violation> {
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        let mut commands = commands.iter().filter(|command| !command.do_servidor());
        for row in rows {
            let What::Change { hash, bytes, .. } = &row.what else { continue };
            let change = Change::try_from(&bytes[..]).ok();
            let actor = change.and_then(|change| Actor::parse(change.actor_id()));
            if actor.is_some_and(|actor| actor.user == usuario)
                && let Some(command) = commands.next()
            {
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
        let (changes, author) = (branch.changes.len(), branch.author);
        self.trace.event(kind, format_args!("{} {changes}", Short(branch.document.uuid())));
        self.oracle.approves(Some(author).filter(|_| approve));
        self.read_log()?;
        self.oracle.approves(None);
        let merged = |hash| self.oracle.merged(branch.document, hash).is_some();
        let all = branch.changes.iter().all(|(hash, _)| merged(hash));
        ensure(done.is_err() || !approve || all, Checker::NothingLost, || {
            format!("{} was approved and is not merged", branch.id)
        })
    }
}
