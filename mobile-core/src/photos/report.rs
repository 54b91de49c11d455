//! How each file of a document stands, as the person sees it. That it has arrived is said by the
//! document alone (ff08).

use crate::{
    campo::Campo,
    error::Error,
    render::Render,
    show::PessoaExibida,
    store::{
        anexos::{self, Anexo, Dados},
        arquivos::{self, Arquivo, Envio},
        documents, fates,
        fates::Fim,
    },
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::{Colecao, Variante, frase_do_motivo},
    registro::{Registro, SituacaoArquivo},
};
use campo_sync::client;
use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf};

/// How far a file has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "estado", rename_all = "snake_case")]
pub enum EstadoFoto {
    /// On this device, and waits for its turn.
    NoCelular,
    /// The record's change is held: the office decides on it first.
    Retida {
        /// Why.
        porque: String,
    },
    /// Part of it is at the server.
    Enviando {
        /// How much.
        por_cento: u8,
        /// Whether it is on its way right now; if not, the rest waits on this device.
        agora: bool,
    },
    /// All of it is at the server, which has not verified it yet.
    NoServidor,
    /// The server has verified it.
    Conferida,
    /// It did not arrive.
    Falhou {
        /// Why.
        porque: String,
        /// When the next try is due; `None` if there is none.
        proxima_tentativa: Option<DateTime<Utc>>,
    },
    /// Somebody else's, that has not arrived at the server.
    Esperada,
}

impl EstadoFoto {
    /// What the person reads.
    pub fn rotulo(&self) -> String {
        match self {
            EstadoFoto::NoCelular => "no celular".into(),
            EstadoFoto::Retida { .. } => "aguarda a retaguarda".into(),
            EstadoFoto::Enviando { por_cento, agora: true } => format!("enviando {por_cento} %"),
            EstadoFoto::Enviando { por_cento, agora: false } => {
                format!("no celular, {por_cento} % enviados")
            }
            EstadoFoto::NoServidor => "no servidor".into(),
            EstadoFoto::Conferida => "conferida".into(),
            EstadoFoto::Falhou { .. } => "falhou".into(),
            EstadoFoto::Esperada => "esperada".into(),
        }
    }
}

/// A file of a document.
#[derive(Clone, Debug, Serialize)]
pub struct FotoExibida {
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
    pub autor: PessoaExibida,
    /// When it was taken.
    pub capturada_em: Option<DateTime<Utc>>,
    /// Whether it was captured on this device.
    pub minha: bool,
    /// How far it has come.
    #[serde(flatten)]
    pub estado: EstadoFoto,
    /// Which of its pictures are on this device.
    pub locais: BTreeSet<Variante>,
}

/// Photos of the person that the server is not known to have, for a status line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResumoFotos {
    /// How many.
    pub aguardam: u32,
    /// How many of them failed.
    pub falharam: u32,
    /// When the next try is due, after a failure.
    pub proxima_tentativa: Option<DateTime<Utc>>,
}

impl ResumoFotos {
    pub(crate) fn load(conn: &Connection, account: i64) -> Result<Self, Error> {
        let pendentes = arquivos::pending(conn, Some(account))?;
        Ok(ResumoFotos {
            aguardam: pendentes.fotos,
            falharam: pendentes.falharam,
            proxima_tentativa: pendentes.proxima_em,
        })
    }
}

impl Campo {
    /// The files of a document: those that were not removed, and those captured here that it does
    /// not have yet or did not take.
    ///
    /// # Errors
    /// `NaoEncontrado` where this device has nothing of it; `NinguemEntrou`, storage.
    pub fn fotos(&self, document: DocumentId) -> Result<Vec<FotoExibida>, Error> {
        self.read_as(|conn, quem| {
            let render = Render { conn, quem };
            let rows = anexos::of_document(conn, quem.account, document)?;
            let local = documents::load(conn, quem.account, document)?;
            if local.is_none() && rows.is_empty() {
                return Err(Error::NaoEncontrado(document.to_string()));
            }
            let view = match local.filter(|local| local.in_scope) {
                Some(local) => Some(client::view(&local, &quem.ctx())?),
                None => None,
            };
            let registro = view.as_ref().map(|view| &view.registro);
            let mut fotos = Vec::new();
            for row in &rows {
                let parte = registro.and_then(|registro| registro.anexos.get(&row.id));
                // Removed here, or out of sight and not captured here.
                if row.removido || parte.is_some_and(|parte| parte.removido) {
                    continue;
                }
                let Some(estado) = self.estado_de(conn, quem.account, document, row)? else {
                    continue;
                };
                let dados = parte.map_or(row.dados.clone(), |parte| Dados::from(&parte.campos));
                let autor = parte.map_or(quem.pessoa.id, |parte| parte.autoria.por);
                let autor = PessoaExibida { id: autor, nome: render.usuario(autor)? };
                let files = arquivos::of_anexo(conn, row.ordem)?;
                let here = files.iter().filter(|file| file.aqui).map(|file| file.variante);
                let minha = row.command.is_some();
                fotos.push(exibida(row.id, dados, autor, minha, estado, here.collect()));
            }
            // Declared without bytes of this device, and not heard of since.
            let sem_linha = registro.into_iter().flat_map(|r| r.vivos(Colecao::Anexos));
            for (id, parte) in sem_linha.filter(|(id, _)| rows.iter().all(|row| row.id != **id)) {
                let autor = parte.autoria.por;
                let autor = PessoaExibida { id: autor, nome: render.usuario(autor)? };
                let situacao = registro.map(|registro| Registro::arquivo(registro, id));
                let estado = de_outro(situacao.unwrap_or(SituacaoArquivo::Esperada));
                let dados = Dados::from(&parte.campos);
                fotos.push(exibida(*id, dados, autor, false, estado, BTreeSet::new()));
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
        variante: Variante,
    ) -> Result<PathBuf, Error> {
        self.read_as(|conn, quem| {
            let row = anexos::one(conn, quem.account, document, anexo)?;
            let row = row.ok_or_else(|| Error::NaoEncontrado(anexo.to_string()))?;
            let files = arquivos::of_anexo(conn, row.ordem)?;
            let here = files.into_iter().find(|file| file.variante == variante && file.aqui);
            let path = here
                .and_then(|file| file.sha256)
                .map(|sha256| self.fotos.files.path(quem.account, variante, &sha256));
            let path = path.filter(|path| path.is_file());
            path.ok_or(Error::ArquivoAusente(row.dados.nome))
        })
    }

    /// How a file stands; `None` if the person has dismissed that it was refused, or that it will
    /// not arrive.
    fn estado_de(
        &self,
        conn: &Connection,
        account: i64,
        document: DocumentId,
        row: &Anexo,
    ) -> Result<Option<EstadoFoto>, Error> {
        let Some(command) = row.command else { return Ok(Some(de_outro(row.situacao))) };
        if row.situacao == SituacaoArquivo::Verificada {
            return Ok(Some(EstadoFoto::Conferida));
        }
        if !row.aceito {
            return Ok(match fates::end(conn, account, command)? {
                Some(Fim { dismissed: true, .. }) => None,
                Some(Fim { held: true, motivo, .. }) => Some(EstadoFoto::Retida { porque: motivo }),
                Some(Fim { motivo, .. }) => {
                    Some(EstadoFoto::Falhou { porque: motivo, proxima_tentativa: None })
                }
                None => Some(EstadoFoto::NoCelular),
            });
        }
        let files = arquivos::of_anexo(conn, row.ordem)?;
        let original = files.into_iter().find(|file| file.variante == Variante::Original);
        let key = (document, row.id, Variante::Original);
        let Some(original) = original else { return Ok(Some(EstadoFoto::NoCelular)) };
        if original.envio == Some(Envio::Dispensado) {
            return Ok(None);
        }
        // Whatever has gone since: that it is there would be said by the document.
        let recusada = (row.situacao == SituacaoArquivo::Recusada)
            .then(|| frase_do_motivo(row.motivo.as_deref().unwrap_or_default()));
        Ok(Some(do_original(original, recusada, self.fotos.sending.get(key))))
    }
}

fn exibida(
    anexo: ItemId,
    dados: Dados,
    autor: PessoaExibida,
    minha: bool,
    estado: EstadoFoto,
    locais: BTreeSet<Variante>,
) -> FotoExibida {
    FotoExibida {
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

const fn de_outro(situacao: SituacaoArquivo) -> EstadoFoto {
    match situacao {
        SituacaoArquivo::Verificada => EstadoFoto::Conferida,
        SituacaoArquivo::Recebida => EstadoFoto::NoServidor,
        SituacaoArquivo::Esperada | SituacaoArquivo::Recusada => EstadoFoto::Esperada,
    }
}

/// How an original of ours stands, `recusada` being why the document says that it was discarded,
/// and `agora` how much of it is on its way right now.
fn do_original(
    original: Arquivo,
    recusada: Option<&'static str>,
    agora: Option<u64>,
) -> EstadoFoto {
    let Arquivo { envio, tamanho, recebido, erro, proxima_em, .. } = original;
    match (envio, erro) {
        (Some(Envio::Enviado | Envio::Confirmado), _) => {
            return recusada.map_or(EstadoFoto::NoServidor, |porque| EstadoFoto::Falhou {
                porque: porque.to_owned(),
                proxima_tentativa: proxima_em,
            });
        }
        (Some(Envio::Espera), Some(porque)) if agora.is_none() => {
            return EstadoFoto::Falhou { porque, proxima_tentativa: proxima_em };
        }
        (Some(Envio::Perdido | Envio::Danificado | Envio::Recusado), erro) => {
            let porque = erro.unwrap_or_default();
            return EstadoFoto::Falhou { porque, proxima_tentativa: None };
        }
        _ => {}
    }
    match agora.unwrap_or(0).max(recebido) {
        0 if agora.is_none() => EstadoFoto::NoCelular,
        // All of it is only said to be there once the server says so.
        bytes => {
            let por_cento = (bytes.saturating_mul(100) / tamanho.max(1)).min(99);
            let por_cento = u8::try_from(por_cento).unwrap_or(99);
            EstadoFoto::Enviando { por_cento, agora: agora.is_some() }
        }
    }
}
