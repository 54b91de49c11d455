//! Changing fields of a record, and any commands in order: each request all or nothing, through the
//! same gate as a device's.

use super::{
    acoes,
    change::Change,
    comando::{self, Comandos},
    enderecos::Registros,
    ficha::Ficha,
    lido, referencias,
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
    office,
    reading::json,
};
use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Campos a alterar.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alteracao {
    /// Os campos, pelo nome; `null` esvazia. Dinheiro e quantidades são textos decimais.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// Altera campos: todos, ou nenhum.
#[utoipa::path(patch, path = "/v1/{kind}/{id}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = Alteracao,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn alterar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(corpo): ApiJson<Alteracao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let values = json::ler_campos(kind.campos(), &corpo.campos, fuso)?;
    referencias::check(&app, &acesso, &change.read.tipo, &values).await?;
    let commands = office::edits(&change.read.record, values);
    change.respond(commands).await
}

/// Executa um comando, ou vários em ordem: todos, ou nenhum.
#[utoipa::path(post, path = "/v1/{kind}/{id}/comandos", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch),
    request_body = Comandos,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn comandar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(corpo): ApiJson<Value>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let commands = comando::read(corpo, kind, fuso)?;
    referencias::check_commands(&app, &acesso, &change.read, &commands).await?;
    acoes::check_ids(&app, acesso.tenant, &commands).await?;
    change.respond(commands).await
}
