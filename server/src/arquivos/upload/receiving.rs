//! Receives the body of one request into the object store. Bytes are written as parts of at most
//! 4 MiB, each an object of its own. A part counts once a short transaction has moved the upload's
//! offset from the part's start to its end; of two connections at the same offset one wins, and the
//! other deletes its object. No lock is held meanwhile, so a connection that breaks leaves nothing
//! to clean up, and the parts that it brought are kept.

use super::{
    headers::Checksum,
    refusals::{expired, wrong_position},
    table::{self, Part, Upload},
    target::too_large,
};
use crate::{
    app::App,
    arquivos::{cleanup, state},
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

/// Bytes that are buffered before a part is written.
const PART_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest time that a buffered byte waits for more before it is written.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest time without a byte before the connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// One request's body on its way into the store.
#[derive(Debug)]
pub struct Receiving {
    app: App,
    tenant: TenantId,
    upload: Upload,
    checksum: Option<Checksum>,
    buffer: BytesMut,
    /// The offset in the file of the buffer's first byte.
    start: i64,
    /// Parts that are in the store and do not count until the whole body's checksum matches.
    uncounted: Vec<Part>,
}

impl Receiving {
    /// For an upload whose offset is the one of the request.
    pub fn new(app: App, tenant: TenantId, upload: Upload, checksum: Option<Checksum>) -> Self {
        let (buffer, start, uncounted) = (BytesMut::new(), upload.received, Vec::new());
        Self { app, tenant, upload, checksum, buffer, start, uncounted }
    }

    /// Receives the body and returns the upload with its new offset. What arrived before an error
    /// is kept, except where the request has a checksum, which is of the whole body.
    ///
    /// # Errors
    /// 408, 409 `posicao_diferente`, 413, 460 `soma_diferente`; 503 where the store or the database
    /// does not answer, or the server stops.
    pub async fn receive(mut self, body: Body) -> ApiResult<Upload> {
        let was_complete = self.upload.is_complete();
        let end = self.read(body).await;
        let outcome = match end {
            // The body is longer than the file: none of it can be trusted.
            Err(error) if error.status == StatusCode::PAYLOAD_TOO_LARGE => Err(error),
            Err(error) if self.checksum.is_some() => Err(error),
            Err(error) => self.flush().await.and(Err(error)),
            Ok(()) => self.finish().await,
        };
        if outcome.is_err() {
            let abandoned: Vec<Path> = self.uncounted.drain(..).map(|p| p.object).collect();
            self.app.objects.discard(&abandoned).await;
        }
        if self.upload.is_complete() && !was_complete {
            state::announce(&self.app, self.tenant, &self.upload).await;
        }
        outcome.map(|()| self.upload)
    }

    async fn finish(&mut self) -> ApiResult<()> {
        self.flush().await?;
        let Some(checksum) = self.checksum.take() else { return Ok(()) };
        if !checksum.matches() {
            let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
            let message = "Os bytes chegaram diferentes do que foi enviado. Envie de novo.";
            return Err(ApiError::new(status, "soma_diferente", message));
        }
        let parts = mem::take(&mut self.uncounted);
        self.count(&parts).await
    }

    async fn read(&mut self, body: Body) -> ApiResult<()> {
        let mut stream = body.into_data_stream();
        let mut missing = self.upload.length - self.start;
        let mut last = Instant::now();
        // When the buffer is written even if it is not full.
        let mut deadline = None;
        let shutdown = self.app.shutdown.clone();
        let stopping = shutdown.requested();
        tokio::pin!(stopping);
        loop {
            let silent_until = last + SILENCE_MAX;
            let until =
                deadline.map_or(silent_until, |deadline: Instant| deadline.min(silent_until));
            let next = tokio::select! {
                () = &mut stopping => return Err(unavailable("O servidor está parando.")),
                next = timeout_at(until, stream.next()) => next,
            };
            match next {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(bytes))) => {
                    last = Instant::now();
                    missing -= i64::try_from(bytes.len()).unwrap_or(i64::MAX);
                    if missing < 0 {
                        return Err(too_large());
                    }
                    if let Some(checksum) = &mut self.checksum {
                        checksum.update(&bytes);
                    }
                    self.buffer.extend_from_slice(&bytes);
                    deadline = deadline.or(Some(last + WAIT_MAX));
                }
                Ok(Some(Err(error))) => {
                    tracing::info!(envio = %self.upload.id, %error, "the bytes stopped coming");
                    return Err(ApiError::invalido("O corpo do pedido não chegou inteiro."));
                }
                Err(_) if last.elapsed() >= SILENCE_MAX => {
                    let message = "Nada chegou por muito tempo. Continue de onde parou.";
                    let status = StatusCode::REQUEST_TIMEOUT;
                    return Err(ApiError::new(status, "tempo_esgotado", message));
                }
                Err(_) => {}
            }
            let due = deadline.is_some_and(|deadline| deadline <= Instant::now());
            // With a checksum nothing counts before the end, so no part is written early.
            if self.buffer.len() >= PART_BYTES_MAX || due && self.checksum.is_none() {
                self.flush().await?;
            }
            if self.buffer.is_empty() || due {
                deadline = None;
            }
        }
    }

    /// Writes the buffer as a part, and counts it unless a checksum is still to come.
    async fn flush(&mut self) -> ApiResult<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = mem::take(&mut self.buffer).freeze();
        let (start, length) = (self.start, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        let object = objects::part(self.tenant, self.upload.id, start.unsigned_abs());
        if let Err(error) = self.app.objects.store().put(&object, bytes.into()).await {
            // A failed put may have been done all the same.
            self.app.objects.discard(&[object]).await;
            tracing::warn!(envio = %self.upload.id, %error, "bytes could not be stored");
            return Err(unavailable("O servidor não conseguiu guardar os bytes."));
        }
        let part = Part { start, end: start + length, object };
        self.start = part.end;
        if self.checksum.is_some() {
            self.uncounted.push(part);
            return Ok(());
        }
        self.count(&[part]).await
    }

    /// Moves the offset over these parts, or deletes their objects and says where the upload is.
    async fn count(&mut self, parts: &[Part]) -> ApiResult<()> {
        let mut tx = self.app.db.tenant(self.tenant).await?;
        if table::too_many_parts(&mut tx, self.upload.id).await? {
            tx.rollback().await?;
            let lost: Vec<Path> = parts.iter().map(|part| part.object.clone()).collect();
            self.app.objects.discard(&lost).await;
            cleanup::give_up(&self.app, self.tenant, self.upload.id).await?;
            return Err(expired());
        }
        let counted = table::advance(&mut tx, self.tenant, self.upload.id, parts).await?;
        // If the commit fails it is unknown whether the parts count, so their objects must stay.
        tx.commit().await?;
        if let Some(upload) = counted {
            self.upload = upload;
            return Ok(());
        }
        let lost: Vec<Path> = parts.iter().map(|part| part.object.clone()).collect();
        self.app.objects.discard(&lost).await;
        let mut tx = self.app.db.tenant(self.tenant).await?;
        let current = table::find(&mut tx, self.upload.id).await?.ok_or_else(expired)?;
        Err(wrong_position(&current))
    }
}

fn unavailable(reason: &str) -> ApiError {
    let message = format!("{reason} Continue o envio em instantes, de onde parou.");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "servidor_ocupado", message).after(5)
}
