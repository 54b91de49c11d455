//! The planner's own copy of the world, and the plan so far.

use crate::{
    admission::{Admitted, Merged},
    document::{self, Actor, DocumentError},
    exchange::{
        plan::{ChangeWrite, DocumentWrite, LogWrite, Plan},
        world::{Loaded, World},
    },
    history,
    wire::Hash,
};
use automerge::{Automerge, Change};
use campo_domain::{
    ids::{DocumentId, HeldId, UserId},
    kind::Kind,
    policy::{self, Caso},
    refusal::Refusal,
    registro::Registro,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What a refusal of several commands restores.
pub(super) type State = (World, Plan, BTreeMap<(DocumentId, Hash), u64>);

/// The world as it will be once the plan is written, and the plan.
pub(super) struct Draft {
    pub(super) world: World,
    pub(super) plan: Plan,
    /// Changes merged by this plan, with their place in its log.
    pub(super) merged_now: BTreeMap<(DocumentId, Hash), u64>,
    pub(super) skip_dependencies: bool,
    /// Why the last change that was judged did not go in, with its particulars.
    pub(super) said: Option<Refusal>,
    /// Gives ids for new branches.
    pub(super) mint: Box<dyn FnMut() -> HeldId + Send>,
}

impl Draft {
    pub(super) fn new(world: World, mint: Box<dyn FnMut() -> HeldId + Send>) -> Self {
        Draft {
            world,
            plan: Plan::default(),
            merged_now: BTreeMap::new(),
            skip_dependencies: false,
            said: None,
            mint,
        }
    }

    pub(super) fn state(&self) -> State {
        (self.world.clone(), self.plan.clone(), self.merged_now.clone())
    }

    pub(super) fn restore(&mut self, before: State) {
        (self.world, self.plan, self.merged_now) = before;
    }

    /// The record of a document that must be in the world.
    pub(super) fn registro(&self, id: DocumentId) -> &Registro {
        &self.world.documents[&id].merged.registro
    }

    /// Everyone involved in a case, through any of its documents.
    pub(super) fn involved(&self, raiz: DocumentId) -> BTreeSet<UserId> {
        let case = self.world.cases.get(&raiz);
        case.into_iter().flat_map(|case| case.values().flatten().copied()).collect()
    }

    pub(super) fn write(&mut self, id: DocumentId, generation: u32, admitted: Admitted) -> u64 {
        let before = self.world.documents.get(&id);
        let heads_before = before.map(|loaded| document::heads(&loaded.merged.document));
        let Admitted { change, writes, merged } = admitted;
        let registro_before = before.map(|loaded| &loaded.merged.registro);
        let eventos =
            history::describe(&change, &writes, registro_before, &merged.registro, &merged.tipo);
        let change = ChangeWrite::new(id, generation, change, eventos);
        self.plan.log.push(LogWrite::Change(Box::new(change)));
        let entry = self.plan.documents.entry(id).or_insert_with(|| DocumentWrite {
            merged: merged.clone(),
            generation,
            heads_before,
            added: 0,
        });
        entry.added += 1;
        entry.merged = merged.clone();
        self.world.documents.insert(id, Loaded { merged, generation });
        self.plan.log.len() as u64
    }

    /// The server's own change to a document.
    pub(super) fn serve(
        &mut self,
        id: DocumentId,
        write: impl FnOnce(
            &mut Automerge,
            Actor,
            DateTime<Utc>,
        ) -> Result<Option<Change>, DocumentError>,
    ) {
        let Some(loaded) = self.world.documents.get(&id) else { return };
        let mut document = loaded.merged.document.clone();
        let actor = Actor::servidor(self.world.epoch);
        // The gate has checked the document's shape. If writing fails all the same, the request
        // stays without a verdict and nothing is lost.
        let Ok(Some(change)) = write(&mut document, actor, self.world.now) else { return };
        let Ok(registro) = document::read(&document) else { return };
        let generation = loaded.generation;
        let tipo = loaded.merged.tipo.clone();
        let merged = Merged { document, registro, tipo };
        self.write(id, generation, Admitted { change, writes: Vec::new(), merged });
    }

    /// Everyone, of all the company's people that were loaded, who sees the case.
    pub(super) fn sighted(&self, raiz: DocumentId) -> BTreeSet<UserId> {
        let involved = self.involved(raiz);
        let restricao = self.world.restrictions.get(&raiz);
        let caso = Caso { envolvidos: &involved, restricao };
        let people = self.world.people.values();
        // A case is seen alike through each of its documents, of any kind but a cliente.
        let see = people.filter(|pessoa| policy::visivel(pessoa, Kind::Assistencia, &caso));
        see.map(|pessoa| pessoa.id).collect()
    }

    /// Writes entries for the log for those who gain or lose sight of the case.
    pub(super) fn sight(
        &mut self,
        raiz: DocumentId,
        before: &BTreeSet<UserId>,
        after: &BTreeSet<UserId>,
    ) {
        for usuario in after.difference(before).copied() {
            self.plan.log.push(LogWrite::Granted { user: usuario, case: raiz });
        }
        for usuario in before.difference(after).copied() {
            self.plan.log.push(LogWrite::Revoked { user: usuario, case: raiz });
            // The position of this entry is not known yet; it is above every position seen so far.
            self.world.revoked.insert((usuario, raiz), u64::MAX);
        }
    }

    /// Records who is involved through the document, with entries for the log for those who gain or
    /// lose sight of the case.
    pub(super) fn involve(
        &mut self,
        raiz: DocumentId,
        document: DocumentId,
        now: BTreeSet<UserId>,
    ) {
        let before = self.involved(raiz);
        let case = self.world.cases.entry(raiz).or_default();
        if case.get(&document) == Some(&now) {
            return;
        }
        case.insert(document, now.clone());
        self.plan.involved.insert((raiz, document), now);
        let after = self.involved(raiz);
        // A restriction hides the case from people who are involved but not listed (R86).
        let restricao = self.world.restrictions.get(&raiz);
        let listed = |usuario: &UserId| {
            let pessoa = self.world.people.get(usuario);
            restricao.is_none() || pessoa.is_some_and(|pessoa| policy::listado(pessoa, restricao))
        };
        let before = before.into_iter().filter(listed).collect();
        let after = after.into_iter().filter(listed).collect();
        self.sight(raiz, &before, &after);
    }
}
