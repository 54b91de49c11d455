//! The names in a document, and what its keys and scalars stand for.

use automerge::{Automerge, ChangeHash, ObjId, ROOT, ReadDoc, ScalarValue, Value};
use campo_domain::{
    ids::ItemId,
    parte::Colecao,
    refusal::{Codigo, Refusal},
    valor::{Campo, TipoCampo, Valor},
};
use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

/// The shape's version, written at genesis.
pub(crate) const SCHEMA: i64 = 3;

pub(crate) const CAMPOS: &str = "campos";
pub(crate) const PARTICIPANTES: &str = "participantes";
pub(crate) const INTERESSADOS: &str = "interessados";
pub(crate) const NOTAS: &str = "notas";
pub(crate) const PEDIDOS: &str = "pedidos";
pub(crate) const ANALISES: &str = "analises";
pub(crate) const SERVIDOR: &str = "servidor";
pub(crate) const VEREDITOS: &str = "vereditos";
pub(crate) const ACOES: &str = "acoes";
pub(crate) const CORRETIVAS: &str = "corretivas";
pub(crate) const ARQUIVOS: &str = "arquivos";
pub(crate) const REMOVIDO: &str = "removido";

/// Bytes that are not a document of this shape.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Automerge could not read or extend it.
    #[error("the document could not be read")]
    Automerge(#[from] automerge::AutomergeError),
    /// A part that every document has is not there.
    #[error("the document lacks {0}")]
    Lacks(&'static str),
    /// A change arrived before one that it builds on.
    #[error("the document lacks changes that others build on")]
    Gap,
    /// A tipo that this installation does not know.
    #[error("the tipo {0} is not known here")]
    UnknownTipo(String),
    /// A change could not be read.
    #[error("a change could not be read")]
    Change(#[from] automerge::LoadChangeError),
}

/// The scalar that stands for a value in a field of that type.
pub(crate) fn scalar(valor: &Valor) -> ScalarValue {
    match valor {
        Valor::Nulo => ScalarValue::Null,
        Valor::Texto(texto) => ScalarValue::Str(texto.as_str().into()),
        Valor::Inteiro(n) => ScalarValue::Int(*n),
        Valor::Logico(sim) => ScalarValue::Boolean(*sim),
        Valor::Data(data) => ScalarValue::Str(data.to_string().into()),
        Valor::Instante(instante) => ScalarValue::Timestamp(instante.timestamp_millis()),
        Valor::Id(id) => ScalarValue::Bytes(id.as_bytes().to_vec()),
    }
}

/// The value that a scalar stands for in the field.
///
/// # Errors
/// `valor_invalido` where the field does not take such a scalar.
pub(crate) fn valor(campo: &Campo, scalar: &ScalarValue) -> Result<Valor, Refusal> {
    let valor = match (&campo.tipo, scalar) {
        (_, ScalarValue::Null) => Some(Valor::Nulo),
        (TipoCampo::Data, ScalarValue::Str(texto)) => {
            // One spelling only, so that equal days are equal bytes.
            let data = NaiveDate::parse_from_str(texto, "%Y-%m-%d").ok();
            data.filter(|data| data.to_string() == texto.as_str()).map(Valor::Data)
        }
        (_, ScalarValue::Str(texto)) => Some(Valor::Texto(texto.to_string())),
        (_, ScalarValue::Int(n)) => Some(Valor::Inteiro(*n)),
        (_, ScalarValue::Boolean(sim)) => Some(Valor::Logico(*sim)),
        (_, ScalarValue::Timestamp(ms)) => {
            DateTime::from_timestamp_millis(*ms).map(Valor::Instante)
        }
        (_, ScalarValue::Bytes(bytes)) => Uuid::from_slice(bytes).ok().map(Valor::Id),
        _ => None,
    };
    let Some(valor) = valor else {
        return Err(Refusal { codigo: Codigo::ValorInvalido, detalhes: vec![campo.rotulo.into()] });
    };
    campo.validar(&valor)?;
    Ok(valor)
}

/// The key of a part with that id.
pub(crate) fn key(id: Uuid) -> String {
    id.simple().to_string()
}

pub(crate) fn parse_key<T: From<Uuid>>(key: &str) -> Option<T> {
    let id = Uuid::try_parse(key).ok()?;
    (key.len() == 32 && self::key(id) == key).then(|| id.into())
}

/// A container that every document has.
pub(crate) fn container(
    document: &Automerge,
    parent: &ObjId,
    name: &'static str,
) -> Result<ObjId, DocumentError> {
    match document.get(parent, name)? {
        Some((Value::Object(_), id)) => Ok(id),
        _ => Err(DocumentError::Lacks(name)),
    }
}

/// The situação that the server had written in the causal past `at`, or now.
pub(crate) fn situacao(document: &Automerge, at: Option<&[ChangeHash]>) -> Option<String> {
    let servidor = container(document, &ROOT, SERVIDOR).ok()?;
    let value = match at {
        Some(heads) => document.get_at(&servidor, "situacao", heads),
        None => document.get(&servidor, "situacao"),
    };
    value.ok().flatten().and_then(|(value, _)| value.as_str().map(str::to_owned))
}

/// Whether a part was removed in the causal past `at`.
pub(crate) fn removido(document: &Automerge, em: Colecao, item: ItemId, at: &[ChangeHash]) -> bool {
    let removido = || {
        let partes = container(document, &ROOT, em.codigo()).ok()?;
        let (_, parte) = document.get(&partes, key(item.uuid())).ok()??;
        let (removido, _) = document.get_at(&parte, REMOVIDO, at).ok()??;
        removido.as_bool()
    };
    removido().unwrap_or(false)
}
