//! What did not reach its end yet, or not the one that was hoped for: pending, held, refused. Each
//! with its reason and its content, so that nothing a person wrote is ever out of sight.

use crate::{
    error::Error,
    names::{self, Labelled},
    phone::Phone,
    store::{cursor, documents, fates, lists, marks, queue, session::Account},
    sync::notice_of_damage,
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DocumentId, HeldId},
    kind::Kind,
    tipo::Tipo,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::sync::Arc;

/// The three lists.
#[derive(Clone, Debug, Serialize)]
pub struct Pendencias {
    /// Wait to be sent, oldest first.
    pub pendentes: Vec<Pendente>,
    /// Wait for the office's decision.
    pub retidas: Vec<Encerrada>,
    /// Refused by the rules, or discarded by the office.
    pub recusadas: Vec<Encerrada>,
    /// Documents that could not be read and are set aside; they will be asked for again.
    pub danificados: u32,
    /// What the person is told of them.
    pub aviso: Option<String>,
    /// When the next try is due, after a failure (ff41); `None`: at the next synchronisation.
    pub proxima_tentativa: Option<DateTime<Utc>>,
    /// What the last failure said.
    pub ultimo_erro: Option<String>,
}

/// A command that waits to be sent.
#[derive(Clone, Debug, Serialize)]
pub struct Pendente {
    /// The command.
    pub id: CommandId,
    /// Its document.
    pub documento: DocumentId,
    /// Number or provisional label of the document.
    pub documento_rotulo: String,
    /// Its kind, where it is known.
    pub kind: Option<Kind>,
    /// What was done.
    pub o_que: String,
    /// What it says.
    pub conteudo: Vec<Labelled>,
    /// When, by the clock of this device.
    pub quando: DateTime<Utc>,
}

/// A command that was held, refused or discarded.
#[derive(Clone, Debug, Serialize)]
pub struct Encerrada {
    /// The command.
    pub id: CommandId,
    /// Its document.
    pub documento: DocumentId,
    /// Number or provisional label of the document, as it was known.
    pub documento_rotulo: String,
    /// Its kind, where it is known.
    pub kind: Option<Kind>,
    /// What was done.
    pub o_que: String,
    /// What it says.
    pub conteudo: Vec<Labelled>,
    /// When, by the clock of this device.
    pub quando: DateTime<Utc>,
    /// When this device heard of its end.
    pub encerrada_em: DateTime<Utc>,
    /// Stable code of the reason.
    pub codigo: String,
    /// The reason.
    pub mensagem: String,
    /// True where it was held first, and then discarded by the office.
    pub descartada: bool,
    /// What the office said.
    pub nota: Option<String>,
    /// The held branch.
    pub retencao: Option<HeldId>,
}

/// How a document stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "estado")]
pub enum SyncState {
    /// Nothing waits.
    #[serde(rename = "sincronizado")]
    Synced,
    /// Commands wait to be sent.
    #[serde(rename = "pendente")]
    Pending {
        /// How many.
        n: u32,
    },
    /// Commands wait for the office.
    #[serde(rename = "retido")]
    Held {
        /// How many.
        n: u32,
    },
    /// Commands were refused and not dismissed.
    #[serde(rename = "recusado")]
    Refused {
        /// How many.
        n: u32,
    },
    /// The person no longer sees it; unsent work is still sent.
    #[serde(rename = "fora_de_alcance")]
    OutOfSight,
}

impl Phone {
    /// Everything that is not settled, and what was not accepted.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn pending(&self) -> Result<Pendencias, Error> {
        self.read_as(|conn, account| {
            let mut pendentes = Vec::new();
            for waiting in queue::waiting(conn, account.key)? {
                let name = documents::name(conn, account.key, waiting.document)?;
                let kind = name.kind.unwrap_or(Kind::Assistencia);
                let tipo = tipo(conn, account, waiting.document, &waiting.command)?;
                pendentes.push(Pendente {
                    id: waiting.id,
                    documento: waiting.document,
                    documento_rotulo: name.label,
                    kind: name.kind,
                    o_que: waiting.command.rotulo(kind, tipo.as_deref()),
                    conteudo: names::content(
                        conn,
                        account,
                        &waiting.command,
                        name.kind,
                        tipo.as_deref(),
                    )?,
                    quando: waiting.at,
                });
            }
            let encerradas = |held| -> Result<Vec<Encerrada>, Error> {
                let ended = fates::shown(conn, account.key, held)?;
                ended.into_iter().map(|ended| encerrada(conn, account, ended)).collect()
            };
            let place = cursor::load(conn, account.key)?;
            let danificados = marks::damaged(conn, account.key)?;
            Ok(Pendencias {
                pendentes,
                retidas: encerradas(true)?,
                recusadas: encerradas(false)?,
                danificados,
                aviso: notice_of_damage(danificados),
                proxima_tentativa: place.next_try_at,
                ultimo_erro: place.last_error,
            })
        })
    }

    /// Stops showing a refused or discarded command. What is pending or held cannot be dismissed.
    ///
    /// # Errors
    /// `NaoEncontrado`, `NinguemEntrou`, storage.
    pub fn dismiss(&self, command: CommandId) -> Result<(), Error> {
        self.write_as(|tx, account| {
            if fates::dismiss(tx, account.key, command)? {
                Ok(())
            } else {
                Err(Error::NaoEncontrado(command.to_string()))
            }
        })
    }

    /// How a document stands with the server.
    ///
    /// # Errors
    /// `NaoEncontrado`, `NinguemEntrou`, storage.
    pub fn sync_state(&self, document: DocumentId) -> Result<SyncState, Error> {
        self.read_as(|conn, account| sync_state(conn, account.key, document))
    }
}

/// As [`Phone::sync_state`].
pub(crate) fn sync_state(
    conn: &rusqlite::Connection,
    account: i64,
    document: DocumentId,
) -> Result<SyncState, Error> {
    let n = queue::count(conn, account, Some(document))?;
    let (held, refused) = fates::counts(conn, account, Some(document))?;
    Ok(match (documents::in_scope(conn, account, document)?, refused, held, n) {
        (None, 0, 0, _) => return Err(Error::NaoEncontrado(document.to_string())),
        (None | Some(false), ..) => SyncState::OutOfSight,
        (_, 1.., ..) => SyncState::Refused { n: refused },
        (_, _, 1.., _) => SyncState::Held { n: held },
        (_, _, _, 1..) => SyncState::Pending { n },
        _ => SyncState::Synced,
    })
}

/// The tipo of a command's document, by whose names the command is told.
fn tipo(
    conn: &rusqlite::Connection,
    account: &Account,
    document: DocumentId,
    command: &Command,
) -> Result<Option<Arc<Tipo>>, Error> {
    let referencia = match command {
        Command::Criar { tipo, .. } => Some(tipo.clone()),
        _ => lists::tipo(conn, account.key, document)?,
    };
    Ok(referencia.and_then(|referencia| account.tipos.obter(&referencia).ok().cloned()))
}

fn encerrada(
    conn: &rusqlite::Connection,
    account: &Account,
    ended: fates::Ended,
) -> Result<Encerrada, Error> {
    let tipo = tipo(conn, account, ended.document, &ended.command)?;
    Ok(Encerrada {
        id: ended.id,
        documento: ended.document,
        documento_rotulo: ended.label,
        kind: ended.kind,
        o_que: ended.command.rotulo(ended.kind.unwrap_or(Kind::Assistencia), tipo.as_deref()),
        conteudo: names::content(conn, account, &ended.command, ended.kind, tipo.as_deref())?,
        quando: ended.at,
        encerrada_em: ended.settled_at,
        codigo: ended.reason.code,
        mensagem: ended.reason.message,
        descartada: ended.discarded,
        nota: ended.note,
        retencao: ended.held,
    })
}
