//! Records from before the run, brought step by step to late situações, with expenses, analyses and
//! actions on the way: a run is too short for new records to get so far.

use super::World;
use crate::{checkers::Violation, script::Muse};
use campo_domain::{command::Command, fluxo::Fase, ids::DocumentId, kind::Kind, tipo::Tipo};
use std::sync::Arc;

/// Commands that a record may take to get where it should be.
const STEPS_MAX: usize = 80;

impl World<'_> {
    /// Two companies of three have a past.
    pub(super) fn past(&mut self) -> Result<(), Violation> {
        if self.dice.chance(1, 3) {
            return Ok(());
        }
        for _ in 0..self.dice.range(1, 3) {
            self.record_of_the_past()?;
        }
        Ok(())
    }

    /// One record, worked on by who may do everything.
    fn record_of_the_past(&mut self) -> Result<(), Violation> {
        let usuario = self.staff.office[0].id;
        let all = self.oracle.tipos().do_kind(Kind::Ocorrencia).cloned();
        let all: Vec<Arc<Tipo>> = all.filter(|tipo| !tipo.fluxo.transicoes.is_empty()).collect();
        if all.is_empty() {
            return Ok(());
        }
        let tipo = self.dice.pick(&all).clone();
        let ends = tipo.fluxo.situacoes.iter().filter(|s| s.fase == Fase::Concluido);
        let goal = match self.dice.maybe(&ends.collect::<Vec<_>>()) {
            Some(end) if self.dice.chance(1, 2) => end,
            _ => self.dice.pick(&tipo.fluxo.situacoes),
        };
        let mut id = None;
        for _ in 0..STEPS_MAX {
            let known = self.stored();
            let (people, tipos) = (&self.people, self.oracle.tipos());
            let mut muse = Muse::of(&mut self.dice, self.now, people, &known, tipos, &self.staff);
            let stands = id.and_then(|id: DocumentId| Some((id, self.oracle.registro(id)?)));
            match stands {
                None => {
                    let command = muse.create_of(&tipo);
                    let Command::Criar { id: new, .. } = &command else { return Ok(()) };
                    id = Some(*new);
                    self.created(usuario, command)?;
                }
                Some((id, (registro, tipo))) => {
                    let command = match muse.dice.chance(1, 3) {
                        true => Some(muse.on_the_way(registro, tipo)),
                        false => muse.towards(registro, tipo, &goal.codigo),
                    };
                    let Some(command) = command else { return Ok(()) };
                    self.commands(usuario, id, &[command])?;
                    self.photos_of_the_past(id)?;
                }
            }
        }
        Ok(())
    }
}
