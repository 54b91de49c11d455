//! The bytes of one request, from the connection to the store. They are written as they come, each
//! run of them an object of its own, and count once a short transaction has found the upload where
//! the run begins: whoever loses that race takes its object away again. Nothing is locked, so that
//! a connection that dies leaves nothing behind; what it had brought is kept.

use super::{
    alvo::grande_demais,
    cabecalhos::Soma,
    recusas::{expirado, posicao_diferente},
    tabela::{self, Envio, Parte},
};
use crate::{
    app::App,
    arquivos::{estado, limpeza},
    error::{ApiError, ApiResult},
    objects,
};
use axum::{body::Body, http::StatusCode};
use bytes::BytesMut;
use campo_domain::ids::TenantId;
use futures::StreamExt;
use object_store::{ObjectStoreExt, path::Path};
use std::{mem, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Bytes that are held before they are written.
const PARTE_MAX: usize = 4 * 1024 * 1024;
/// How long the first of them waits for more.
const ESPERA_MAX: Duration = Duration::from_secs(5);
/// Longest silence of a connection.
const SILENCIO_MAX: Duration = Duration::from_secs(30);

/// What is needed to take bytes in.
#[derive(Debug)]
pub struct Recepcao {
    app: App,
    tenant: TenantId,
    envio: Envio,
    soma: Option<Soma>,
    buffer: BytesMut,
    /// Where the buffer begins.
    inicio: i64,
    /// Written, and not counted before the sum is known to be right.
    pendentes: Vec<Parte>,
}

impl Recepcao {
    /// For an upload that stands where the request says.
    pub fn nova(app: App, tenant: TenantId, envio: Envio, soma: Option<Soma>) -> Self {
        let (buffer, inicio, pendentes) = (BytesMut::new(), envio.recebido, Vec::new());
        Self { app, tenant, envio, soma, buffer, inicio, pendentes }
    }

    /// Takes the body in; the upload as it stands then. What arrived before an error is kept,
    /// unless a sum was sent with it.
    ///
    /// # Errors
    /// 408, 409 `posicao_diferente`, 413, 460 `soma_diferente`; 503 where the store or the database
    /// does not answer, or the server stops.
    pub async fn receber(mut self, corpo: Body) -> ApiResult<Envio> {
        let era_completo = self.envio.completo();
        let fim = self.ler(corpo).await;
        let outcome = match fim {
            // Part of a body that is wrong as a whole.
            Err(error) if error.status == StatusCode::PAYLOAD_TOO_LARGE => Err(error),
            Err(error) if self.soma.is_some() => Err(error),
            Err(error) => self.escrever().await.and(Err(error)),
            Ok(()) => self.terminar().await,
        };
        if outcome.is_err() {
            let abandonadas: Vec<Path> = self.pendentes.drain(..).map(|p| p.objeto).collect();
            self.app.objects.discard(&abandonadas).await;
        }
        if self.envio.completo() && !era_completo {
            estado::anunciar(&self.app, self.tenant, &self.envio).await;
        }
        outcome.map(|()| self.envio)
    }

    async fn terminar(&mut self) -> ApiResult<()> {
        self.escrever().await?;
        let Some(soma) = self.soma.take() else { return Ok(()) };
        if !soma.confere() {
            let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
            let mensagem = "Os bytes chegaram diferentes do que foi enviado. Envie de novo.";
            return Err(ApiError::new(status, "soma_diferente", mensagem));
        }
        let partes = mem::take(&mut self.pendentes);
        self.contar(&partes).await
    }

    async fn ler(&mut self, corpo: Body) -> ApiResult<()> {
        let mut stream = corpo.into_data_stream();
        let mut falta = self.envio.tamanho - self.inicio;
        let mut ultimo = Instant::now();
        // When the buffer is written however little it holds.
        let mut prazo = None;
        let shutdown = self.app.shutdown.clone();
        let parar = shutdown.requested();
        tokio::pin!(parar);
        loop {
            let silencio = ultimo + SILENCIO_MAX;
            let ate = prazo.map_or(silencio, |prazo: Instant| prazo.min(silencio));
            let next = tokio::select! {
                () = &mut parar => return Err(indisponivel("O servidor está parando.")),
                next = timeout_at(ate, stream.next()) => next,
            };
            match next {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(bytes))) => {
                    ultimo = Instant::now();
                    falta -= i64::try_from(bytes.len()).unwrap_or(i64::MAX);
                    if falta < 0 {
                        return Err(grande_demais());
                    }
                    if let Some(soma) = &mut self.soma {
                        soma.somar(&bytes);
                    }
                    self.buffer.extend_from_slice(&bytes);
                    prazo = prazo.or(Some(ultimo + ESPERA_MAX));
                }
                Ok(Some(Err(error))) => {
                    tracing::info!(envio = %self.envio.id, %error, "the bytes stopped coming");
                    return Err(ApiError::invalido("O corpo do pedido não chegou inteiro."));
                }
                Err(_) if ultimo.elapsed() >= SILENCIO_MAX => {
                    let mensagem = "Nada chegou por muito tempo. Continue de onde parou.";
                    let status = StatusCode::REQUEST_TIMEOUT;
                    return Err(ApiError::new(status, "tempo_esgotado", mensagem));
                }
                Err(_) => {}
            }
            let due = prazo.is_some_and(|prazo| prazo <= Instant::now());
            // A sum counts all or nothing: there is no hurry.
            if self.buffer.len() >= PARTE_MAX || due && self.soma.is_none() {
                self.escrever().await?;
            }
            if self.buffer.is_empty() || due {
                prazo = None;
            }
        }
    }

    /// Writes what is held.
    async fn escrever(&mut self) -> ApiResult<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = mem::take(&mut self.buffer).freeze();
        let (inicio, length) = (self.inicio, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        let objeto = objects::parte(self.tenant, self.envio.id, inicio.unsigned_abs());
        if let Err(error) = self.app.objects.store().put(&objeto, bytes.into()).await {
            // It may be there all the same.
            self.app.objects.discard(&[objeto]).await;
            tracing::warn!(envio = %self.envio.id, %error, "bytes could not be stored");
            return Err(indisponivel("O servidor não conseguiu guardar os bytes."));
        }
        let parte = Parte { inicio, fim: inicio + length, objeto };
        self.inicio = parte.fim;
        if self.soma.is_some() {
            self.pendentes.push(parte);
            return Ok(());
        }
        self.contar(&[parte]).await
    }

    async fn contar(&mut self, partes: &[Parte]) -> ApiResult<()> {
        let mut tx = self.app.db.tenant(self.tenant).await?;
        if tabela::partes_demais(&mut tx, self.envio.id).await? {
            tx.rollback().await?;
            let perdidas: Vec<Path> = partes.iter().map(|parte| parte.objeto.clone()).collect();
            self.app.objects.discard(&perdidas).await;
            limpeza::desistir(&self.app, self.tenant, self.envio.id).await?;
            return Err(expirado());
        }
        let counted = tabela::avancar(&mut tx, self.tenant, self.envio.id, partes).await?;
        // If this fails they may count: then their objects must stay.
        tx.commit().await?;
        if let Some(envio) = counted {
            self.envio = envio;
            return Ok(());
        }
        let perdidas: Vec<Path> = partes.iter().map(|parte| parte.objeto.clone()).collect();
        self.app.objects.discard(&perdidas).await;
        let mut tx = self.app.db.tenant(self.tenant).await?;
        let agora = tabela::obter(&mut tx, self.envio.id).await?.ok_or_else(expirado)?;
        Err(posicao_diferente(&agora))
    }
}

fn indisponivel(porque: &str) -> ApiError {
    let mensagem = format!("{porque} Continue o envio em instantes, de onde parou.");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "servidor_ocupado", mensagem).after(5)
}
