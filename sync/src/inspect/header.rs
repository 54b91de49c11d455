//! What a genesis writes at the root of its document: who and what the document is.

use super::{
    refuse::{forbidden, instant},
    shape::{SCALARS, root_container, root_containers},
};
use crate::document::SCHEMA;
use automerge::{
    ScalarValue,
    legacy::{Key, Op, OpType},
};
use campo_domain::{ids::DocumentId, kind::Kind, refusal::Refusal, tipo::TipoRef};
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Header {
    schema: bool,
    pub(super) kind: Option<Kind>,
    id: Option<DocumentId>,
    tipo: Option<String>,
    versao: Option<u32>,
    criado_em: bool,
    keys: usize,
}

impl Header {
    /// Takes an operation at the root of a new document.
    pub(super) fn take(&mut self, op: &Op) -> Result<(), Refusal> {
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        self.keys += 1;
        let fresh = match (key.as_str(), &op.action) {
            ("schema", OpType::Put(ScalarValue::Int(SCHEMA))) => {
                !std::mem::replace(&mut self.schema, true)
            }
            ("kind", OpType::Put(ScalarValue::Str(kind))) => {
                self.kind.replace(kind.parse().map_err(|_| forbidden())?).is_none()
            }
            ("id", OpType::Put(ScalarValue::Bytes(id))) => {
                let id = Uuid::from_slice(id).map_err(|_| forbidden())?;
                self.id.replace(id.into()).is_none()
            }
            ("tipo", OpType::Put(ScalarValue::Str(tipo))) if tipo.len() <= 120 => {
                self.tipo.replace(tipo.to_string()).is_none()
            }
            ("tipo_versao", OpType::Put(ScalarValue::Int(versao))) => {
                let versao = u32::try_from(*versao).map_err(|_| forbidden())?;
                self.versao.replace(versao).is_none()
            }
            ("criado_em", OpType::Put(ScalarValue::Timestamp(ms))) => {
                instant(*ms)?;
                !std::mem::replace(&mut self.criado_em, true)
            }
            (key, OpType::Make(_)) => root_container(key).is_some(),
            _ => false,
        };
        if fresh && op.pred.is_empty() && !op.insert { Ok(()) } else { Err(forbidden()) }
    }

    /// The document and its tipo, where all that a root has was written, each once.
    pub(super) fn complete(&self) -> Option<(DocumentId, TipoRef)> {
        let keys = SCALARS + root_containers().count();
        if !self.schema || !self.criado_em || self.keys != keys {
            return None;
        }
        let tipo = TipoRef { codigo: self.tipo.clone()?, versao: self.versao? };
        Some((self.id?, tipo))
    }
}
