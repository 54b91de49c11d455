//! How each file of a document stands, as the person sees it. That it has arrived is said by the
//! document alone (ff08).

use crate::{
    error::Error,
    names::{self, PersonShown},
    phone::Phone,
    store::{
        anexos::{self, Anexo, Dados},
        arquivos::{self, Arquivo, UploadState},
        documents,
        fates::{self, End},
        uploads,
    },
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::{Colecao, Variante, frase_do_motivo},
    registro::{Registro, SituacaoArquivo},
};
use campo_screens::Cited;
use campo_sync::client;
use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf};

/// How far a file has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "estado")]
pub enum PhotoState {
    /// On this device, and waits for its turn.
    #[serde(rename = "no_celular")]
    OnPhone,
    /// The record's change is held: the office decides on it first.
    #[serde(rename = "retida")]
    Held {
        /// Why.
        #[serde(rename = "porque")]
        reason: String,
    },
    /// Part of it is at the server.
    #[serde(rename = "enviando")]
    Sending {
        /// How much, from 0 to 99.
        #[serde(rename = "por_cento")]
        percent: u8,
        /// Whether it is on its way right now; if not, the rest waits on this device.
        #[serde(rename = "agora")]
        now: bool,
    },
    /// All of it is at the server, which has not verified it yet.
    #[serde(rename = "no_servidor")]
    AtServer,
    /// The server has verified it.
    #[serde(rename = "conferida")]
    Verified,
    /// It did not arrive.
    #[serde(rename = "falhou")]
    Failed {
        /// Why.
        #[serde(rename = "porque")]
        reason: String,
        /// When the next try is due; `None` if there is none.
        #[serde(rename = "proxima_tentativa")]
        next_try_at: Option<DateTime<Utc>>,
    },
    /// Somebody else's, that has not arrived at the server.
    #[serde(rename = "esperada")]
    Expected,
}

impl PhotoState {
    /// What the person reads.
    pub fn label(&self) -> String {
        match self {
            PhotoState::OnPhone => "no celular".into(),
            PhotoState::Held { .. } => "aguarda a retaguarda".into(),
            PhotoState::Sending { percent, now: true } => format!("enviando {percent} %"),
            PhotoState::Sending { percent, now: false } => {
                format!("no celular, {percent} % enviados")
            }
            PhotoState::AtServer => "no servidor".into(),
            PhotoState::Verified => "conferida".into(),
            PhotoState::Failed { .. } => "falhou".into(),
            PhotoState::Expected => "esperada".into(),
        }
    }
}

/// A file of a document.
#[derive(Clone, Debug, Serialize)]
pub struct PhotoShown {
    /// Its id.
    pub anexo: ItemId,
    /// How the file is called.
    pub nome: String,
    /// Code of what it shows.
    pub categoria: String,
    /// What is written under it.
    pub legenda: Option<String>,
    /// Bytes of the original.
    pub tamanho: u64,
    /// What kind of file.
    pub mime: String,
    /// Who attached it.
    pub autor: PersonShown,
    /// When it was taken.
    pub capturada_em: Option<DateTime<Utc>>,
    /// Whether it was captured on this device.
    pub minha: bool,
    /// How far it has come.
    #[serde(flatten)]
    pub estado: PhotoState,
    /// Which of its pictures are on this device.
    pub locais: BTreeSet<Variante>,
}

/// Photos of the person that the server is not known to have, for a status line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PhotoSummary {
    /// How many.
    #[serde(rename = "aguardam")]
    pub waiting: u32,
    /// How many of them failed.
    #[serde(rename = "falharam")]
    pub failed: u32,
    /// When the next try is due, after a failure.
    #[serde(rename = "proxima_tentativa")]
    pub next_try_at: Option<DateTime<Utc>>,
}

impl PhotoSummary {
    pub(crate) fn load(conn: &Connection, account: i64) -> Result<Self, Error> {
        let unverified = uploads::unverified(conn, Some(account))?;
        Ok(PhotoSummary {
            waiting: unverified.photos,
            failed: unverified.failed,
            next_try_at: unverified.next_try_at,
        })
    }
}

impl Phone {
    /// The files of a document: those that were not removed, and those captured here that it does
    /// not have yet or did not take.
    ///
    /// # Errors
    /// `NaoEncontrado` where this device has nothing of it; `NinguemEntrou`, storage.
    pub fn fotos(&self, document: DocumentId) -> Result<Vec<PhotoShown>, Error> {
        self.read_as(|conn, account| {
            let rows = anexos::of_document(conn, account.key, document)?;
            let local = documents::load(conn, account.key, document)?;
            if local.is_none() && rows.is_empty() {
                return Err(Error::NaoEncontrado(document.to_string()));
            }
            let view = match local.filter(|local| local.in_scope) {
                Some(local) => Some(client::view(&local, &account.ctx())?),
                None => None,
            };
            let registro = view.as_ref().map(|view| &view.registro);
            let mut cited = Cited::default();
            cited.people.insert(account.pessoa.id);
            let parts = registro.into_iter().flat_map(|registro| registro.anexos.values());
            cited.people.extend(parts.map(|parte| parte.autoria.por));
            let names = names::load(conn, account, &cited)?;
            let author = |id| PersonShown { id, nome: names.person_or_unknown(id).to_owned() };
            let mut fotos = Vec::new();
            for row in &rows {
                let parte = registro.and_then(|registro| registro.anexos.get(&row.id));
                // Removed here, or out of sight and not captured here.
                if row.removido || parte.is_some_and(|parte| parte.removido) {
                    continue;
                }
                let Some(estado) = self.state_of(conn, account.key, document, row)? else {
                    continue;
                };
                let dados = parte.map_or(row.dados.clone(), |parte| Dados::from(&parte.campos));
                let autor = author(parte.map_or(account.pessoa.id, |parte| parte.autoria.por));
                let files = arquivos::of_anexo(conn, row.ordem)?;
                let here = files.iter().filter(|file| file.aqui).map(|file| file.variante);
                let minha = row.command.is_some();
                fotos.push(shown(row.id, dados, autor, minha, estado, here.collect()));
            }
            // Declared without bytes of this device, and not heard of since.
            let sem_linha = registro.into_iter().flat_map(|r| r.vivos(Colecao::Anexos));
            for (id, parte) in sem_linha.filter(|(id, _)| rows.iter().all(|row| row.id != **id)) {
                let autor = author(parte.autoria.por);
                let situacao = registro.map(|registro| Registro::arquivo(registro, id));
                let estado = of_another(situacao.unwrap_or(SituacaoArquivo::Esperada));
                let dados = Dados::from(&parte.campos);
                fotos.push(shown(*id, dados, autor, false, estado, BTreeSet::new()));
            }
            Ok(fotos)
        })
    }

    /// Where the bytes of a file are on this device.
    ///
    /// # Errors
    /// `ArquivoAusente` where they are not; `NaoEncontrado`, `NinguemEntrou`, storage.
    pub fn arquivo(
        &self,
        document: DocumentId,
        anexo: ItemId,
        variant: Variante,
    ) -> Result<PathBuf, Error> {
        self.read_as(|conn, account| {
            let row = anexos::one(conn, account.key, document, anexo)?;
            let row = row.ok_or_else(|| Error::NaoEncontrado(anexo.to_string()))?;
            let files = arquivos::of_anexo(conn, row.ordem)?;
            let here = files.into_iter().find(|file| file.variante == variant && file.aqui);
            let path = here
                .and_then(|file| file.sha256)
                .map(|sha256| self.files.path(account.key, variant, &sha256));
            let path = path.filter(|path| path.is_file());
            path.ok_or(Error::ArquivoAusente(row.dados.nome))
        })
    }

    /// How a file stands; `None` if the person has dismissed that it was refused, or that it will
    /// not arrive.
    fn state_of(
        &self,
        conn: &Connection,
        account: i64,
        document: DocumentId,
        row: &Anexo,
    ) -> Result<Option<PhotoState>, Error> {
        let Some(command) = row.command else { return Ok(Some(of_another(row.situacao))) };
        if row.situacao == SituacaoArquivo::Verificada {
            return Ok(Some(PhotoState::Verified));
        }
        if !row.aceito {
            return Ok(match fates::end(conn, account, command)? {
                Some(End { dismissed: true, .. }) => None,
                Some(End { held: true, reason, .. }) => Some(PhotoState::Held { reason }),
                Some(End { reason, .. }) => Some(PhotoState::Failed { reason, next_try_at: None }),
                None => Some(PhotoState::OnPhone),
            });
        }
        let files = arquivos::of_anexo(conn, row.ordem)?;
        let original = files.into_iter().find(|file| file.variante == Variante::Original);
        let key = (document, row.id, Variante::Original);
        let Some(original) = original else { return Ok(Some(PhotoState::OnPhone)) };
        if original.envio == Some(UploadState::Dismissed) {
            return Ok(None);
        }
        // Whatever has gone since: that it is there would be said by the document.
        let discarded = (row.situacao == SituacaoArquivo::Recusada)
            .then(|| frase_do_motivo(row.motivo.as_deref().unwrap_or_default()));
        Ok(Some(of_original(original, discarded, self.transfer.sending.get(key))))
    }
}

fn shown(
    anexo: ItemId,
    dados: Dados,
    autor: PersonShown,
    minha: bool,
    estado: PhotoState,
    locais: BTreeSet<Variante>,
) -> PhotoShown {
    PhotoShown {
        anexo,
        nome: dados.nome,
        categoria: dados.categoria,
        legenda: dados.legenda,
        tamanho: dados.tamanho,
        mime: dados.mime,
        autor,
        capturada_em: dados.capturado_em,
        minha,
        estado,
        locais,
    }
}

const fn of_another(situacao: SituacaoArquivo) -> PhotoState {
    match situacao {
        SituacaoArquivo::Verificada => PhotoState::Verified,
        SituacaoArquivo::Recebida => PhotoState::AtServer,
        SituacaoArquivo::Esperada | SituacaoArquivo::Recusada => PhotoState::Expected,
    }
}

/// How an original of ours stands, `discarded` being why the document says that it was discarded,
/// and `going` how many bytes of it have gone of those on their way right now.
fn of_original(
    original: Arquivo,
    discarded: Option<&'static str>,
    going: Option<u64>,
) -> PhotoState {
    let Arquivo { envio, tamanho, recebido, erro, proxima_em, .. } = original;
    match (envio, erro) {
        (Some(UploadState::Sent | UploadState::Confirmed), _) => {
            return discarded.map_or(PhotoState::AtServer, |reason| PhotoState::Failed {
                reason: reason.to_owned(),
                next_try_at: proxima_em,
            });
        }
        (Some(UploadState::Waiting), Some(reason)) if going.is_none() => {
            return PhotoState::Failed { reason, next_try_at: proxima_em };
        }
        (Some(UploadState::Lost | UploadState::Damaged | UploadState::Refused), erro) => {
            return PhotoState::Failed { reason: erro.unwrap_or_default(), next_try_at: None };
        }
        _ => {}
    }
    match going.unwrap_or(0).max(recebido) {
        0 if going.is_none() => PhotoState::OnPhone,
        // All of it is only said to be there once the server says so.
        bytes => {
            let percent = (bytes.saturating_mul(100) / tamanho.max(1)).min(99);
            let percent = u8::try_from(percent).unwrap_or(99);
            PhotoState::Sending { percent, now: going.is_some() }
        }
    }
}
