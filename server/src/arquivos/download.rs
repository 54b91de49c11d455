//! Downloads. Whoever sees a record gets its files: with a token, with the cookie of the office's
//! pages, or by a signed link that opens one file for a few minutes. The bytes are streamed from
//! the object store; no file is held in memory as a whole.

mod found;
mod response;
#[cfg(test)]
mod tests;

use super::{
    declared::{Declared, may_have},
    file_ref::FileRef,
    signature::{self, LinkDeArquivo},
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiPath,
        principal::{LerRegistros, Qualquer},
        problems::Problemas,
    },
    objects, office,
    visibility::Viewer,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use bytes::Bytes;
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId},
    parte::{Colecao, Variante},
    pessoa::Pessoa,
};
use chrono::Utc;
use std::sync::LazyLock;

use found::{Found, Object};
pub use response::respond;

/// The picture that stands for a file of which none can be made.
static PLACEHOLDER: LazyLock<Bytes> = LazyLock::new(|| campo_fotos::placeholder().into());

/// Baixa um arquivo, inteiro ou em parte (`Range`).
///
/// A `miniatura` e a `previa` são JPEG; a `original`, os bytes como foram tirados. O que ainda não
/// chegou é 404 `arquivo_nao_chegou`.
#[utoipa::path(get, path = "/v1/anexos/{documento}/{anexo}/{variante}", tag = "Arquivos",
    params(("documento" = Uuid, Path), ("anexo" = Uuid, Path),
        ("variante" = crate::schemas::Variante, Path),
        ("Range" = Option<String>, Header, description = "Um intervalo de bytes."),
        ("If-None-Match" = Option<String>, Header)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, description = "Os bytes.", content_type = "application/octet-stream"),
        (status = 206, description = "Os bytes pedidos."),
        (status = 304, description = "Não mudou."),
        (status = 416, description = "O arquivo é menor do que o que foi pedido dele."),
        Problemas))]
pub async fn download(
    State(app): State<App>,
    who: Qualquer<LerRegistros>,
    ApiPath(file_ref): ApiPath<(DocumentId, ItemId, Variante)>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = for_person(&app, who.tenant, &who.pessoa, file_ref.into()).await?;
    respond(&app, found, &method, &headers).await
}

/// Faz um link que abre um arquivo sem sessão, por cinco minutos.
#[utoipa::path(post, path = "/v1/anexos/{documento}/{anexo}/{variante}/link", tag = "Arquivos",
    params(("documento" = Uuid, Path), ("anexo" = Uuid, Path),
        ("variante" = crate::schemas::Variante, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = LinkDeArquivo), Problemas))]
pub async fn link(
    State(app): State<App>,
    who: Qualquer<LerRegistros>,
    ApiPath(file_ref): ApiPath<(DocumentId, ItemId, Variante)>,
) -> ApiResult<Json<LinkDeArquivo>> {
    let file_ref = file_ref.into();
    for_person(&app, who.tenant, &who.pessoa, file_ref).await?;
    Ok(Json(signature::link(&app.config, who.tenant, &file_ref, Utc::now())?))
}

/// The file, if the person may have it. A person of the company who sees the record gets whatever
/// was ever attached to it, removed files too; a client's person gets only what people of the same
/// client attached, and nothing that was removed.
///
/// # Errors
/// 404 `nao_encontrado` or `arquivo_nao_chegou`.
pub async fn for_person(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    file_ref: FileRef,
) -> ApiResult<Found> {
    if pessoa.cliente.is_none()
        && let Some(declared) =
            Declared::from_rows(app, tenant, Some(Viewer::of(pessoa)), file_ref.file()).await?
    {
        return locate(app, tenant, declared, file_ref).await;
    }
    // The rows have no removed files; the document still has them.
    let found = office::load(app, tenant, pessoa, file_ref.document).await?;
    let (registro, _) = found.ok_or_else(ApiError::nao_encontrado)?;
    let item = registro.colecao(Colecao::Anexos).get(&file_ref.attachment);
    let item = item.ok_or_else(ApiError::nao_encontrado)?;
    let mut tx = app.db.snapshot(tenant).await?;
    let own = may_have(&mut tx, pessoa, item.autoria.por).await?;
    tx.rollback().await?;
    if !own || item.removido && pessoa.cliente.is_some() {
        return Err(ApiError::nao_encontrado());
    }
    locate(app, tenant, Declared::of_record(&registro, file_ref.attachment)?, file_ref).await
}

/// The file for somebody with a link to it. The caller has verified the link by
/// [`signature::check`].
///
/// # Errors
/// As [`for_person`].
pub async fn by_link(app: &App, tenant: TenantId, file_ref: FileRef) -> ApiResult<Found> {
    if let Some(declared) = Declared::from_rows(app, tenant, None, file_ref.file()).await? {
        return locate(app, tenant, declared, file_ref).await;
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let merged = office::merged(&mut tx, tenant, file_ref.document).await?;
    tx.rollback().await?;
    let merged = merged.ok_or_else(ApiError::nao_encontrado)?;
    locate(app, tenant, Declared::of_record(&merged.registro, file_ref.attachment)?, file_ref).await
}

/// Where the bytes are. A smaller picture that the device sent is preferred to the one that the
/// server made.
async fn locate(
    app: &App,
    tenant: TenantId,
    declared: Declared,
    file_ref: FileRef,
) -> ApiResult<Found> {
    let FileRef { document, attachment: id, variant } = file_ref;
    let name = file_name(declared.name, variant);
    let mut tx = app.db.snapshot(tenant).await?;
    if variant != Variante::Original {
        let sent: Option<(String, i64)> = sqlx::query_as(
            "SELECT sha256, tamanho FROM derivada \
             WHERE document = $1 AND anexo = $2 AND variante = $3",
        )
        .bind(document.uuid())
        .bind(id.uuid())
        .bind(variant.codigo())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((etag, length)) = sent {
            let key = objects::sent_derivative(tenant, document, &id, variant);
            let length = Some(length.unsigned_abs());
            let (mime, original) = (JPEG.into(), false);
            return Ok(Found::Object(Object { key, length, mime, etag, name, original }));
        }
    }
    // Declaring the hash of somebody else's file does not give access to it: the bytes must have
    // been verified for this attachment.
    if !declared.verified {
        return Err(not_arrived());
    }
    let sha256 = &declared.sha256;
    let (length, mime, derivatives): (i64, String, String) =
        sqlx::query_as("SELECT tamanho, mime, derivadas FROM arquivo WHERE sha256 = $1")
            .bind(sha256)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(|| {
                ApiError::interno(anyhow::anyhow!("the verified file {sha256} has no row"))
            })?;
    let object = match (variant, derivatives.as_str()) {
        (Variante::Original, _) => Object {
            key: objects::original(tenant, sha256),
            length: Some(length.unsigned_abs()),
            mime,
            etag: sha256.to_owned(),
            name,
            original: true,
        },
        (_, "prontas") => Object {
            key: objects::derivative(tenant, sha256, variant),
            length: None,
            mime: JPEG.into(),
            // Derivatives are deterministic, so the original's hash identifies them.
            etag: format!("{sha256}-{variant}"),
            name,
            original: false,
        },
        (_, "pendentes") => return Err(not_arrived()),
        _ => return Ok(Found::Placeholder(PLACEHOLDER.clone())),
    };
    Ok(Found::Object(object))
}

const JPEG: &str = "image/jpeg";

/// The name under which a browser saves the file.
fn file_name(name: String, variant: Variante) -> String {
    if variant == Variante::Original {
        return name;
    }
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    format!("{stem}-{variant}.jpg")
}

fn not_arrived() -> ApiError {
    let message = "O arquivo ainda não chegou ao servidor. Ele aparece assim que for enviado.";
    ApiError::new(StatusCode::NOT_FOUND, "arquivo_nao_chegou", message).after(5)
}
