//! Files over HTTP: uploads by tus 1.0.0, and downloads from where they broke off. Bodies are
//! streamed, never held. Only a standstill ends them: a large file on a bad network may take hours.
//! Knows no database.

use crate::http::{CONNECT_MAX, HttpError, refusal};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    registro::SituacaoArquivo,
};
use std::{
    io::{self, Read},
    time::Duration,
};
use ureq::{Agent, Body, SendBody, http::Response};

/// How long the connection may stand still.
const STILL_MAX: Duration = Duration::from_secs(60);
/// Bytes between two looks at whether a file may still go.
const BUFFER: usize = 64 * 1024;
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
/// What the server says of bytes that it needs none of.
const SITUACAO: &str = "campo-situacao";

/// What is about to be uploaded.
pub struct Upload<'a> {
    /// The record.
    pub documento: DocumentId,
    /// The file.
    pub anexo: ItemId,
    /// Which picture of it.
    pub variante: Variante,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: &'a str,
    /// How many.
    pub tamanho: u64,
}

/// Where an upload goes.
pub struct Created {
    /// Its place on the server.
    pub path: String,
    /// How many of the bytes the server has.
    pub offset: u64,
    /// Whether it has verified them. That it has them all is no proof.
    pub verificada: bool,
}

/// The connection to a server for files.
pub struct Transfer(Agent);

impl Transfer {
    /// A connection with limits for files.
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_recv_response(Some(STILL_MAX))
            .timeout_per_read(Some(STILL_MAX))
            .timeout_per_write(Some(STILL_MAX))
            .output_buffer_size(BUFFER)
            .max_redirects(0)
            .user_agent(concat!("campo-mobile/", env!("CARGO_PKG_VERSION")))
            .build();
        Transfer(config.into())
    }

    /// `POST /v1/arquivos`: where the bytes go, and what the server has of them.
    pub fn create(
        &self,
        server: &str,
        bearer: &str,
        upload: &Upload<'_>,
    ) -> Result<Created, HttpError> {
        let Upload { documento, anexo, variante, sha256, tamanho } = upload;
        let metadata = [
            ("documento", documento.to_string()),
            ("anexo", anexo.to_string()),
            ("variante", variante.codigo().to_owned()),
            ("sha256", (*sha256).to_owned()),
        ]
        .map(|(name, value)| format!("{name} {}", STANDARD.encode(value)));
        let response = self
            .0
            .post(format!("{server}/v1/arquivos"))
            .header("authorization", format!("Bearer {bearer}"))
            .header(TUS.0, TUS.1)
            .header("upload-length", tamanho.to_string())
            .header("upload-metadata", metadata.join(","))
            .send_empty()
            .map_err(network)?;
        let response = successful(response)?;
        let location = text(&response, "location").unwrap_or_default();
        // A token goes to its own server only.
        let path = location.strip_prefix(server).unwrap_or(location);
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(broken("the upload has no place"));
        }
        let verificada = text(&response, SITUACAO) == Some(SituacaoArquivo::Verificada.codigo());
        let offset = offset(&response).unwrap_or(0);
        Ok(Created { path: path.to_owned(), offset, verificada })
    }

    /// `HEAD`: how many bytes the server has.
    pub fn offset(&self, server: &str, bearer: &str, path: &str) -> Result<u64, HttpError> {
        let request = self.0.head(format!("{server}{path}")).header(TUS.0, TUS.1);
        let request = request.header("authorization", format!("Bearer {bearer}"));
        let response = successful(request.call().map_err(network)?)?;
        offset(&response).ok_or_else(|| broken("the answer says no offset"))
    }

    /// `PATCH`: sends `length` bytes from there on, and returns how many the server has then.
    pub fn append(
        &self,
        server: &str,
        bearer: &str,
        path: &str,
        from: u64,
        (length, body): (u64, &mut dyn Read),
    ) -> Result<u64, HttpError> {
        let response = self
            .0
            .patch(format!("{server}{path}"))
            .header("authorization", format!("Bearer {bearer}"))
            .header(TUS.0, TUS.1)
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", from.to_string())
            .header("content-length", length.to_string())
            .send(SendBody::from_reader(body))
            .map_err(network)?;
        let response = successful(response)?;
        offset(&response).ok_or_else(|| broken("the answer says no offset"))
    }

    /// `GET` of a picture of a file, from that byte on.
    pub fn fetch(
        &self,
        server: &str,
        bearer: &str,
        (documento, anexo, variante): (DocumentId, ItemId, Variante),
        from: u64,
    ) -> Result<Response<Body>, HttpError> {
        let url = format!("{server}/v1/anexos/{documento}/{anexo}/{variante}");
        let mut request = self.0.get(url).header("authorization", format!("Bearer {bearer}"));
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        successful(request.call().map_err(network)?)
    }
}

/// The value of a header, if it is text.
pub fn text<'a, B>(response: &'a Response<B>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

fn offset<B>(response: &Response<B>) -> Option<u64> {
    text(response, "upload-offset")?.trim().parse().ok()
}

fn successful(response: Response<Body>) -> Result<Response<Body>, HttpError> {
    if response.status().is_success() { Ok(response) } else { Err(refusal(response)) }
}

fn network(error: ureq::Error) -> HttpError {
    HttpError::Network(Box::new(error))
}

fn broken(why: &'static str) -> HttpError {
    HttpError::Broken(io::Error::other(why))
}
