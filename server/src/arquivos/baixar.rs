//! Files on their way out. Whoever sees a record gets its files: by a token, by the cookie of the
//! office, or by a link that opens one of them for a few minutes. The bytes are streamed from the
//! store and never held whole.

mod achado;
mod resposta;
#[cfg(test)]
mod tests;

use super::{
    assinatura::{self, LinkDeArquivo},
    declarado::{Declarado, dos_seus},
    qual::Qual,
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

use achado::{Achado, Objeto};
pub use resposta::responder;

/// What is shown of a file that has no picture.
static MARCADOR: LazyLock<Bytes> = LazyLock::new(|| campo_fotos::placeholder().into());

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
pub async fn baixar(
    State(app): State<App>,
    quem: Qualquer<LerRegistros>,
    ApiPath(qual): ApiPath<(DocumentId, ItemId, Variante)>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let achado = para(&app, quem.tenant, &quem.pessoa, qual.into()).await?;
    responder(&app, achado, &method, &headers).await
}

/// Faz um link que abre um arquivo sem sessão, por cinco minutos.
#[utoipa::path(post, path = "/v1/anexos/{documento}/{anexo}/{variante}/link", tag = "Arquivos",
    params(("documento" = Uuid, Path), ("anexo" = Uuid, Path),
        ("variante" = crate::schemas::Variante, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = LinkDeArquivo), Problemas))]
pub async fn ligar(
    State(app): State<App>,
    quem: Qualquer<LerRegistros>,
    ApiPath(qual): ApiPath<(DocumentId, ItemId, Variante)>,
) -> ApiResult<Json<LinkDeArquivo>> {
    let qual = qual.into();
    para(&app, quem.tenant, &quem.pessoa, qual).await?;
    Ok(Json(assinatura::link(&app.config, quem.tenant, &qual, Utc::now())?))
}

/// The bytes, if the person may have them: whoever sees the record has all that was ever attached
/// to it, a client only what its own people attached.
///
/// # Errors
/// 404 `nao_encontrado` or `arquivo_nao_chegou`.
pub async fn para(app: &App, tenant: TenantId, pessoa: &Pessoa, qual: Qual) -> ApiResult<Achado> {
    if pessoa.cliente.is_none()
        && let Some(declarado) =
            Declarado::das_listas(app, tenant, Some(Viewer::of(pessoa)), qual.registro()).await?
    {
        return achar(app, tenant, declarado, qual).await;
    }
    // What was removed stands in the document alone.
    let found = office::load(app, tenant, pessoa, qual.documento).await?;
    let (registro, _) = found.ok_or_else(ApiError::nao_encontrado)?;
    let anexo = registro.colecao(Colecao::Anexos).get(&qual.anexo);
    let anexo = anexo.ok_or_else(ApiError::nao_encontrado)?;
    let mut tx = app.db.snapshot(tenant).await?;
    let own = dos_seus(&mut tx, pessoa, anexo.autoria.por).await?;
    tx.rollback().await?;
    if !own || anexo.removido && pessoa.cliente.is_some() {
        return Err(ApiError::nao_encontrado());
    }
    achar(app, tenant, Declarado::lido(&registro, qual.anexo)?, qual).await
}

/// The bytes for whoever has a link to them, which [`assinatura::conferir`] has looked at.
///
/// # Errors
/// As [`para`].
pub async fn por_link(app: &App, tenant: TenantId, qual: Qual) -> ApiResult<Achado> {
    if let Some(declarado) = Declarado::das_listas(app, tenant, None, qual.registro()).await? {
        return achar(app, tenant, declarado, qual).await;
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let merged = office::merged(&mut tx, tenant, qual.documento).await?;
    tx.rollback().await?;
    let merged = merged.ok_or_else(ApiError::nao_encontrado)?;
    achar(app, tenant, Declarado::lido(&merged.registro, qual.anexo)?, qual).await
}

/// Where the bytes of a file are: what its device made of it, else what the server made.
async fn achar(app: &App, tenant: TenantId, declarado: Declarado, qual: Qual) -> ApiResult<Achado> {
    let Qual { documento, anexo: id, variante } = qual;
    let nome = nome(declarado.nome, variante);
    let mut tx = app.db.snapshot(tenant).await?;
    if variante != Variante::Original {
        let sent: Option<(String, i64)> = sqlx::query_as(
            "SELECT sha256, tamanho FROM derivada \
             WHERE document = $1 AND anexo = $2 AND variante = $3",
        )
        .bind(documento.uuid())
        .bind(id.uuid())
        .bind(variante.codigo())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((etag, tamanho)) = sent {
            let chave = objects::do_anexo(tenant, documento, &id, variante);
            let tamanho = Some(tamanho.unsigned_abs());
            let (mime, original) = (JPEG.into(), false);
            return Ok(Achado::Objeto(Objeto { chave, tamanho, mime, etag, nome, original }));
        }
    }
    // Whoever declares the hash of somebody else's file has not shown that it has the bytes.
    if !declarado.verificada {
        return Err(nao_chegou());
    }
    let sha256 = &declarado.sha256;
    let (tamanho, mime, derivadas): (i64, String, String) =
        sqlx::query_as("SELECT tamanho, mime, derivadas FROM arquivo WHERE sha256 = $1")
            .bind(sha256)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(|| {
                ApiError::interno(anyhow::anyhow!("the verified file {sha256} has no row"))
            })?;
    let objeto = match (variante, derivadas.as_str()) {
        (Variante::Original, _) => Objeto {
            chave: objects::original(tenant, sha256),
            tamanho: Some(tamanho.unsigned_abs()),
            mime,
            etag: sha256.to_owned(),
            nome,
            original: true,
        },
        (_, "prontas") => Objeto {
            chave: objects::derivado(tenant, sha256, variante),
            tamanho: None,
            mime: JPEG.into(),
            // Made of these bytes, always in the same way.
            etag: format!("{sha256}-{variante}"),
            nome,
            original: false,
        },
        (_, "pendentes") => return Err(nao_chegou()),
        _ => return Ok(Achado::Marcador(MARCADOR.clone())),
    };
    Ok(Achado::Objeto(objeto))
}

const JPEG: &str = "image/jpeg";

/// What the file is called when it is saved.
fn nome(nome: String, variante: Variante) -> String {
    if variante == Variante::Original {
        return nome;
    }
    let stem = nome.rsplit_once('.').map_or(nome.as_str(), |(stem, _)| stem);
    format!("{stem}-{variante}.jpg")
}

fn nao_chegou() -> ApiError {
    let mensagem = "O arquivo ainda não chegou ao servidor. Ele aparece assim que for enviado.";
    ApiError::new(StatusCode::NOT_FOUND, "arquivo_nao_chegou", mensagem).after(5)
}
