//! The REST API under `/v1`: what the ERP, scripts, the report tools and the client's portal call.
//! Each route here is in `/v1/openapi.json`, which is generated from it; the viewer is at `/docs`.
//!
//! # How a handler is written
//! ```text
//! /// Lista os setores.                          <- pt-BR: it is the summary in the document
//! #[utoipa::path(get, path = "/v1/setores", tag = "Catálogos", params(Filtro),
//!     responses((status = 200, body = Pagina<Setor>), Problemas),
//!     security(("token" = ["catalogos:ler"])))]
//! async fn list(
//!     State(app): State<App>,
//!     acesso: Acesso<LerCatalogos>,               <- who asks: always there, see `principal`
//!     OriginalUri(uri): OriginalUri,
//!     ApiQuery(filtro): ApiQuery<Filtro>,         <- those of `extract`: never axum's own
//! ) -> ApiResult<impl IntoResponse> {
//!     let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
//!     let mut tx = app.db.snapshot(acesso.tenant).await?;
//!     let rows = ...  // ORDER BY key, past folha.depois, LIMIT folha.rows()
//!     Ok(folha.close(rows, |last| last.key()).linked(&uri))
//! }
//!
//! pub fn routes() -> OpenApiRouter<App> {
//!     OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, change))
//! }
//! ```
//! - **Deny by default.** A handler takes [`principal::Acesso`], whose type names the scope, or
//!   [`principal::Portal`] for a client's login; nothing else yields who asks, and both refuse
//!   before a body is read. It comes first of what can refuse. Its scope stands in `security` too,
//!   for whoever reads the document; a test compares. A person's permissions are judged by
//!   `campo_domain`, or by [`principal::Principal::exige`] where it has no say.
//! - **Requests** are structs with `#[serde(deny_unknown_fields)]`, `ToSchema` (bodies) or
//!   `IntoParams` with `#[into_params(parameter_in = Query)]` (queries). Ids are
//!   `#[schema(value_type = Uuid)]`, closed sets `#[schema(value_type = esquemas::Fase)]`.
//! - **Errors** are [`crate::error::ApiError`], an RFC 9457 problem; `?` takes `sqlx::Error`,
//!   `anyhow::Error`, `Refusal` and `OfficeError`. [`docs::Problemas`] documents them.
//! - **ETag**: [`etag::ETag`] from the heads of a record or the position of reference data;
//!   [`etag::IfMatch`] where something is changed, also among its `params`. GET answers with
//!   `etag.on(headers, body)`, and has [`docs::NaoMudou`] among its `responses`.
//! - **Idempotency-Key**: nothing to do; [`idempotency`] wraps each POST. A secret in an answer is
//!   kept out of its table by [`idempotency::Stored`].
//! - **Lists** are [`page::Pagina`], by keyset.
//! - A handler does its writing in one transaction, so that an error means that nothing was
//!   written.

pub mod docs;
pub mod esquemas;
pub mod etag;
pub mod extract;
pub mod idempotency;
pub mod page;
pub mod principal;
mod viewer;

mod catalogos;
mod chaves;
mod empresa;
pub(crate) mod registros;
mod saida;
mod tipos;
mod usuarios;

use crate::app::App;
use axum::{Router, middleware::from_fn_with_state};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The API and its document.
pub fn router(app: &App) -> Router<App> {
    let (api, mut document) = documented().split_for_parts();
    docs::complete(&mut document);
    api.route_layer(from_fn_with_state(app.clone(), idempotency::keep))
        .route_layer(from_fn_with_state(app.clone(), principal::authenticate))
        .merge(docs::routes(document))
}

/// The OpenAPI document of the whole service.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    docs::complete(&mut document);
    document
}

fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::Documento::openapi())
        .merge(registros::routes())
        .merge(crate::arquivos::baixar::routes())
        .merge(saida::routes())
        .merge(catalogos::routes())
        .merge(tipos::routes())
        .merge(usuarios::routes())
        .merge(chaves::routes())
        .merge(empresa::routes())
}
