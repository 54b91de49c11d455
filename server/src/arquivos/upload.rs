//! Uploads by tus 1.0: core, creation, creation-with-upload, checksum, termination, expiration.
//!
//! An upload is bound to a file that a record declares, by length and hash, and to a person who may
//! send it. Any server can continue what another began: the offset is in the database, the bytes
//! are in the object store, and no lock is held while bytes are transferred.

mod headers;
mod receiving;
mod refusals;
pub mod table;
mod target;

pub use target::UploadTarget;

use super::cleanup;
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiPath,
        principal::{EscreverRegistros, Principal, Qualquer},
        problems::Problemas,
    },
    log,
};
use axum::{
    body::{Body, HttpBody},
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    registro::SituacaoArquivo,
};
use headers::{
    CAMPO_SITUACAO, Checksum, METHOD_OVERRIDE, Metadata, TUS_RESUMABLE, TUS_VERSION, UPLOAD_LENGTH,
    UPLOAD_OFFSET, VERSION, is_bytes, number, position, wrong_type,
};
use receiving::Receiving;
use refusals::{expired, wrong_position};
use std::str::FromStr;
use table::{Start, Upload};
use tower_http::set_header::SetResponseHeaderLayer;
use uuid::Uuid;

/// Most open uploads of one person.
pub const OPEN_MAX: i64 = 2_000;
const EXTENSIONS: &str = "creation,creation-with-upload,checksum,termination,expiration";

/// The layer that writes `Tus-Resumable` into every response.
pub fn version() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(TUS_RESUMABLE, VERSION)
}

/// An extractor that refuses requests of another version of tus, with 412 `versao_nao_aceita`.
pub struct Tus;

impl FromRequestParts<App> for Tus {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        if parts.headers.get(TUS_RESUMABLE).is_some_and(|version| version == VERSION) {
            return Ok(Self);
        }
        let message = "Use tus 1.0.0: o cabeçalho Tus-Resumable diz a versão.";
        Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "versao_nao_aceita", message)
            .header(TUS_VERSION, VERSION))
    }
}

/// The last segment of an upload's address.
#[derive(Clone, Copy, Debug)]
enum Address {
    /// The id of a row of `envio`.
    Upload(Uuid),
    /// A file whose bytes need not be sent. Its offset is its length.
    Done(DocumentId, ItemId, Variante),
}

impl FromStr for Address {
    type Err = ApiError;

    fn from_str(text: &str) -> ApiResult<Self> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Upload(id));
        }
        let done = || {
            let mut parts = text.split('.');
            let document = parts.next()?.parse().ok()?;
            let attachment = parts.next()?.parse().ok()?;
            let variant = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self::Done(document, attachment, variant))
        };
        done().ok_or_else(expired)
    }
}

/// `OPTIONS /v1/arquivos`: the versions and extensions of tus that are supported.
pub async fn options() -> impl IntoResponse {
    let headers = [
        ("tus-version", "1.0.0".to_owned()),
        ("tus-extension", EXTENSIONS.to_owned()),
        ("tus-max-size", Variante::Original.bytes_max().to_string()),
        ("tus-checksum-algorithm", "sha1,sha256".to_owned()),
    ];
    (StatusCode::NO_CONTENT, headers)
}

/// Começa o envio de um arquivo que um registro declara (tus 1.0).
///
/// `Upload-Metadata` tem `documento`, `anexo`, `variante` (`original` se nada for dito) e `sha256`,
/// cada um em base64. `Upload-Offset` diz o que já está aqui, também de um envio começado antes:
/// tudo, quando nada precisa ser enviado; então `Campo-Situacao` diz se os bytes já foram
/// conferidos (`verificada`) ou só chegaram (`recebida`). O corpo, se houver, são os primeiros
/// bytes.
#[utoipa::path(post, path = "/v1/arquivos", tag = "Arquivos",
    params(("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "O tamanho do arquivo, em bytes."),
        ("Upload-Metadata" = String, Header, description = "De que arquivo são os bytes.")),
    security(("token" = ["registros:escrever"])),
    responses((status = 201, description = "Começado: `Location` e `Upload-Offset`."), Problemas))]
pub async fn create(
    State(app): State<App>,
    who: Qualquer<EscreverRegistros>,
    _: Tus,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let length = number(&headers, &UPLOAD_LENGTH)?;
    let checksum = Checksum::read(&headers)?;
    let with_bytes = !body.is_end_stream();
    if with_bytes && !is_bytes(&headers) {
        return Err(wrong_type());
    }
    let target = UploadTarget::new(&app, &who, &Metadata::read(&headers)?, length).await?;
    if target.is_proven(&app, &who).await? {
        return Ok(done(&target, SituacaoArquivo::Verificada));
    }
    let user = who.pessoa.id.uuid();
    // No transaction stays open while the store answers or bytes arrive: either may take long.
    let mut tx = app.db.snapshot(who.tenant).await?;
    let before = table::under_way(&mut tx, &target, user).await?;
    tx.rollback().await?;
    let mut upload = match before {
        Some(upload) if upload.is_complete() => {
            return Ok(done(&target, SituacaoArquivo::Recebida));
        }
        Some(upload) => upload,
        None => {
            let start = match target.seen_elsewhere(&app, &who).await? {
                true => Start::Complete,
                false => Start::Empty,
            };
            let mut tx = app.db.tenant(who.tenant).await?;
            if table::count_open(&mut tx, user).await? >= OPEN_MAX {
                return Err(too_many());
            }
            let upload = table::create(&mut tx, who.tenant, &target, user, start).await?;
            tx.commit().await?;
            if upload.is_complete() {
                app.uploads_complete.notify_one();
                return Ok(done(&target, SituacaoArquivo::Recebida));
            }
            upload
        }
    };
    if with_bytes && upload.received == 0 {
        fits(&headers, &upload)?;
        upload = receive(&app, &who, upload, checksum, body).await?;
    }
    Ok(created(&upload.id.to_string(), upload.received, &upload))
}

fn created(address: &str, offset: i64, upload: &Upload) -> Response {
    let location = [(header::LOCATION, format!("/v1/arquivos/{address}"))];
    (StatusCode::CREATED, location, position(offset, Some(upload.expires_at))).into_response()
}

/// The answer where nothing needs to be sent. `recebida` is no promise that the file stays: the
/// bytes may still turn out wrong and be asked for again.
fn done(target: &UploadTarget, state: SituacaoArquivo) -> Response {
    let UploadTarget { document, attachment, variant, length, .. } = target;
    let headers = [
        (header::LOCATION, format!("/v1/arquivos/{document}.{attachment}.{variant}")),
        (CAMPO_SITUACAO, state.codigo().to_owned()),
    ];
    (StatusCode::CREATED, headers, position(*length, None)).into_response()
}

fn too_many() -> ApiError {
    let message = format!("Há {OPEN_MAX} envios seus por terminar. Termine alguns primeiro.");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "envios_demais", message).after(60)
}

/// The upload, if the caller may send that file.
async fn open(app: &App, who: &Principal, id: Uuid) -> ApiResult<Upload> {
    let mut tx = app.db.snapshot(who.tenant).await?;
    let upload = table::find(&mut tx, id).await?.ok_or_else(expired)?;
    tx.rollback().await?;
    target::permitted(app, who, upload.document.into(), upload.attachment.into()).await?;
    if !upload.is_complete() && upload.expires_at < chrono::Utc::now() {
        return Err(expired());
    }
    Ok(upload)
}

/// Bytes of a file that need not be sent; 404 `envio_expirado` if that no longer holds.
async fn length_of_done(
    app: &App,
    who: &Principal,
    document: DocumentId,
    attachment: ItemId,
    variant: Variante,
) -> ApiResult<i64> {
    let declared = target::permitted(app, who, document, attachment).await?;
    let length = if variant == Variante::Original {
        declared.verified.then_some(declared.length)
    } else {
        target::derivative_length(app, who, document, attachment, variant).await?
    };
    if let Some(length) = length {
        return Ok(length);
    }
    let mut tx = app.db.snapshot(who.tenant).await?;
    let query = "SELECT tamanho FROM envio WHERE document = $1 AND anexo = $2 AND variante = $3 \
                     AND situacao = 'completo' LIMIT 1";
    let length: Option<i64> = sqlx::query_scalar(query)
        .bind(document.uuid())
        .bind(attachment.uuid())
        .bind(variant.codigo())
        .fetch_optional(&mut *tx)
        .await?;
    length.ok_or_else(expired)
}

/// `HEAD /v1/arquivos/{id}`: how many bytes of an upload have arrived.
pub async fn look(
    State(app): State<App>,
    who: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<Response> {
    let (length, mut headers) = match id.parse()? {
        Address::Upload(id) => {
            let upload = open(&app, &who, id).await?;
            (upload.length, position(upload.received, Some(upload.expires_at)))
        }
        Address::Done(document, attachment, variant) => {
            let length = length_of_done(&app, &who, document, attachment, variant).await?;
            (length, position(length, None))
        }
    };
    headers.insert(UPLOAD_LENGTH, length.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::OK, headers).into_response())
}

/// Continua um envio, do byte que `HEAD` no mesmo endereço diz (tus 1.0).
#[utoipa::path(patch, path = "/v1/arquivos/{id}", tag = "Arquivos",
    params(("id" = String, Path, description = "Como em `Location`."),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "De que byte em diante."),
        ("Upload-Checksum" = Option<String>, Header,
            description = "`sha1` ou `sha256` e a soma do corpo em base64.")),
    request_body(content_type = "application/offset+octet-stream"),
    security(("token" = ["registros:escrever"])),
    responses((status = 204, description = "Guardado até `Upload-Offset`."),
        (status = 409, description = "O envio está em outra posição: `posicao_diferente`."),
        (status = 460, description = "Os bytes chegaram diferentes: `soma_diferente`."),
        Problemas))]
pub async fn resume(
    State(app): State<App>,
    who: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    append(&app, &who, &id, &headers, body).await
}

async fn append(
    app: &App,
    who: &Principal,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    if !is_bytes(headers) {
        return Err(wrong_type());
    }
    let offset = number(headers, &UPLOAD_OFFSET)?;
    let checksum = Checksum::read(headers)?;
    let upload = match id.parse()? {
        Address::Upload(id) => open(app, who, id).await?,
        Address::Done(document, attachment, variant) => {
            let length = length_of_done(app, who, document, attachment, variant).await?;
            if i64::try_from(offset) == Ok(length) {
                return Ok((StatusCode::NO_CONTENT, position(length, None)).into_response());
            }
            let message = "Nada precisa ser enviado: os bytes já estão no servidor.";
            return Err(ApiError::new(StatusCode::CONFLICT, "posicao_diferente", message)
                .header(UPLOAD_OFFSET, length.into())
                .with("posicao", length));
        }
    };
    if i64::try_from(offset) != Ok(upload.received) {
        return Err(wrong_position(&upload));
    }
    fits(headers, &upload)?;
    let upload = receive(app, who, upload, checksum, body).await?;
    let headers = position(upload.received, Some(upload.expires_at));
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// Refuses a body whose `Content-Length` exceeds what is missing, before any of it is read.
fn fits(headers: &HeaderMap, upload: &Upload) -> ApiResult<()> {
    if headers.contains_key(header::CONTENT_LENGTH) {
        let length = number(headers, &header::CONTENT_LENGTH)?;
        if i64::try_from(length).is_ok_and(|length| length > upload.length - upload.received) {
            return Err(target::too_large());
        }
    }
    Ok(())
}

/// Receives the body in a task of its own, so that what has arrived is kept when the connection is
/// closed. At most 64 bodies at a time are received by a process; more are 503 `servidor_ocupado`.
async fn receive(
    app: &App,
    who: &Principal,
    upload: Upload,
    checksum: Option<Checksum>,
    body: Body,
) -> ApiResult<Upload> {
    let turn = app.receiving_turns.clone().try_acquire_owned().map_err(|_| {
        let message = "O servidor recebe muitos arquivos agora. Continue em instantes.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(status, "servidor_ocupado", message).after(5)
    })?;
    let receiving = Receiving::new(app.clone(), who.tenant, upload, checksum);
    let receive = async move {
        let outcome = receiving.receive(body).await;
        drop(turn);
        outcome
    };
    log::spawn(receive).await.map_err(ApiError::interno)?
}

/// Desiste de um envio que não terminou: o que chegou dele é apagado (tus 1.0).
#[utoipa::path(delete, path = "/v1/arquivos/{id}", tag = "Arquivos",
    params(("id" = String, Path, description = "Como em `Location`."),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    security(("token" = ["registros:escrever"])),
    responses((status = 204, description = "Apagado."), Problemas))]
pub async fn terminate(
    State(app): State<App>,
    who: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<StatusCode> {
    end(&app, &who, &id).await
}

async fn end(app: &App, who: &Principal, id: &str) -> ApiResult<StatusCode> {
    let complete = || {
        let message = "O envio já terminou: os bytes são do registro.";
        ApiError::new(StatusCode::CONFLICT, "envio_completo", message)
    };
    let Address::Upload(id) = id.parse()? else { return Err(complete()) };
    let upload = open(app, who, id).await?;
    if upload.is_complete() || !cleanup::give_up(app, who.tenant, upload.id).await? {
        return Err(complete());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/arquivos/{id}` with `X-HTTP-Method-Override`, for networks that let only GET and POST
/// through.
pub async fn overridden(
    State(app): State<App>,
    who: Qualquer<EscreverRegistros>,
    tus: Tus,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    match headers.get(METHOD_OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => append(&app, &who, &id, &headers, body).await,
        Some(b"DELETE") => end(&app, &who, &id).await.map(IntoResponse::into_response),
        Some(b"HEAD") => look(State(app), who, tus, ApiPath(id)).await,
        _ => {
            let message = "Este endereço não aceita esse método.";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Err(ApiError::new(status, "metodo_nao_aceito", message))
        }
    }
}
