//! Files of records, for the office's cookie and for links that need none.

use super::page::{PageError, PageResult, Visit};
use crate::{
    app::App,
    arquivos::{
        download,
        file_ref::FileRef,
        signature::{self, Assinado},
    },
    error::{ApiError, ApiResult},
};
use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId},
    parte::Variante,
};
use chrono::Utc;

/// The end of an address, which may be no file's.
type Address<T> = Result<Path<T>, PathRejection>;

/// `GET /web/anexos/{documento}/{anexo}/{variante}`.
///
/// # Errors
/// 404 for what is not there, has not arrived or may not be seen.
pub async fn show(
    State(app): State<App>,
    asked: Address<(DocumentId, ItemId, Variante)>,
    visit: Visit,
    method: Method,
    headers: HeaderMap,
) -> PageResult {
    let Path(file) = asked.map_err(|_| PageError::not_found())?;
    let auth = &visit.auth;
    let found = download::for_person(&app, auth.tenant, &auth.pessoa, FileRef::from(file)).await?;
    Ok(download::respond(&app, found, &method, &headers).await?)
}

/// `GET /arquivo/{tenant}/{documento}/{anexo}/{variante}?ate=…&assinatura=…`.
pub async fn linked(
    State(app): State<App>,
    asked: Address<(TenantId, DocumentId, ItemId, Variante)>,
    sent: Result<Query<Assinado>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let open = async || -> ApiResult<Response> {
        let Path((tenant, document, attachment, variant)) =
            asked.map_err(|_| ApiError::nao_encontrado())?;
        let file = FileRef { document, attachment, variant };
        let sent = sent.map_or_else(|_| Assinado::default(), |Query(sent)| sent);
        signature::check(&app.config, tenant, &file, &sent, Utc::now())?;
        let found = download::by_link(&app, tenant, file).await?;
        download::respond(&app, found, &method, &headers).await
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    match open().await {
        Ok(response) => response,
        Err(error) if accept.is_some_and(|accept| accept.contains("text/html")) => {
            PageError::from(error).into_response()
        }
        Err(error) => error.into_response(),
    }
}
