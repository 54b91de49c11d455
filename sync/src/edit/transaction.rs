//! One change to a document: begun as an actor, written, committed.

use crate::document::{Actor, DocumentError, SERVIDOR, container, key};
use automerge::{
    Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{CommitOptions, Transactable, Transaction},
};
use campo_domain::ids::PedidoId;
use chrono::{DateTime, Utc};

/// A document that an actor is about to change.
pub(super) struct Writing<'a> {
    pub(super) doc: &'a mut Automerge,
    /// The time of the change, in milliseconds since 1970.
    pub(super) at_ms: i64,
}

impl<'a> Writing<'a> {
    pub(super) fn begin(doc: &'a mut Automerge, actor: Actor, at: DateTime<Utc>) -> Self {
        doc.set_actor(actor.actor_id());
        Writing { doc, at_ms: at.timestamp_millis() }
    }

    /// The time of the change as it is written.
    pub(super) fn now(&self) -> ScalarValue {
        ScalarValue::Timestamp(self.at_ms)
    }

    /// A container at the root.
    pub(super) fn part(&self, name: &'static str) -> Result<ObjId, DocumentError> {
        container(self.doc, &ROOT, name)
    }

    /// A container of the server's own.
    pub(super) fn servidor(&self, name: &'static str) -> Result<ObjId, DocumentError> {
        container(self.doc, &self.part(SERVIDOR)?, name)
    }

    /// An object that must be there already.
    pub(super) fn existing(&self, parent: &ObjId, key: &str) -> Result<ObjId, DocumentError> {
        match self.doc.get(parent, key)? {
            Some((Value::Object(_), obj)) => Ok(obj),
            _ => Err(DocumentError::Lacks("item")),
        }
    }

    /// Commits what `write` writes as one change; `None` if it writes nothing. An error leaves the
    /// document as it was.
    pub(super) fn change(
        self,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<(), DocumentError>,
    ) -> Result<Option<Change>, DocumentError> {
        let mut tx = self.doc.transaction();
        if let Err(error) = write(&mut tx) {
            tx.rollback();
            return Err(error);
        }
        let (hash, _) = tx.commit_with(CommitOptions::default().with_time(self.at_ms));
        Ok(hash.and_then(|hash| self.doc.get_change_by_hash(&hash)))
    }
}

/// Writes a scalar. To write the value that already wins a conflict, Automerge would only delete
/// the losing values, and the gate refuses deletions. So a losing value is written first.
pub(super) fn put(
    tx: &mut Transaction<'_>,
    obj: &ObjId,
    key: &str,
    value: ScalarValue,
) -> Result<(), DocumentError> {
    let all = tx.get_all(obj, key)?;
    let is_value = |other: &Value<'_>| matches!(other, Value::Scalar(s) if **s == value);
    if all.len() > 1 && all.last().is_some_and(|(winner, _)| is_value(winner)) {
        let other = all.iter().find_map(|(other, _)| match other {
            Value::Scalar(scalar) if !is_value(other) => Some(scalar.clone().into_owned()),
            _ => None,
        });
        // All values are equal: there is no conflict to settle.
        let Some(other) = other else { return Ok(()) };
        tx.put(obj, key, other)?;
    }
    Ok(tx.put(obj, key, value)?)
}

/// What a request of transition says.
pub(super) struct Request<'a> {
    pub(super) verb: &'a str,
    pub(super) reason: Option<&'a str>,
    /// Whether the client shall be told by e-mail.
    pub(super) email: bool,
}

pub(super) fn put_request(
    tx: &mut Transaction<'_>,
    pedidos: &ObjId,
    id: PedidoId,
    request: &Request<'_>,
    now: ScalarValue,
) -> Result<(), DocumentError> {
    let pedido = tx.put_object(pedidos, key(id.uuid()), ObjType::Map)?;
    tx.put(&pedido, "verbo", request.verb)?;
    if let Some(reason) = request.reason {
        tx.put(&pedido, "motivo", reason)?;
    }
    if request.email {
        tx.put(&pedido, "email", true)?;
    }
    Ok(tx.put(&pedido, "em", now)?)
}
