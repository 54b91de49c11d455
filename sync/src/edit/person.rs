//! What a person does, as one change by that person on that device.

use super::transaction::{Request, Writing, put, put_request};
use crate::document::{
    ACOES, ANALISES, ARQUIVOS, Actor, CAMPOS, CORRETIVAS, DocumentError, INTERESSADOS, NOTAS,
    PARTICIPANTES, PEDIDOS, REMOVIDO, SCHEMA, SERVIDOR, VEREDITOS, key, scalar,
};
use automerge::{
    Automerge, Change, ObjId, ObjType, ROOT, ScalarValue,
    transaction::{Transactable, Transaction},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Campos, Registro},
    texto,
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
    let writing = Writing::begin(doc, actor, at);
    match command {
        Command::Criar { id, kind, tipo, campos, itens } => {
            let now = writing.now();
            writing.change(|tx| genesis(tx, *id, *kind, tipo, campos, itens, now))
        }
        Command::Editar { campo, valor, .. } => {
            let campos = writing.part(CAMPOS)?;
            writing.change(|tx| put(tx, &campos, campo, scalar(valor)))
        }
        Command::EditarTexto { campo, de, para } => {
            let (campos, text) = (writing.part(CAMPOS)?, text(registro, campo, de, para));
            writing.change(|tx| put(tx, &campos, campo, text))
        }
        Command::IncluirItem { em, item } => {
            let partes = writing.part(em.codigo())?;
            writing.change(|tx| put_item(tx, &partes, item))
        }
        Command::EditarItem { em, item, campo, valor, .. } => {
            let item = writing.existing(&writing.part(em.codigo())?, &key(item.uuid()))?;
            writing.change(|tx| put(tx, &item, campo, scalar(valor)))
        }
        Command::RemoverItem { em, item } => {
            let item = writing.existing(&writing.part(em.codigo())?, &key(item.uuid()))?;
            writing.change(|tx| Ok(tx.put(&item, REMOVIDO, true)?))
        }
        Command::Participar { usuario, participa } => {
            person(writing, PARTICIPANTES, *usuario, *participa)
        }
        Command::Interessar { usuario, interessado } => {
            person(writing, INTERESSADOS, *usuario, *interessado)
        }
        Command::Anotar { id, texto, visibilidade, resposta_a } => {
            let (notas, now) = (writing.part(NOTAS)?, writing.now());
            writing.change(|tx| {
                let nota = tx.put_object(&notas, key(id.uuid()), ObjType::Map)?;
                tx.put(&nota, "texto", texto.as_str())?;
                tx.put(&nota, "visibilidade", visibilidade.codigo())?;
                if let Some(resposta_a) = resposta_a {
                    tx.put(&nota, "resposta_a", scalar(&Valor::Id(resposta_a.uuid())))?;
                }
                Ok(tx.put(&nota, "em", now)?)
            })
        }
        Command::Transicionar { pedido, verbo, motivo, email } => {
            let (pedidos, now) = (writing.part(PEDIDOS)?, writing.now());
            let request = Request { verb: verbo, reason: motivo.as_deref(), email: *email };
            writing.change(|tx| put_request(tx, &pedidos, *pedido, &request, now))
        }
        Command::Analisar { tipo: what, .. } => {
            let verb = registro.map(|r| workflow::transition_bringing(r, tipo, *what));
            // `decide` has found it before.
            let verb = verb.and_then(Result::ok).map_or("", |transicao| transicao.verbo.as_str());
            analysis(writing, command, verb)
        }
        // The server's to write: `in_name_of`.
        Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => Ok(None),
    }
}

/// A long text as it is stored, with what others changed meanwhile: whole, and nothing where it is
/// empty.
fn text(registro: Option<&Registro>, campo: &str, de: &str, para: &str) -> ScalarValue {
    let agora = registro.map_or(de, |r| r.valor(campo).texto().unwrap_or_default());
    // `decide` has found that they join.
    let joined = if agora == de { None } else { texto::juntar(de, agora, para) };
    match joined.as_deref().unwrap_or(para) {
        "" => ScalarValue::Null,
        text => ScalarValue::Str(text.into()),
    }
}

fn person(
    writing: Writing<'_>,
    set: &'static str,
    usuario: UserId,
    belongs: bool,
) -> Result<Option<Change>, DocumentError> {
    let (set, key) = (writing.part(set)?, key(usuario.uuid()));
    writing.change(|tx| put(tx, &set, &key, belongs.into()))
}

/// Writes an analysis, and the request that comes with it for the transition of that verb.
fn analysis(
    writing: Writing<'_>,
    command: &Command,
    verb: &str,
) -> Result<Option<Change>, DocumentError> {
    let Command::Analisar { analise, tipo, texto, procedente, pedido, encaminhar } = command else {
        return Ok(None);
    };
    let (pedidos, analises) = (writing.part(PEDIDOS)?, writing.part(ANALISES)?);
    let now = writing.now();
    writing.change(|tx| {
        let obj = tx.put_object(&analises, key(analise.uuid()), ObjType::Map)?;
        tx.put(&obj, "tipo", tipo.codigo())?;
        tx.put(&obj, "texto", texto.as_str())?;
        tx.put(&obj, "em", now.clone())?;
        if let Some(procedente) = procedente {
            tx.put(&obj, "procedente", *procedente)?;
        }
        if let Some(encaminhar) = encaminhar {
            tx.put(&obj, "encaminhar", scalar(&Valor::Id(encaminhar.uuid())))?;
        }
        let Some(pedido) = pedido else { return Ok(()) };
        tx.put(&obj, "pedido", scalar(&Valor::Id(pedido.id.uuid())))?;
        let request = Request { verb, reason: None, email: pedido.email };
        put_request(tx, &pedidos, pedido.id, &request, now)
    })
}

fn genesis(
    tx: &mut Transaction<'_>,
    id: DocumentId,
    kind: Kind,
    tipo: &TipoRef,
    campos: &Campos,
    itens: &[NovoItem],
    now: ScalarValue,
) -> Result<(), DocumentError> {
    tx.put(ROOT, "schema", SCHEMA)?;
    tx.put(ROOT, "kind", kind.codigo())?;
    tx.put(ROOT, "id", scalar(&Valor::Id(id.uuid())))?;
    tx.put(ROOT, "tipo", tipo.codigo.as_str())?;
    tx.put(ROOT, "tipo_versao", i64::from(tipo.versao))?;
    tx.put(ROOT, "criado_em", now)?;
    let campos_obj = tx.put_object(ROOT, CAMPOS, ObjType::Map)?;
    for campo in kind.campos() {
        let valor = campos.get(campo.nome).unwrap_or(&Valor::Nulo);
        if !valor.vazio() {
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
