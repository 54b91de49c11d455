//! Reads the log row by row: fails on a row that does not follow from the rows before it, and keeps
//! what later checks need.

use super::{Judged, Mirror, Oracle, Over, flow};
use crate::ledger::{Row, What};
use automerge::{ActorId, Automerge, Change, ReadDoc};
use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    registro::Registro,
    tipo::Tipo,
};
use campo_sync::{
    document::{self, Actor},
    wire::Hash,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A change of the log, with its document as it is after the change.
struct Merged {
    hash: Hash,
    /// Its place in the log.
    seq: u64,
    /// The actor and the number of the change among those of the actor.
    numbering: (ActorId, u64),
    actor: Option<Actor>,
    document: Automerge,
    registro: Registro,
    tipo: Arc<Tipo>,
}

impl Merged {
    fn by_server(&self) -> bool {
        self.actor.is_some_and(|actor| actor.user == UserId::SERVIDOR)
    }
}

impl Oracle {
    /// Reads a row that was written at `now`.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn read(&mut self, row: &Row, now: DateTime<Utc>) -> Result<(), String> {
        self.rows += 1;
        self.last = self.last.max(row.seq);
        match &row.what {
            What::Change { document, hash, bytes, .. } => {
                self.change(*document, *hash, bytes, row.seq, now)
            }
            What::Revoked { usuario, raiz } => {
                self.revoked.insert((*usuario, *raiz), row.seq);
                Ok(())
            }
            What::Reference { usuario, collection, key } => {
                self.addressed.insert((collection.clone(), key.clone()), *usuario);
                if let (Some(usuario), "eu") = (usuario, collection.as_str())
                    && let Some(pessoa) = self.told.get(usuario).cloned()
                {
                    let over = self.people.entry(*usuario).or_insert(Over(Vec::new()));
                    over.0.push((row.seq, pessoa));
                    let cases: Vec<DocumentId> = self.cases.keys().copied().collect();
                    for raiz in cases {
                        self.look(*usuario, raiz, row.seq);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn change(
        &mut self,
        id: DocumentId,
        hash: Hash,
        bytes: &[u8],
        seq: u64,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let unfit = |what: String| format!("row {seq} does not fit the document {id}: {what}");
        let merged = self.merge(id, hash, bytes, seq).map_err(unfit)?;
        if !merged.by_server()
            && self.moved.contains(&id)
            && let Some(left) = self.left(id)
        {
            return Err(left);
        }
        let judged = self.must_follow(id, &merged, now).map_err(unfit)?;
        let raiz = merged.registro.raiz();
        self.keep(id, merged, judged, now).map_err(unfit)?;
        self.cases.entry(raiz).or_default().insert(id);
        let people: Vec<UserId> = self.people.keys().copied().collect();
        for usuario in people {
            self.look(usuario, raiz, seq);
        }
        Ok(())
    }

    /// Applies a change to its document.
    ///
    /// # Errors
    /// It cannot be read, or it builds on changes that are not there.
    fn merge(&self, id: DocumentId, hash: Hash, bytes: &[u8], seq: u64) -> Result<Merged, String> {
        let change = Change::try_from(bytes).map_err(|e| e.to_string())?;
        let numbering = (change.actor_id().clone(), change.seq());
        let actor = Actor::parse(change.actor_id());
        let mut document = match self.documents.get(&id) {
            Some(mirror) => mirror.document.clone(),
            None => Automerge::new(),
        };
        document.apply_changes([change]).map_err(|e| e.to_string())?;
        if !document.get_missing_deps(&[]).is_empty() {
            return Err("it builds on changes that are not in the log".into());
        }
        let registro = document::read(&document).map_err(|e| e.to_string())?;
        let tipo = self.tipos.obter(&registro.tipo).map_err(|e| e.to_string())?.clone();
        Ok(Merged { hash, seq, numbering, actor, document, registro, tipo })
    }

    /// Checks what the change did to the record and notes the e-mails and actions that must follow.
    /// Returns the verdict on a request that the change contains, if it contains one.
    fn must_follow(
        &mut self,
        id: DocumentId,
        merged: &Merged,
        now: DateTime<Utc>,
    ) -> Result<Option<Judged>, String> {
        let registro = &merged.registro;
        self.as_told(registro)?;
        let before = self.documents.get(&id);
        let judged = before.and_then(|mirror| self.judged(mirror, registro));
        if let Some(written) = self.written.get(&merged.hash) {
            let before = before.map(|mirror| &mirror.registro);
            flow::asked_as_written(before, registro, &merged.tipo, &written.command)?;
        }
        if let Some(mirror) = before {
            let followed = mirror.follow(registro, merged.by_server(), now)?;
            self.untold.extend(followed.emails);
            self.acoes.extend(followed.acoes);
        }
        Ok(judged)
    }

    /// Stores the document as it is after the change.
    fn keep(
        &mut self,
        id: DocumentId,
        merged: Merged,
        judged: Option<Judged>,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let by_server = merged.by_server();
        let Merged { hash, seq, numbering, actor, document, registro, tipo } = merged;
        let mirror = self.documents.entry(id).or_insert_with(|| Mirror {
            document: Automerge::new(),
            registro: registro.clone(),
            tipo,
            changes: BTreeMap::new(),
            numbering: BTreeSet::new(),
            moved_at: now,
            judged_last: None,
            in_office: None,
        });
        let asks = mirror.registro.pedidos.len() < registro.pedidos.len();
        if !by_server || asks || mirror.registro.arquivos != registro.arquivos {
            self.moved.insert(id);
            mirror.judged_last = None;
            let at_desk = actor.filter(|actor| actor.device == DeviceId::ESCRITORIO);
            let at_desk = at_desk.map(|actor| actor.user).filter(|_| !by_server);
            mirror.in_office = at_desk.or(self.approved.filter(|_| !by_server));
        }
        if let Some(judged) = &judged {
            mirror.judged_last = Some(judged.pedido).filter(|_| !judged.of_server);
        }
        self.judged.extend(judged);
        mirror.document = document;
        mirror.registro = registro;
        mirror.moved_at = now;
        mirror.numbering.insert(numbering);
        match mirror.changes.insert(hash, seq) {
            None => Ok(()),
            Some(_) => Err("it is in the log twice".into()),
        }
    }

    /// Records whether the person sees the case from this position of the log on.
    fn look(&mut self, usuario: UserId, raiz: DocumentId, seq: u64) {
        let kind = self.documents.get(&raiz).map_or(Kind::Assistencia, |m| m.registro.kind);
        let sees = self.sees_case(usuario, kind, raiz);
        let over = self.sight.entry((usuario, raiz)).or_insert(Over(vec![(0, false)]));
        if *over.at(u64::MAX) != sees {
            over.0.push((seq, sees));
        }
    }
}
