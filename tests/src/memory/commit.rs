//! Loading what a plan needs, and writing what it says.

use super::{
    Held, MemoryLedger, Stored,
    print::{Cases, Print},
};
use crate::{
    Sabotage,
    ledger::{Email, What},
};
use campo_domain::{command::Command, ids::DocumentId};
use campo_sync::{
    exchange::{self, Branch, EmailWrite, Loaded, LogWrite, Needs, Plan, Recipients, World},
    wire::{Hash, Push},
};
use chrono::{DateTime, Datelike, Utc};
use std::collections::BTreeMap;

impl MemoryLedger {
    /// Loads what these pushes need.
    pub(super) fn load(&self, at: DateTime<Utc>, pushes: &[&Push]) -> (World, Print) {
        let mut needs = Needs::default();
        pushes.iter().for_each(|push| needs.add(push));
        self.load_needs(at, &needs)
    }

    /// Loads what commands of the office need.
    pub(super) fn load_for(
        &self,
        at: DateTime<Utc>,
        document: DocumentId,
        commands: &[Command],
    ) -> (World, Print) {
        let mut needs = Needs::default();
        needs.documents.insert(document);
        commands.iter().for_each(|command| needs.command(document, command));
        self.load_needs(at, &needs)
    }

    fn load_needs(&self, at: DateTime<Utc>, needs: &Needs) -> (World, Print) {
        let documents: BTreeMap<DocumentId, Loaded> = needs
            .documents
            .iter()
            .filter_map(|id| Some((*id, self.documents.get(id)?.loaded.clone())))
            .collect();
        let mut raizes = needs.cases.clone();
        raizes.extend(documents.values().map(|loaded| loaded.merged.registro.raiz()));
        let cases: Cases =
            raizes.iter().filter_map(|raiz| Some((*raiz, self.cases.get(raiz)?.clone()))).collect();
        let logged: BTreeMap<_, _> =
            needs.hashes.iter().filter_map(|key| Some((*key, *self.logged.get(key)?))).collect();
        let on_branch = needs.hashes.iter().filter_map(|key| {
            let id = *self.on_branch.get(key)?;
            let held = self.held.get(&id)?;
            let decided = held.decided.is_some();
            Some((*key, Branch { id, decided, reason: held.reason.clone() }))
        });
        let branches: BTreeMap<_, _> = on_branch.collect();
        let revoked: BTreeMap<_, _> = self
            .revoked
            .iter()
            .filter(|((_, raiz), _)| raizes.contains(raiz))
            .map(|(key, seq)| (*key, *seq))
            .collect();
        let restricoes: BTreeMap<_, _> = raizes
            .iter()
            .filter_map(|raiz| Some((*raiz, self.restricoes.get(raiz)?.clone())))
            .collect();
        let people = match needs.people || !restricoes.is_empty() {
            true => self.people.iter().map(|(id, r)| (*id, r.pessoa.clone())).collect(),
            false => BTreeMap::new(),
        };
        let forgets = self.is(Sabotage::ForgetWhoWaits);
        let authors = exchange::waiting(documents.values()).into_iter().filter(|_| !forgets);
        let authors = authors.filter_map(|id| Some((id, self.people.get(&id)?.pessoa.clone())));
        let authors = authors.collect();
        let assignees = needs.assignees.iter();
        let assignees =
            assignees.filter_map(|id| Some((*id, self.people.get(id)?.pessoa.clone()))).collect();
        let world = World {
            now: at,
            year: at.year(),
            epoch: self.epoch,
            tipos: self.tipos.clone(),
            limits: self.limits,
            documents,
            erased: Default::default(),
            cases,
            logged,
            branches,
            revoked,
            last_number: self.numeracao,
            restrictions: restricoes,
            authors,
            assignees,
            people,
        };
        let print = Print::of(&world, &self.people);
        (world, print)
    }

    /// Writes a plan; returns the position in the log before its first row.
    pub(super) fn commit(&mut self, at: DateTime<Utc>, plan: Plan, base: Option<u64>) -> u64 {
        if plan.is_empty() {
            return self.seq;
        }
        let base = base.unwrap_or_else(|| {
            let base = self.seq;
            self.seq += plan.log.len() as u64;
            base
        });
        for (write, seq) in plan.log.iter().zip(base + 1..) {
            self.write_row(write, seq);
        }
        for (id, write) in plan.documents {
            let loaded = Loaded { merged: write.merged, generation: write.generation };
            match self.documents.get_mut(&id) {
                Some(stored) => (stored.loaded, stored.moved_at) = (loaded, at),
                None => {
                    let first_seq = self.first_seq(id);
                    self.documents.insert(id, Stored { loaded, first_seq, moved_at: at });
                }
            }
        }
        for ((raiz, document), people) in plan.involved {
            self.cases.entry(raiz).or_default().insert(document, people);
        }
        for (raiz, restricao) in plan.restrictions {
            match restricao {
                Some(restricao) => self.restricoes.insert(raiz, restricao),
                None => self.restricoes.remove(&raiz),
            };
        }
        plan.emails.into_iter().for_each(|email| self.mail(email));
        self.acoes.extend(plan.actions);
        for write in plan.held {
            let branch = self.held.entry(write.held).or_insert_with(|| Held {
                document: write.push.document,
                author: write.author,
                reason: write.reason.clone(),
                decided: None,
                changes: Vec::new(),
            });
            branch.decided = None;
            branch.changes.push((write.hash, write.push.clone()));
            self.on_branch.insert((write.push.document, write.hash), write.held);
            self.version += 1;
        }
        self.numeracao = plan.last_number.map_or(self.numeracao, |(_, after)| after);
        base
    }

    /// One e-mail to each who may see the record (R85, R86).
    fn mail(&mut self, email: EmailWrite) {
        let EmailWrite { document, template: modelo, to } = email;
        let usuarios = match to {
            Recipients::Client => {
                return self.emails.push(Email { document, modelo, usuario: None });
            }
            Recipients::Users(usuarios) => usuarios,
        };
        let Some(stored) = self.documents.get(&document) else { return };
        let (kind, raiz) = (stored.loaded.merged.registro.kind, stored.raiz());
        let told = usuarios.into_iter().filter(|usuario| {
            let known = self.people.get(usuario);
            known.is_some_and(|known| self.sees(&known.pessoa, kind, raiz))
        });
        let emails = told.map(|id| Email { document, modelo: modelo.clone(), usuario: Some(id) });
        let emails: Vec<Email> = emails.collect();
        self.emails.extend(emails);
    }

    fn write_row(&mut self, write: &LogWrite, seq: u64) {
        let what = match write {
            LogWrite::Change(change) => {
                self.logged.insert((change.document(), change.hash()), seq);
                What::Change {
                    document: change.document(),
                    generation: change.generation(),
                    hash: change.hash(),
                    bytes: change.bytes().to_vec(),
                }
            }
            LogWrite::Granted { user: usuario, case: raiz } => {
                self.escopo.insert((*usuario, *raiz), seq);
                What::Granted { usuario: *usuario, raiz: *raiz }
            }
            LogWrite::Revoked { user: usuario, case: raiz } => {
                self.revoked.insert((*usuario, *raiz), seq);
                What::Revoked { usuario: *usuario, raiz: *raiz }
            }
            LogWrite::HeldDecided { user: usuario, held } => {
                What::HeldDecided { usuario: *usuario, held: *held }
            }
        };
        self.show(seq, what);
    }

    /// The position of the first change of a document. Its rows must have been written before.
    fn first_seq(&self, id: DocumentId) -> u64 {
        let of = self.logged.range((id, Hash::from([0; 32]))..);
        let of = of.take_while(|((document, _), _)| *document == id);
        of.map(|(_, seq)| *seq).min().unwrap_or(0)
    }
}
