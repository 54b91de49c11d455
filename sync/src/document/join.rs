//! A long text that several people wrote without knowing of each other, read as one where their
//! changes join (ADR 0020). Every replica that has the same changes reads the same.

use super::shape::valor;
use automerge::{Automerge, ChangeHash, ObjId, ReadDoc, Value};
use campo_domain::{
    texto::juntar,
    valor::{Campo, Valor},
};
use std::collections::{BTreeMap, BTreeSet};

/// How often the common ancestor of two texts may itself have to be joined.
const DEPTH_MAX: u32 = 8;

/// The one text that those values are together; `None` where a person has to decide. The work
/// grows with the number of changes of the document; only a text with several values asks for it.
pub(super) fn joined(
    document: &Automerge,
    obj: &ObjId,
    campo: &Campo,
    all: &[(Value<'_>, ObjId)],
) -> Option<Valor> {
    let deps = document.get_changes_meta(&[]).into_iter().map(|meta| (meta.hash, meta.deps));
    let past = Past { document, obj, campo, deps: deps.collect() };
    let text = past.join(all, DEPTH_MAX)?;
    match text.is_empty() {
        true => Some(Valor::Nulo),
        false => Some(Valor::Texto(text)).filter(|valor| campo.validar(valor).is_ok()),
    }
}

/// The changes of a document, each with those that it builds on.
struct Past<'a> {
    document: &'a Automerge,
    obj: &'a ObjId,
    campo: &'a Campo,
    deps: BTreeMap<ChangeHash, Vec<ChangeHash>>,
}

impl Past<'_> {
    fn join(&self, all: &[(Value<'_>, ObjId)], depth: u32) -> Option<String> {
        let mut values = all.iter().map(|(value, op)| {
            let text = match value {
                Value::Scalar(scalar) => valor(self.campo, scalar).ok()?,
                Value::Object(_) => return None,
            };
            let text = text.texto().unwrap_or_default().to_owned();
            Some((text, self.ancestors(self.document.hash_for_opid(op)?)))
        });
        let (mut text, mut seen) = values.next()??;
        for value in values {
            let (other, past) = value?;
            let base = self.at(&self.heads(seen.intersection(&past).copied().collect()), depth)?;
            text = juntar(&base, &text, &other)?;
            seen.extend(past);
        }
        Some(text)
    }

    /// The text as it was when those were the latest changes.
    fn at(&self, heads: &[ChangeHash], depth: u32) -> Option<String> {
        let all = self.document.get_all_at(self.obj, self.campo.nome, heads).ok()?;
        if all.is_empty() { Some(String::new()) } else { self.join(&all, depth.checked_sub(1)?) }
    }

    /// A change and everything that it builds on.
    fn ancestors(&self, change: ChangeHash) -> BTreeSet<ChangeHash> {
        let (mut found, mut open) = (BTreeSet::new(), vec![change]);
        while let Some(change) = open.pop() {
            if found.insert(change) {
                open.extend(self.deps.get(&change).into_iter().flatten());
            }
        }
        found
    }

    /// Those of the changes that no other of them builds on.
    fn heads(&self, changes: BTreeSet<ChangeHash>) -> Vec<ChangeHash> {
        let older: BTreeSet<_> =
            changes.iter().flat_map(|change| self.deps.get(change).into_iter().flatten()).collect();
        changes.iter().filter(|change| !older.contains(change)).copied().collect()
    }
}
