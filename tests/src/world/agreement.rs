//! A phone that knows all that the server knows of a record allows what the server allows.

use super::World;
use crate::{
    checkers::{self, Checker, Violation, ensure},
    script::Muse,
};
use campo_domain::{
    command::Command,
    ids::{DocumentId, PedidoId},
};

/// Commands that are made up for each record that is looked at.
const IDEAS: usize = 6;

impl World<'_> {
    /// At a completed synchronisation: one of the records, with whatever is not sent yet.
    pub(super) fn check_shown(&mut self, place: usize) -> Result<(), Violation> {
        let ids: Vec<DocumentId> =
            self.devices[place].account().documents.keys().copied().collect();
        let Some(id) = self.dice.maybe(&ids) else { return Ok(()) };
        let local = &self.devices[place].account().documents[&id];
        let forged = |hash| self.oracle.written(hash).is_some_and(|written| written.forged);
        // Whoever forges it sees what was forged, until the server refuses it.
        if local.queue.iter().any(|queued| forged(&queued.hash)) {
            return Ok(());
        }
        let Some(view) = self.devices[place].view(id) else { return Ok(()) };
        let who = format!("{}'s phone", self.name(self.devices[place].signed_in));
        checkers::proven(&self.oracle, &view.registro, &who)
    }

    /// At a completed synchronisation: one of the records that are the same on both sides.
    pub(super) fn check_agreement(&mut self, place: usize) -> Result<(), Violation> {
        let account = self.devices[place].account();
        let usuario = self.devices[place].signed_in;
        let server = self.oracle.person(usuario);
        let Some(phone) = account.pessoa.clone().filter(|pessoa| *pessoa == server) else {
            return Ok(());
        };
        let same: Vec<DocumentId> = account
            .documents
            .values()
            .filter(|document| document.in_scope && document.queue.is_empty())
            .map(|document| document.id)
            .filter(|id| account.heads.get(id).is_some_and(|h| *h == self.oracle.heads(*id)))
            .collect();
        let Some(id) = self.dice.maybe(&same) else { return Ok(()) };
        let Some(view) = self.devices[place].view(id) else { return Ok(()) };
        let Some((registro, tipo)) = self.oracle.registro(id) else { return Ok(()) };
        ensure(view.registro == *registro, Checker::Business, || {
            format!("{id} reads {:?} on the phone, {registro:?} on the server", view.registro)
        })?;
        let mut own = self.oracle.waiting(id).filter(|pedido| pedido.autoria.por == usuario);
        if own.next().is_some() {
            // It shows what the person asked for as done; the server waits for the photos.
            let forecast = self.oracle.forecast(&server, registro, tipo);
            let shown = view.previsto.situacao(&view.tipo).map(|situacao| situacao.codigo.clone());
            self.trace.count("agreed on what waits");
            return ensure(shown == forecast, Checker::Business, || {
                format!("{id} is shown in {shown:?}, not {forecast:?}")
            });
        }
        ensure(view.previsto == *registro, Checker::Business, || {
            format!("{id} is shown as {:?}, not {registro:?}", view.previsto)
        })?;
        let (people, tipos) = (&self.people, self.oracle.tipos());
        let known = &self.known;
        let mut muse = Muse::of(&mut self.dice, self.now, people, known, tipos, &self.staff);
        let mut commands: Vec<Command> = (0..IDEAS).map(|_| muse.alter(registro, tipo)).collect();
        commands.push(muse.misbehave(registro, tipo));
        commands.extend(tipo.fluxo.transicoes.iter().map(|transicao| Command::Transicionar {
            pedido: PedidoId::from_u128(1),
            verbo: transicao.verbo.clone(),
            motivo: Some("para ver".into()),
            email: false,
        }));
        self.trace.count("agreed");
        commands.iter().try_for_each(|command| {
            checkers::agree((&view.previsto, &phone), (registro, &server), tipo, command)
        })
    }
}
