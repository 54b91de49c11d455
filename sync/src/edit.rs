//! A command becomes exactly one change. `workflow::decide` has allowed it before; nothing is
//! decided here.

use crate::document::{
    self, ACOES, ANALISES, ARQUIVOS, Actor, CAMPOS, CORRETIVAS, DocumentError, INTERESSADOS, NOTAS,
    PARTICIPANTES, PEDIDOS, REMOVIDO, SCHEMA, SERVIDOR, VEREDITOS, container, key, scalar,
};
use automerge::{
    Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{CommitOptions, Transactable, Transaction},
};
use campo_domain::{
    command::{Command, Listados, NovoItem},
    ids::{DocumentId, ItemId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    refusal::Refusal,
    registro::{Campos, Registro, Restricao, SituacaoAcao, SituacaoArquivo},
    tipo::{Tipo, TipoRef},
    valor::Valor,
    workflow,
};
use chrono::{DateTime, Utc};

/// Writes what the command says as one change by the actor; `None` if it changes nothing.
/// `registro` is the record that `decide` allowed it on; `None` if the command makes it.
///
/// # Errors
/// The document is not of this shape.
pub fn apply(
    doc: &mut Automerge,
    actor: Actor,
    command: &Command,
    tipo: &Tipo,
    registro: Option<&Registro>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let at_ms = at.timestamp_millis();
    if let Command::Criar { id, kind, tipo, campos, itens } = command {
        return change(doc, at_ms, |tx| genesis(tx, *id, *kind, tipo, campos, itens, at_ms));
    }
    let part = |name| container(doc, &ROOT, name);
    match command {
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
        Command::IncluirItem { em, item } => {
            let partes = part(em.codigo())?;
            change(doc, at_ms, |tx| put_item(tx, &partes, item))
        }
        Command::EditarItem { em, item, campo, valor } => {
            let item = existing(doc, &part(em.codigo())?, &key(item.uuid()))?;
            change(doc, at_ms, |tx| put(tx, &item, campo, scalar(valor)))
        }
        Command::RemoverItem { em, item } => {
            let item = existing(doc, &part(em.codigo())?, &key(item.uuid()))?;
            change(doc, at_ms, |tx| Ok(tx.put(&item, REMOVIDO, true)?))
        }
        Command::Participar { usuario, participa } => {
            let participantes = part(PARTICIPANTES)?;
            let key = key(usuario.uuid());
            change(doc, at_ms, |tx| put(tx, &participantes, &key, (*participa).into()))
        }
        Command::Interessar { usuario, interessado } => {
            let interessados = part(INTERESSADOS)?;
            let key = key(usuario.uuid());
            change(doc, at_ms, |tx| put(tx, &interessados, &key, (*interessado).into()))
        }
        Command::Anotar { id, texto, visibilidade, resposta_a } => {
            let notas = part(NOTAS)?;
            change(doc, at_ms, |tx| {
                let nota = tx.put_object(&notas, key(id.uuid()), ObjType::Map)?;
                tx.put(&nota, "texto", texto.as_str())?;
                tx.put(&nota, "visibilidade", visibilidade.codigo())?;
                if let Some(resposta_a) = resposta_a {
                    tx.put(&nota, "resposta_a", scalar(&Valor::Id(resposta_a.uuid())))?;
                }
                Ok(tx.put(&nota, "em", ScalarValue::Timestamp(at_ms))?)
            })
        }
        Command::Transicionar { pedido, verbo, motivo, email } => {
            let pedidos = part(PEDIDOS)?;
            let motivo = motivo.as_deref();
            change(doc, at_ms, |tx| {
                put_pedido(tx, &pedidos, *pedido, Asked { verbo, motivo, email: *email }, at_ms)
            })
        }
        Command::Analisar { analise, tipo: what, texto, procedente, pedido, encaminhar } => {
            let (pedidos, analises) = (part(PEDIDOS)?, part(ANALISES)?);
            let verbo = registro.and_then(|r| workflow::verbo_que_traz(r, tipo, *what).ok());
            // `decide` has found it before.
            let verbo = verbo.map_or("", |transicao| transicao.verbo.as_str());
            change(doc, at_ms, |tx| {
                let obj = tx.put_object(&analises, key(analise.uuid()), ObjType::Map)?;
                tx.put(&obj, "tipo", what.codigo())?;
                tx.put(&obj, "texto", texto.as_str())?;
                tx.put(&obj, "em", ScalarValue::Timestamp(at_ms))?;
                if let Some(procedente) = procedente {
                    tx.put(&obj, "procedente", *procedente)?;
                }
                if let Some(encaminhar) = encaminhar {
                    tx.put(&obj, "encaminhar", scalar(&Valor::Id(encaminhar.uuid())))?;
                }
                let Some(pedido) = pedido else { return Ok(()) };
                tx.put(&obj, "pedido", scalar(&Valor::Id(pedido.id.uuid())))?;
                let asked = Asked { verbo, motivo: None, email: pedido.email };
                put_pedido(tx, &pedidos, pedido.id, asked, at_ms)
            })
        }
        // The server's to write: `in_name_of`.
        Command::Criar { .. }
        | Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => Ok(None),
    }
}

/// The server writes in a person's name what no device may (R72–R77, R86).
///
/// # Errors
/// As [`apply`].
pub(crate) fn in_name_of(
    doc: &mut Automerge,
    actor: Actor,
    por: UserId,
    command: &Command,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let servidor = container(doc, &ROOT, SERVIDOR)?;
    let (acoes, corretivas) =
        (container(doc, &servidor, ACOES)?, container(doc, &servidor, CORRETIVAS)?);
    let at_ms = at.timestamp_millis();
    let (who, now) = (scalar(&Valor::Id(por.uuid())), ScalarValue::Timestamp(at_ms));
    match command {
        Command::Restringir { para } => {
            let restricao = para.clone().map(|Listados { usuarios, grupos }| {
                let restricao = Restricao { usuarios, grupos, por, quando: at };
                // Plain data: serialising it cannot fail.
                serde_json::to_string(&restricao).unwrap_or_default()
            });
            let value = restricao.map_or(ScalarValue::Null, ScalarValue::from);
            change(doc, at_ms, |tx| {
                tx.put(&servidor, "restricao", value)?;
                Ok(tx.put(&servidor, "restricao_por", who)?)
            })
        }
        Command::SolicitarAcao { acao, codigo, observacao } => change(doc, at_ms, |tx| {
            let obj = tx.put_object(&acoes, key(acao.uuid()), ObjType::Map)?;
            tx.put(&obj, "codigo", codigo.as_str())?;
            tx.put(&obj, "por", who)?;
            tx.put(&obj, "em", now.clone())?;
            tx.put(&obj, "situacao", SituacaoAcao::Solicitada.codigo())?;
            if let Some(observacao) = observacao {
                tx.put(&obj, "observacao", observacao.as_str())?;
            }
            Ok(tx.put(&obj, "atualizada_em", now)?)
        }),
        Command::ResponderAcao { acao, situacao, externo, retorno } => {
            let obj = existing(doc, &acoes, &key(acao.uuid()))?;
            let said = [
                ("situacao", Some(situacao.codigo())),
                ("externo", externo.as_deref()),
                ("retorno", retorno.as_deref()),
            ];
            let mut new = Vec::new();
            for (name, text) in said {
                let Some(text) = text else { continue };
                let now = doc.get(&obj, name)?;
                if now.is_none_or(|(now, _)| now.as_str() != Some(text)) {
                    new.push((name, text));
                }
            }
            if new.is_empty() {
                return Ok(None); // The same answer again.
            }
            change(doc, at_ms, |tx| {
                for (name, text) in new {
                    tx.put(&obj, name, text)?;
                }
                tx.put(&obj, "respondida_por", who)?;
                Ok(tx.put(&obj, "atualizada_em", now)?)
            })
        }
        Command::VincularCorretiva { corretiva, numero } => {
            let key = key(corretiva.uuid());
            if doc.get(&corretivas, key.as_str())?.is_some() {
                return Ok(None);
            }
            change(doc, at_ms, |tx| {
                let obj = tx.put_object(&corretivas, key, ObjType::Map)?;
                tx.put(&obj, "numero", numero.as_str())?;
                tx.put(&obj, "por", who)?;
                Ok(tx.put(&obj, "em", now)?)
            })
        }
        _ => Ok(None),
    }
}

/// The server hands the record to somebody (R60, R64).
///
/// # Errors
/// As [`apply`].
pub(crate) fn responsavel(
    doc: &mut Automerge,
    actor: Actor,
    responsavel: UserId,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let campos = container(doc, &ROOT, CAMPOS)?;
    let value = scalar(&Valor::Id(responsavel.uuid()));
    change(doc, at.timestamp_millis(), |tx| put(tx, &campos, "responsavel", value))
}

/// The server asks for a transition by itself (R54); its verdict follows.
///
/// # Errors
/// As [`apply`].
pub(crate) fn pedido(
    doc: &mut Automerge,
    actor: Actor,
    id: PedidoId,
    verbo: &str,
    motivo: &str,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let pedidos = container(doc, &ROOT, PEDIDOS)?;
    let at_ms = at.timestamp_millis();
    let asked = Asked { verbo, motivo: Some(motivo), email: false };
    change(doc, at_ms, |tx| put_pedido(tx, &pedidos, id, asked, at_ms))
}

/// The server says how far the bytes of a file have come (R83).
///
/// # Errors
/// As [`apply`].
pub(crate) fn arquivo(
    doc: &mut Automerge,
    actor: Actor,
    anexo: ItemId,
    situacao: SituacaoArquivo,
    motivo: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let servidor = container(doc, &ROOT, SERVIDOR)?;
    let arquivos = container(doc, &servidor, ARQUIVOS)?;
    let key = key(anexo.uuid());
    let at_ms = at.timestamp_millis();
    change(doc, at_ms, |tx| {
        let before = tx.get(&arquivos, key.as_str())?.map(|(_, obj)| obj);
        let obj = match before {
            Some(obj) => obj,
            None => tx.put_object(&arquivos, key, ObjType::Map)?,
        };
        tx.put(&obj, "situacao", situacao.codigo())?;
        tx.put(&obj, "em", ScalarValue::Timestamp(at_ms))?;
        let motivo = motivo.map_or(ScalarValue::Null, ScalarValue::from);
        if motivo != ScalarValue::Null || tx.get(&obj, "motivo")?.is_some() {
            tx.put(&obj, "motivo", motivo)?;
        }
        Ok(())
    })
}

/// The server notes when the document came, and mints its number where it gets one.
///
/// # Errors
/// As [`apply`].
pub(crate) fn recebido(
    doc: &mut Automerge,
    actor: Actor,
    numero: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    doc.set_actor(actor.actor_id());
    let servidor = container(doc, &ROOT, SERVIDOR)?;
    let at_ms = at.timestamp_millis();
    change(doc, at_ms, |tx| {
        if let Some(numero) = numero {
            tx.put(&servidor, "numero", numero)?;
        }
        Ok(tx.put(&servidor, "recebido_em", ScalarValue::Timestamp(at_ms))?)
    })
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
    for colecao in Colecao::TODAS {
        let partes = tx.put_object(ROOT, colecao.codigo(), ObjType::Map)?;
        for item in itens.iter().filter(|_| colecao == Colecao::Itens) {
            put_item(tx, &partes, item)?;
        }
    }
    for name in [PARTICIPANTES, INTERESSADOS, NOTAS, PEDIDOS, ANALISES] {
        tx.put_object(ROOT, name, ObjType::Map)?;
    }
    let servidor = tx.put_object(ROOT, SERVIDOR, ObjType::Map)?;
    for name in [VEREDITOS, ACOES, CORRETIVAS, ARQUIVOS] {
        tx.put_object(&servidor, name, ObjType::Map)?;
    }
    Ok(())
}

fn put_item(tx: &mut Transaction<'_>, itens: &ObjId, item: &NovoItem) -> Result<(), DocumentError> {
    let obj = tx.put_object(itens, key(item.id.uuid()), ObjType::Map)?;
    for (campo, valor) in item.campos.iter().filter(|(_, valor)| **valor != Valor::Nulo) {
        tx.put(&obj, campo.as_str(), scalar(valor))?;
    }
    Ok(())
}

/// What a request says.
struct Asked<'a> {
    verbo: &'a str,
    motivo: Option<&'a str>,
    email: bool,
}

fn put_pedido(
    tx: &mut Transaction<'_>,
    pedidos: &ObjId,
    id: PedidoId,
    asked: Asked<'_>,
    at_ms: i64,
) -> Result<(), DocumentError> {
    let pedido = tx.put_object(pedidos, key(id.uuid()), ObjType::Map)?;
    tx.put(&pedido, "verbo", asked.verbo)?;
    if let Some(motivo) = asked.motivo {
        tx.put(&pedido, "motivo", motivo)?;
    }
    if asked.email {
        tx.put(&pedido, "email", true)?;
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
