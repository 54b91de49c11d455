//! What the server writes: by itself, or in a person's name where no device may (R72–R77, R86).

use super::transaction::{Request, Writing, put, put_request};
use crate::document::{
    ACOES, ARQUIVOS, Actor, CAMPOS, CORRETIVAS, DocumentError, PEDIDOS, SERVIDOR, VEREDITOS, key,
    scalar,
};
use automerge::{Automerge, Change, ObjType, ReadDoc, ScalarValue, transaction::Transactable};
use campo_domain::{
    command::{Command, Listados},
    ids::{AcaoId, CorretivaId, ItemId, PedidoId, UserId},
    refusal::Refusal,
    registro::{Restricao, SituacaoAcao, SituacaoArquivo},
    valor::Valor,
};
use chrono::{DateTime, Utc};

/// The server writes in a person's name what no device may (R72–R77, R86).
///
/// # Errors
/// As `apply`.
pub(crate) fn in_name_of(
    doc: &mut Automerge,
    actor: Actor,
    por: UserId,
    command: &Command,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let who = scalar(&Valor::Id(por.uuid()));
    match command {
        Command::Restringir { para } => {
            let restricao = para.clone().map(|Listados { usuarios, grupos }| {
                let restricao = Restricao { usuarios, grupos, por, quando: at };
                // Plain data: serialising it cannot fail.
                serde_json::to_string(&restricao).unwrap_or_default()
            });
            let servidor = writing.part(SERVIDOR)?;
            let value = restricao.map_or(ScalarValue::Null, ScalarValue::from);
            writing.change(|tx| {
                tx.put(&servidor, "restricao", value)?;
                Ok(tx.put(&servidor, "restricao_por", who)?)
            })
        }
        Command::SolicitarAcao { acao, codigo, observacao } => {
            ask(writing, who, *acao, codigo, observacao.as_deref())
        }
        Command::ResponderAcao { acao, situacao, externo, retorno } => {
            let said = [
                ("situacao", Some(situacao.codigo())),
                ("externo", externo.as_deref()),
                ("retorno", retorno.as_deref()),
            ];
            answer(writing, who, *acao, said)
        }
        Command::VincularCorretiva { corretiva, numero } => link(writing, who, *corretiva, numero),
        _ => Ok(None),
    }
}

fn ask(
    writing: Writing<'_>,
    who: ScalarValue,
    acao: AcaoId,
    codigo: &str,
    observacao: Option<&str>,
) -> Result<Option<Change>, DocumentError> {
    let (acoes, now) = (writing.servidor(ACOES)?, writing.now());
    writing.change(|tx| {
        let obj = tx.put_object(&acoes, key(acao.uuid()), ObjType::Map)?;
        tx.put(&obj, "codigo", codigo)?;
        tx.put(&obj, "por", who)?;
        tx.put(&obj, "em", now.clone())?;
        tx.put(&obj, "situacao", SituacaoAcao::Solicitada.codigo())?;
        if let Some(observacao) = observacao {
            tx.put(&obj, "observacao", observacao)?;
        }
        Ok(tx.put(&obj, "atualizada_em", now)?)
    })
}

fn answer(
    writing: Writing<'_>,
    who: ScalarValue,
    acao: AcaoId,
    said: [(&'static str, Option<&str>); 3],
) -> Result<Option<Change>, DocumentError> {
    let obj = writing.existing(&writing.servidor(ACOES)?, &key(acao.uuid()))?;
    let mut new = Vec::new();
    for (name, text) in said {
        let Some(text) = text else { continue };
        let before = writing.doc.get(&obj, name)?;
        if before.is_none_or(|(before, _)| before.as_str() != Some(text)) {
            new.push((name, text));
        }
    }
    if new.is_empty() {
        return Ok(None); // The same answer again.
    }
    let now = writing.now();
    writing.change(|tx| {
        for (name, text) in new {
            tx.put(&obj, name, text)?;
        }
        tx.put(&obj, "respondida_por", who)?;
        Ok(tx.put(&obj, "atualizada_em", now)?)
    })
}

fn link(
    writing: Writing<'_>,
    who: ScalarValue,
    corretiva: CorretivaId,
    numero: &str,
) -> Result<Option<Change>, DocumentError> {
    let (corretivas, now) = (writing.servidor(CORRETIVAS)?, writing.now());
    let key = key(corretiva.uuid());
    if writing.doc.get(&corretivas, key.as_str())?.is_some() {
        return Ok(None);
    }
    writing.change(|tx| {
        let obj = tx.put_object(&corretivas, key, ObjType::Map)?;
        tx.put(&obj, "numero", numero)?;
        tx.put(&obj, "por", who)?;
        Ok(tx.put(&obj, "em", now)?)
    })
}

/// The server hands the record to somebody (R60, R64).
///
/// # Errors
/// As `apply`.
pub(crate) fn hand_to(
    doc: &mut Automerge,
    actor: Actor,
    responsavel: UserId,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let campos = writing.part(CAMPOS)?;
    let value = scalar(&Valor::Id(responsavel.uuid()));
    writing.change(|tx| put(tx, &campos, "responsavel", value))
}

/// The server asks for a transition by itself (R54); its verdict follows.
///
/// # Errors
/// As `apply`.
pub(crate) fn request(
    doc: &mut Automerge,
    actor: Actor,
    id: PedidoId,
    verbo: &str,
    motivo: &str,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let (pedidos, now) = (writing.part(PEDIDOS)?, writing.now());
    let request = Request { verb: verbo, reason: Some(motivo), email: false };
    writing.change(|tx| put_request(tx, &pedidos, id, &request, now))
}

/// The server says how far the bytes of a file have come (R83).
///
/// # Errors
/// As `apply`.
pub(crate) fn file_state(
    doc: &mut Automerge,
    actor: Actor,
    anexo: ItemId,
    situacao: SituacaoArquivo,
    motivo: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let (arquivos, now) = (writing.servidor(ARQUIVOS)?, writing.now());
    let key = key(anexo.uuid());
    writing.change(|tx| {
        let before = tx.get(&arquivos, key.as_str())?.map(|(_, obj)| obj);
        let obj = match before {
            Some(obj) => obj,
            None => tx.put_object(&arquivos, key, ObjType::Map)?,
        };
        tx.put(&obj, "situacao", situacao.codigo())?;
        tx.put(&obj, "em", now)?;
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
/// As `apply`.
pub(crate) fn received(
    doc: &mut Automerge,
    actor: Actor,
    numero: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let (servidor, now) = (writing.part(SERVIDOR)?, writing.now());
    writing.change(|tx| {
        if let Some(numero) = numero {
            tx.put(&servidor, "numero", numero)?;
        }
        Ok(tx.put(&servidor, "recebido_em", now)?)
    })
}

/// The server writes its verdict on a request, and with it the situação it leads to.
///
/// # Errors
/// As `apply`.
pub(crate) fn verdict(
    doc: &mut Automerge,
    actor: Actor,
    pedido: PedidoId,
    de: &str,
    resultado: &Result<String, Refusal>,
    at: DateTime<Utc>,
) -> Result<Option<Change>, DocumentError> {
    let writing = Writing::begin(doc, actor, at);
    let (servidor, vereditos) = (writing.part(SERVIDOR)?, writing.servidor(VEREDITOS)?);
    let now = writing.now();
    writing.change(|tx| {
        let obj = tx.put_object(&vereditos, key(pedido.uuid()), ObjType::Map)?;
        tx.put(&obj, "de", de)?;
        tx.put(&obj, "em", now)?;
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
