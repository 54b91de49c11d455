//! Who alone may see a record.

use super::{change::Change, enderecos::Registros, ficha::Ficha, referencias};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use campo_domain::{
    command::{Command, Listados},
    ids::UserId,
};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// Quem pode ver um registro, além de quem administra.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaRestricao {
    /// Pessoas.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    usuarios: BTreeSet<Uuid>,
    /// Grupos, pelo código.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    grupos: BTreeSet<String>,
}

impl NovaRestricao {
    /// As the command has it.
    pub fn listed(self) -> Listados {
        let usuarios = self.usuarios.into_iter().map(UserId::from).collect();
        Listados { usuarios, grupos: self.grupos }
    }
}

/// Restringe a visualização de um registro.
#[utoipa::path(put, path = "/v1/{kind}/{id}/restricao", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaRestricao,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha),
        (status = 204, description = "Feito, e quem pediu não vê mais o registro."),
        crate::http::problems::Problemas))]
pub async fn restringir(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nova): ApiJson<NovaRestricao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let listados = nova.listed();
    referencias::check_groups(&app, &acesso, &listados).await?;
    change.respond(vec![Command::Restringir { para: Some(listados) }]).await
}

/// Libera a visualização de um registro.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/restricao", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn liberar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let comandos = match change.read.record.restricao {
        Some(_) => vec![Command::Restringir { para: None }],
        None => Vec::new(),
    };
    change.respond(comandos).await
}
