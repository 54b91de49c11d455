//! Changes that no command writes, such as a modified app could send. Each must be refused without
//! an effect on the changes before and after it.

use super::World;
use crate::{checkers::Violation, trace::Short};
use automerge::{
    Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use campo_domain::{command::Command, ids::DocumentId, registro::Visibilidade};
use campo_sync::document::{Actor, DocumentError};

type Forged = Result<(), DocumentError>;

const FORGERIES: [fn(&mut Transaction<'_>) -> Forged; 11] = [
    |tx| in_map(tx, "servidor", |tx, obj| Ok(tx.put(obj, "situacao", "resolvida")?)),
    |tx| in_map(tx, "servidor", |tx, obj| Ok(tx.put(obj, "numero", "2026/000001")?)),
    |tx| in_map(tx, "servidor", |tx, obj| Ok(tx.put(obj, "restricao", ScalarValue::Null)?)),
    |tx| {
        in_map(tx, "servidor", |tx, obj| match tx.get(obj, "acoes")? {
            Some((_, acoes)) => {
                tx.put_object(&acoes, "00000000000000000000000000000001", ObjType::Map)?;
                Ok(())
            }
            None => Err(DocumentError::Lacks("acoes")),
        })
    },
    |tx| {
        in_map(tx, "servidor", |tx, obj| match tx.get(obj, "arquivos")? {
            Some((_, arquivos)) => {
                let keys: Vec<String> = tx.keys(&arquivos).map(|key| key.to_string()).collect();
                let key = keys.first().map_or("00000000000000000000000000000001", |key| key);
                let file = tx.put_object(&arquivos, key, ObjType::Map)?;
                Ok(tx.put(&file, "situacao", "verificada")?)
            }
            None => Err(DocumentError::Lacks("arquivos")),
        })
    },
    // Shows nothing in a diff.
    |tx| {
        in_map(tx, "campos", |tx, obj| {
            tx.put(obj, "criado_por", "eu")?;
            Ok(tx.delete(obj, "criado_por")?)
        })
    },
    |tx| {
        in_map(tx, "campos", |tx, obj| {
            tx.put_object(obj, "responsavel", ObjType::Map)?;
            Ok(())
        })
    },
    |tx| Ok(tx.put(ROOT, "tipo", "p001.cliente")?),
    |tx| {
        tx.put_object(ROOT, "notas", ObjType::Map)?;
        Ok(())
    },
    |tx| in_map(tx, "campos", |tx, obj| Ok(tx.put(obj, "prazo", ScalarValue::counter(1))?)),
    |tx| {
        in_map(tx, "notas", |tx, obj| {
            let keys: Vec<String> = tx.keys(obj).map(|key| key.to_string()).collect();
            match keys.first() {
                Some(key) => Ok(tx.delete(obj, key.as_str())?),
                None => Ok(tx.put(obj, "x", "y")?),
            }
        })
    },
];

fn in_map(
    tx: &mut Transaction<'_>,
    name: &'static str,
    write: impl FnOnce(&mut Transaction<'_>, &automerge::ObjId) -> Forged,
) -> Forged {
    match tx.get(ROOT, name)? {
        Some((_, obj)) => write(tx, &obj),
        None => Err(DocumentError::Lacks(name)),
    }
}

fn forge(
    document: &mut Automerge,
    actor: Actor,
    at_ms: i64,
    write: fn(&mut Transaction<'_>) -> Forged,
) -> Result<Option<Change>, DocumentError> {
    document.set_actor(actor.actor_id());
    let mut tx = document.transaction();
    write(&mut tx)?;
    let (hash, _) = tx.commit_with(CommitOptions::default().with_time(at_ms));
    Ok(hash.and_then(|hash| document.get_change_by_hash(&hash)))
}

impl World<'_> {
    /// The phone writes a change that no command writes.
    pub(super) fn forge(&mut self, place: usize) -> Result<(), Violation> {
        let account = self.devices[place].account();
        let ids: Vec<DocumentId> =
            account.documents.values().filter(|d| d.in_scope).map(|d| d.id).collect();
        let Some(id) = self.dice.maybe(&ids) else { return Ok(()) };
        let stamp = self.stamp(place);
        let nota = self.dice.uuid(stamp.at).into();
        let pretext = Command::Anotar {
            id: nota,
            texto: "forjado".into(),
            visibilidade: Visibilidade::Interna,
            resposta_a: None,
        };
        let which = self.dice.below(FORGERIES.len());
        let at_ms = stamp.at.timestamp_millis();
        let done = self.devices[place].run_unruly(id, pretext, stamp, |doc, actor, _| {
            forge(doc, actor, at_ms, FORGERIES[which])
        });
        if let Ok(true) = done {
            self.trace.event("forged", format_args!("{which} {}", Short(id.uuid())));
            let queue = self.devices[place].account().documents.get(&id).map(|d| &d.queue);
            let forged = queue.and_then(|queue| queue.last()).map(|queued| queued.hash);
            self.issue(place, stamp.id);
            self.wrote(place, id, forged);
        }
        Ok(())
    }
}
