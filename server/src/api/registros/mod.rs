//! Records in the API: lists, one record whole, every command, its acompanhamento, ações, ações
//! corretivas, the client's portal, the search and the sources of reports.
//!
//! Reading goes by the one predicate (`visible!`, `office::load`); writing goes by `office`, the
//! same gate as a device's. Nothing here decides what may be done.

mod acoes;
mod acompanhamento;
mod busca;
mod caso;
mod colunas;
mod comando;
mod comandos;
mod corretivas;
mod criar;
mod emails;
mod ficha;
mod filtro;
mod fontes;
mod formulario;
mod lista;
mod mudancas;
mod partes;
mod portal;
mod possivel;
mod referencias;
mod retidas;
mod vista;

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::ETag,
        page,
        principal::{Acesso, Principal},
    },
    ledger, office,
    visibility::Viewer,
};
use automerge::ChangeHash;
use campo_domain::{
    ids::{DocumentId, TenantId},
    kind::Kind,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use chrono_tz::Tz;
use serde::Deserialize;
use sqlx::{Arguments, PgTransaction, Postgres, QueryBuilder, postgres::PgArguments};
use std::sync::Arc;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(DosEnderecos::openapi())
        .routes(routes!(lista::listar, criar::criar))
        .routes(routes!(ficha::ver, comandos::alterar))
        .routes(routes!(comandos::comandar))
        .routes(routes!(comandos::transicionar))
        .routes(routes!(comandos::anotar))
        .routes(routes!(comandos::analisar))
        .routes(routes!(comandos::incluir_participante, comandos::remover_participante))
        .routes(routes!(comandos::incluir_interessado, comandos::remover_interessado))
        .routes(routes!(comandos::restringir, comandos::liberar))
        .routes(routes!(criar::duplicar))
        .routes(routes!(partes::incluir))
        .routes(routes!(partes::alterar, partes::remover))
        .routes(routes!(acompanhamento::ver))
        .routes(routes!(emails::listar))
        .routes(routes!(acoes::solicitar))
        .routes(routes!(acoes::listar))
        .routes(routes!(acoes::ver))
        .routes(routes!(acoes::responder))
        .routes(routes!(corretivas::listar, corretivas::criar))
        .routes(routes!(corretivas::ver, corretivas::alterar))
        .routes(routes!(corretivas::vincular))
        .routes(routes!(corretivas::iniciar))
        .routes(routes!(corretivas::encerrar))
        .routes(routes!(portal::formulario::tipos))
        .routes(routes!(portal::lista::listar, portal::criar))
        .routes(routes!(portal::ver))
        .routes(routes!(portal::anotar))
        .routes(routes!(portal::anexar))
        .routes(routes!(portal::transicionar))
        .routes(routes!(retidas::listar))
        .routes(routes!(retidas::ver))
        .routes(routes!(retidas::decidir))
        .routes(routes!(busca::buscar))
        .routes(routes!(fontes::listar))
        .routes(routes!(fontes::ler))
}

/// What only parameters name, which the document does not gather by itself.
#[derive(OpenApi)]
#[openapi(components(schemas(
    Registros,
    partes::Partes,
    fontes::Fonte,
    corretivas::SituacaoCorretiva,
    crate::reading::timeline::Visao,
)))]
struct DosEnderecos;

/// Os registros, no plural, como estão nos endereços.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registros {
    /// Assistências.
    Assistencias,
    /// Ocorrências.
    Ocorrencias,
    /// Agendas.
    Agendas,
    /// Clientes.
    Clientes,
}

impl Registros {
    const fn kind(self) -> Kind {
        match self {
            Registros::Assistencias => Kind::Assistencia,
            Registros::Ocorrencias => Kind::Ocorrencia,
            Registros::Agendas => Kind::Agenda,
            Registros::Clientes => Kind::Cliente,
        }
    }
}

/// The address of a record.
fn endereco(kind: Kind, id: DocumentId) -> String {
    format!("/v1/{}/{id}", projection::table(kind))
}

/// A record as somebody sees it, with what it takes to show and to change it.
struct Lido {
    registro: Registro,
    tipo: Arc<Tipo>,
    etag: ETag,
    /// What the tag is of.
    heads: Vec<ChangeHash>,
}

/// The record, if it is of the kind and the person may see it.
///
/// # Errors
/// 404.
async fn carregar<E>(app: &App, acesso: &Acesso<E>, kind: Kind, id: DocumentId) -> ApiResult<Lido> {
    abrir(app, acesso, id)
        .await?
        .filter(|lido| lido.registro.kind == kind)
        .ok_or_else(ApiError::nao_encontrado)
}

/// The record, of any kind, if the person may see it.
async fn abrir(app: &App, quem: &Principal, id: DocumentId) -> ApiResult<Option<Lido>> {
    // Before the record itself: a tag may then be older than what it names, never newer.
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let heads: Option<(i32, Vec<u8>)> =
        sqlx::query_as("SELECT generation, heads FROM document WHERE id = $1 AND NOT erased")
            .bind(id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
    tx.rollback().await?;
    let Some((generation, heads)) = heads else { return Ok(None) };
    let found = office::load(app, quem.tenant, &quem.pessoa, id).await?;
    let etag = ETag::of_heads(generation.unsigned_abs(), &heads);
    let heads = heads.chunks_exact(32).filter_map(|hash| Some(ChangeHash(hash.try_into().ok()?)));
    let heads: Vec<ChangeHash> = heads.collect();
    Ok(found.map(|(registro, tipo)| Lido { registro, tipo, etag, heads }))
}

/// The company's time zone.
async fn fuso(tx: &mut PgTransaction<'_>) -> ApiResult<Tz> {
    let fuso: String = sqlx::query_scalar("SELECT fuso FROM tenant").fetch_one(&mut **tx).await?;
    fuso.parse().map_err(|_| ApiError::interno(anyhow::anyhow!("unknown time zone {fuso}")))
}

/// The company's time zone and every version of its tipos.
async fn empresa(app: &App, tenant: TenantId) -> ApiResult<(Tz, Arc<Tipos>)> {
    let mut tx = app.db.snapshot(tenant).await?;
    Ok((fuso(&mut tx).await?, ledger::tipos(&mut tx, tenant).await?))
}

/// A query that begins with its first three arguments: `$1` and `$2` as `visible!` wants them, `$3`
/// the company's time zone.
fn visto(viewer: Viewer, fuso: Tz) -> ApiResult<QueryBuilder<Postgres>> {
    let mut args = PgArguments::default();
    args.add(viewer.id).map_err(sqlx::Error::Encode)?;
    args.add(viewer.all).map_err(sqlx::Error::Encode)?;
    args.add(fuso.name()).map_err(sqlx::Error::Encode)?;
    Ok(QueryBuilder::with_arguments("", args))
}

/// A cursor that was tampered with holds a value that its column cannot have.
fn cursor_estranho(error: sqlx::Error) -> ApiError {
    let code = error.as_database_error().and_then(|error| error.code());
    // Data exceptions: no such text, number, or time.
    if code.is_some_and(|code| code.starts_with("22")) {
        return page::bad_cursor();
    }
    error.into()
}

/// An id of the caller's own, or a new one.
fn id<T: From<Uuid>>(enviado: Option<Uuid>) -> T {
    enviado.unwrap_or_else(Uuid::now_v7).into()
}
