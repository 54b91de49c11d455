//! A command becomes exactly one change. `workflow::decide` has allowed it before; nothing is
//! decided here.

use crate::document::{
    self, Actor, CAMPOS, DocumentError, ITENS, LAUDOS, NOTAS, PARTICIPANTES, PEDIDOS, REMOVIDO,
    SCHEMA, SERVIDOR, VEREDITOS, container, key, scalar,
};
use automerge::{
    Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{CommitOptions, Transactable, Transaction},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, PedidoId},
    kind::Kind,
    refusal::Refusal,
    registro::Campos,
    tipo::{Tipo, TipoRef},
    valor::Valor,
    workflow,
};
use chrono::{DateTime, Utc};

/// Writes what the command says as one change by the actor; `None` if it changes nothing.
///
/// # Errors
/// The document is not of this shape.
pub fn apply(
    doc: &mut Automerge,
    actor: Actor,
    command: &Command,
    tipo: &Tipo,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let at_ms = at.timestamp_millis();
    if let Command::Criar { id, kind, tipo, campos, itens } = command {
        return change(doc, at_ms, |tx| genesis(tx, *id, *kind, tipo, campos, itens, at_ms));
    }
    let part = |name| container(doc, &ROOT, name);
    match command {
        Command::Criar { .. } => Ok(None),
        Command::Editar { campo, valor } => {
            let campos = part(CAMPOS)?;
            change(doc, at_ms, |tx| put(tx, &campos, campo, scalar(valor)))
        }
        Command::EditarTexto { campo, de, para } => {
            let text = match doc.get(part(CAMPOS)?, campo.as_str())? {
                Some((Value::Object(ObjType::Text), text)) => text,
                _ => return Err(DocumentError::Lacks("texto")),
            };
            let now = doc.text(&text)?;
            let wanted = rebase(de, para, &now)?;
            change(doc, at_ms, |tx| Ok(tx.update_text(&text, wanted)?))
        }
        Command::IncluirItem { item } => {
            let itens = part(ITENS)?;
            change(doc, at_ms, |tx| put_item(tx, &itens, item))
        }
        Command::EditarItem { item, campo, valor } => {
            let item = existing(doc, &part(ITENS)?, &key(item.uuid()))?;
            change(doc, at_ms, |tx| put(tx, &item, campo, scalar(valor)))
        }
        Command::RemoverItem { item } => {
            let item = existing(doc, &part(ITENS)?, &key(item.uuid()))?;
            change(doc, at_ms, |tx| Ok(tx.put(&item, REMOVIDO, true)?))
        }
        Command::Participar { usuario, participa } => {
            let participantes = part(PARTICIPANTES)?;
            let key = key(usuario.uuid());
            change(doc, at_ms, |tx| put(tx, &participantes, &key, (*participa).into()))
        }
        Command::Anotar { id, texto } => {
            let notas = part(NOTAS)?;
            change(doc, at_ms, |tx| {
                let nota = tx.put_object(&notas, key(id.uuid()), ObjType::Map)?;
                tx.put(&nota, "texto", texto.as_str())?;
                Ok(tx.put(&nota, "em", ScalarValue::Timestamp(at_ms))?)
            })
        }
        Command::Transicionar { pedido, verbo, motivo } => {
            let pedidos = part(PEDIDOS)?;
            change(doc, at_ms, |tx| {
                put_pedido(tx, &pedidos, *pedido, verbo, motivo.as_deref(), at_ms)
            })
        }
        Command::EmitirLaudo { pedido, laudo, procedente, conclusao } => {
            let (pedidos, laudos) = (part(PEDIDOS)?, part(LAUDOS)?);
            // `decide` has found it before.
            let verbo = workflow::verbo_do_laudo(tipo).map_or("", |t| t.verbo.as_str());
            change(doc, at_ms, |tx| {
                let obj = tx.put_object(&laudos, key(laudo.uuid()), ObjType::Map)?;
                tx.put(&obj, "pedido", scalar(&Valor::Id(pedido.uuid())))?;
                tx.put(&obj, "procedente", *procedente)?;
                tx.put(&obj, "conclusao", conclusao.as_str())?;
                tx.put(&obj, "em", ScalarValue::Timestamp(at_ms))?;
                put_pedido(tx, &pedidos, *pedido, verbo, None, at_ms)
            })
        }
    }
}

/// The server mints the number.
///
/// # Errors
/// As [`apply`].
pub(crate) fn numero(
    doc: &mut Automerge,
    actor: Actor,
    numero: &str,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let servidor = container(doc, &ROOT, SERVIDOR)?;
    change(doc, at.timestamp_millis(), |tx| Ok(tx.put(&servidor, "numero", numero)?))
}

/// The server writes its verdict on a request, and with it the situação it leads to.
///
/// # Errors
/// As [`apply`].
pub(crate) fn veredito(
    doc: &mut Automerge,
    actor: Actor,
    pedido: PedidoId,
    de: &str,
    resultado: &Result<String, Refusal>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let servidor = container(doc, &ROOT, SERVIDOR)?;
    let vereditos = container(doc, &servidor, VEREDITOS)?;
    let at_ms = at.timestamp_millis();
    change(doc, at_ms, |tx| {
        let obj = tx.put_object(&vereditos, key(pedido.uuid()), ObjType::Map)?;
        tx.put(&obj, "de", de)?;
        tx.put(&obj, "em", ScalarValue::Timestamp(at_ms))?;
        match resultado {
            Ok(para) => {
                tx.put(&obj, "para", para.as_str())?;
                tx.put(&servidor, "situacao", para.as_str())?;
            }
            Err(refusal) => {
                tx.put(&obj, "para", de)?;
                // A refusal is plain data: serialising it cannot fail.
                tx.put(&obj, "recusa", serde_json::to_string(refusal).unwrap_or_default())?;
            }
        }
        Ok(())
    })
}

fn change(
    doc: &mut Automerge,
    at_ms: i64,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), DocumentError>,
) -> Result<Option<Change>, DocumentError> {
    let mut tx = doc.transaction();
    if let Err(error) = write(&mut tx) {
        tx.rollback();
        return Err(error);
    }
    let (hash, _) = tx.commit_with(CommitOptions::default().with_time(at_ms));
    Ok(hash.and_then(|hash| doc.get_change_by_hash(&hash)))
}

/// Writes a scalar. Writing the value that already wins a conflict, Automerge would only delete the
/// losing ones, and the gate takes deletions from nobody: a losing value in between makes it a
/// write.
fn put(
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
        // All of them say the same: there is nothing to settle.
        let Some(other) = other else { return Ok(()) };
        tx.put(obj, key, other)?;
    }
    Ok(tx.put(obj, key, value)?)
}

fn genesis(
    tx: &mut Transaction<'_>,
    id: DocumentId,
    kind: Kind,
    tipo: &TipoRef,
    campos: &Campos,
    itens: &[NovoItem],
    at_ms: i64,
) -> Result<(), DocumentError> {
    tx.put(ROOT, "schema", SCHEMA)?;
    tx.put(ROOT, "kind", kind.codigo())?;
    tx.put(ROOT, "id", scalar(&Valor::Id(id.uuid())))?;
    tx.put(ROOT, "tipo", tipo.codigo.as_str())?;
    tx.put(ROOT, "tipo_versao", i64::from(tipo.versao))?;
    tx.put(ROOT, "criado_em", ScalarValue::Timestamp(at_ms))?;
    let campos_obj = tx.put_object(ROOT, CAMPOS, ObjType::Map)?;
    for campo in kind.campos() {
        let valor = campos.get(campo.nome).unwrap_or(&Valor::Nulo);
        if campo.longo() {
            let text = tx.put_object(&campos_obj, campo.nome, ObjType::Text)?;
            tx.splice_text(&text, 0, 0, valor.texto().unwrap_or_default())?;
        } else if *valor != Valor::Nulo {
            tx.put(&campos_obj, campo.nome, scalar(valor))?;
        }
    }
    let itens_obj = tx.put_object(ROOT, ITENS, ObjType::Map)?;
    for item in itens {
        put_item(tx, &itens_obj, item)?;
    }
    for name in [PARTICIPANTES, NOTAS, PEDIDOS, LAUDOS] {
        tx.put_object(ROOT, name, ObjType::Map)?;
    }
    let servidor = tx.put_object(ROOT, SERVIDOR, ObjType::Map)?;
    tx.put_object(&servidor, VEREDITOS, ObjType::Map)?;
    Ok(())
}

fn put_item(tx: &mut Transaction<'_>, itens: &ObjId, item: &NovoItem) -> Result<(), DocumentError> {
    let obj = tx.put_object(itens, key(item.id.uuid()), ObjType::Map)?;
    for (campo, valor) in item.campos.iter().filter(|(_, valor)| **valor != Valor::Nulo) {
        tx.put(&obj, campo.as_str(), scalar(valor))?;
    }
    Ok(())
}

fn put_pedido(
    tx: &mut Transaction<'_>,
    pedidos: &ObjId,
    id: PedidoId,
    verbo: &str,
    motivo: Option<&str>,
    at_ms: i64,
) -> Result<(), DocumentError> {
    let pedido = tx.put_object(pedidos, key(id.uuid()), ObjType::Map)?;
    tx.put(&pedido, "verbo", verbo)?;
    if let Some(motivo) = motivo {
        tx.put(&pedido, "motivo", motivo)?;
    }
    tx.put(&pedido, "em", ScalarValue::Timestamp(at_ms))?;
    Ok(())
}

fn existing(doc: &Automerge, parent: &ObjId, key: &str) -> Result<ObjId, DocumentError> {
    match doc.get(parent, key)? {
        Some((Value::Object(_), obj)) => Ok(obj),
        _ => Err(document::DocumentError::Lacks("item")),
    }
}

/// The text that a person wanted who changed `de` to `para`, where it reads `agora` meanwhile: both
/// changes of `de`, merged as if they had been made at the same time.
fn rebase(de: &str, para: &str, agora: &str) -> Result<String, DocumentError> {
    if agora == de {
        return Ok(para.to_owned());
    }
    // Fixed actors: the same three texts give the same result everywhere.
    let mut theirs = Automerge::new().with_actor(vec![0].into());
    let mut tx = theirs.transaction();
    let text = tx.put_object(ROOT, "texto", ObjType::Text)?;
    tx.splice_text(&text, 0, 0, de)?;
    tx.commit();
    let mut ours = theirs.fork().with_actor(vec![1].into());
    for (side, wanted) in [(&mut theirs, agora), (&mut ours, para)] {
        let mut tx = side.transaction();
        tx.update_text(&text, wanted)?;
        tx.commit();
    }
    theirs.merge(&mut ours)?;
    Ok(theirs.text(&text)?)
}

#[cfg(test)]
mod tests {
    use super::rebase;

    #[test]
    fn an_edit_of_a_text_that_changed_meanwhile_loses_nothing() {
        let rebase = |de, para, agora| rebase(de, para, agora).unwrap();
        assert_eq!(rebase("porta", "porta riscada", "porta"), "porta riscada");
        assert_eq!(rebase("gaveta solta", "gaveta presa", "a gaveta solta!"), "a gaveta presa!");
        let both = rebase("um. dois.", "um. dois. três.", "um e meio. dois.");
        assert_eq!(both, "um e meio. dois. três.");
        let both = rebase("", "Levar nota.", "Ligar antes.");
        assert!(both.contains("Levar nota.") && both.contains("Ligar antes."), "{both}");
        assert_eq!(rebase("apagar isto", "", "apagar isto já"), " já");
    }
}
