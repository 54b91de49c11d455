//! Notes in the acompanhamento.

use super::{
    change::{Change, Criado},
    enderecos::{self, Registros},
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
    schemas,
};
use axum::{extract::State, http::HeaderMap, response::Response};
use campo_domain::{command::Command, ids::NotaId, registro::Visibilidade};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma anotação nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaNota {
    /// O identificador, se quem anota o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O texto.
    texto: String,
    /// `interna` (padrão) ou `cliente`.
    #[serde(default)]
    #[schema(value_type = schemas::Visibilidade)]
    visibilidade: Visibilidade,
    /// A anotação que responde.
    #[schema(value_type = Option<Uuid>)]
    resposta_a: Option<Uuid>,
}

/// Anota no acompanhamento.
#[utoipa::path(post, path = "/v1/{kind}/{id}/notas", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaNota,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn anotar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nota): ApiJson<NovaNota>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let id: NotaId = enderecos::id_or_new(nota.id);
    let comando = Command::Anotar {
        id,
        texto: nota.texto,
        visibilidade: nota.visibilidade,
        resposta_a: nota.resposta_a.map(NotaId::from),
    };
    change.create(id.uuid(), vec![comando]).await
}
