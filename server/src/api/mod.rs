//! The REST API under `/v1`: what the ERP, scripts, the report tools and the client's portal call.
//! Each route here is in `/v1/openapi.json`, which is generated from it; the viewer is at `/docs`.
//!
//! # How a handler is written
//! ```text
//! /// Lista os setores.                          <- pt-BR: it is the summary in the document
//! #[utoipa::path(get, path = "/v1/setores", tag = "Catalogos", params(Filtro),
//!     responses((status = 200, body = Pagina<Setor>), Problemas),
//!     security(("token" = ["catalogos:ler"])))]
//! pub async fn list(
//!     State(app): State<App>,
//!     access: Acesso<LerCatalogos>,               <- who asks: always there
//!     OriginalUri(uri): OriginalUri,
//!     ApiQuery(filter): ApiQuery<Filtro>,         <- those of `http::extract`: never axum's own
//! ) -> ApiResult<impl IntoResponse> {
//!     let folha = Folha::<Chave>::new(filter.limite, filter.cursor.as_deref())?;
//!     let mut tx = app.db.snapshot(access.tenant).await?;
//!     let rows = ...  // ORDER BY key, past folha.depois, LIMIT folha.rows()
//!     Ok(folha.close(rows, |last| last.key()).linked(&uri))
//! }
//! ```
//! - **Deny by default.** A handler takes [`Acesso`](crate::http::principal::Acesso), whose type
//!   names the scope, or [`Portal`](crate::http::principal::Portal) for a client's login; nothing
//!   else yields who asks, and both refuse before a body is read. It comes first of what can
//!   refuse. Its scope stands in `security` too, for whoever reads the document; a test compares. A
//!   person's permissions are judged by `campo_domain`, or by `Principal::exige` where it has no
//!   say.
//! - **Its address** is in `crate::routes` as well, the one list of them.
//! - **Requests** are structs with `#[serde(deny_unknown_fields)]`, `ToSchema` (bodies) or
//!   `IntoParams` with `#[into_params(parameter_in = Query)]` (queries). Ids are
//!   `#[schema(value_type = Uuid)]`, closed sets `#[schema(value_type = schemas::Fase)]`.
//! - **Errors** are [`ApiError`](crate::error::ApiError), an RFC 9457 problem; `?` takes
//!   `sqlx::Error`, `anyhow::Error`, `Refusal` and `OfficeError`.
//!   [`Problemas`](crate::http::problems::Problemas) documents them.
//! - **ETag**: [`ETag`](crate::http::etag::ETag) from the heads of a record or the position of
//!   reference data; [`IfMatch`](crate::http::etag::IfMatch) where something is changed, also among
//!   its `params`. GET answers with `etag.on(headers, body)`, and has
//!   [`NaoMudou`](crate::http::problems::NaoMudou) among its `responses`.
//! - **Idempotency-Key**: nothing to do; [`idempotency`](crate::http::idempotency) wraps each POST.
//!   A secret in an answer is kept out of its table by `idempotency::Stored`.
//! - **Lists** are [`Pagina`](crate::http::page::Pagina), by keyset.
//! - A handler does its writing in one transaction, so that an error means that nothing was
//!   written.

pub(crate) mod catalogos;
pub(crate) mod chaves;
pub(crate) mod docs;
pub(crate) mod empresa;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod registros;
pub(crate) mod saida;
pub(crate) mod session;
pub mod sync;
pub(crate) mod tipos;
pub(crate) mod usuarios;
