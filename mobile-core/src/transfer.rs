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
    collections::HashMap,
    io::{self, Read},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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

/// One picture of one file of a record.
pub type Picture = (DocumentId, ItemId, Variante);

/// What is about to be uploaded.
pub struct Upload<'a> {
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub item: ItemId,
    /// Which picture of it.
    pub variant: Variante,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: &'a str,
    /// How many.
    pub size: u64,
}

/// Where an upload goes.
pub struct Created {
    /// Its place on the server.
    pub path: String,
    /// How many of the bytes the server has.
    pub offset: u64,
    /// Whether it has verified them. That it has them all is no proof.
    pub verified: bool,
}

/// The connection to a server for files.
pub struct Transfer {
    agent: Agent,
    /// What is being sent right now.
    pub sending: Sending,
}

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
        Transfer { agent: config.into(), sending: Sending::default() }
    }

    /// `POST /v1/arquivos`: where the bytes go, and what the server has of them.
    pub fn create(
        &self,
        server: &str,
        bearer: &str,
        upload: &Upload<'_>,
    ) -> Result<Created, HttpError> {
        let Upload { document, item, variant, sha256, size } = upload;
        let metadata = [
            ("documento", document.to_string()),
            ("anexo", item.to_string()),
            ("variante", variant.codigo().to_owned()),
            ("sha256", (*sha256).to_owned()),
        ]
        .map(|(name, value)| format!("{name} {}", STANDARD.encode(value)));
        let response = self
            .agent
            .post(format!("{server}/v1/arquivos"))
            .header("authorization", format!("Bearer {bearer}"))
            .header(TUS.0, TUS.1)
            .header("upload-length", size.to_string())
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
        let verified = text(&response, SITUACAO) == Some(SituacaoArquivo::Verificada.codigo());
        let offset = offset(&response).unwrap_or(0);
        Ok(Created { path: path.to_owned(), offset, verified })
    }

    /// `HEAD`: how many bytes the server has.
    pub fn offset(&self, server: &str, bearer: &str, path: &str) -> Result<u64, HttpError> {
        let request = self.agent.head(format!("{server}{path}")).header(TUS.0, TUS.1);
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
            .agent
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
        (document, item, variant): Picture,
        from: u64,
    ) -> Result<Response<Body>, HttpError> {
        let url = format!("{server}/v1/anexos/{document}/{item}/{variant}");
        let mut request = self.agent.get(url).header("authorization", format!("Bearer {bearer}"));
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        successful(request.call().map_err(network)?)
    }
}

/// How many bytes have gone of each picture that is being sent right now.
#[derive(Default)]
pub struct Sending(Mutex<HashMap<Picture, Arc<AtomicU64>>>);

impl Sending {
    /// A picture begins to go, of which the server has `from` bytes. The sender counts on.
    pub fn begin(&self, picture: Picture, from: u64) -> Arc<AtomicU64> {
        let counter = Arc::new(AtomicU64::new(from));
        self.map().insert(picture, counter.clone());
        counter
    }

    /// It goes no more.
    pub fn end(&self, picture: Picture) {
        self.map().remove(&picture);
    }

    /// How many bytes have gone; `None` while the picture is not being sent.
    pub fn get(&self, picture: Picture) -> Option<u64> {
        self.map().get(&picture).map(|counter| counter.load(Ordering::Relaxed))
    }

    fn map(&self) -> MutexGuard<'_, HashMap<Picture, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
