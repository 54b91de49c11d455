//! Who takes part in a record, and who is told of it.

use super::{change::Change, enderecos::Registros, ficha::Ficha};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        etag::IfMatch,
        extract::ApiPath,
        principal::{Acesso, EscreverRegistros},
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use campo_domain::{command::Command, ids::UserId};
use uuid::Uuid;

/// Inclui um participante.
#[utoipa::path(put, path = "/v1/{kind}/{id}/participantes/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn incluir_participante(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    set(&app, &acesso, onde, (&headers, &if_match), List::Participants, true).await
}

/// Remove um participante.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/participantes/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn remover_participante(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    set(&app, &acesso, onde, (&headers, &if_match), List::Participants, false).await
}

/// Inclui um interessado, que é avisado da abertura e da conclusão.
#[utoipa::path(put, path = "/v1/{kind}/{id}/interessados/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn incluir_interessado(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    set(&app, &acesso, onde, (&headers, &if_match), List::Interested, true).await
}

/// Remove um interessado.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/interessados/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn remover_interessado(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    set(&app, &acesso, onde, (&headers, &if_match), List::Interested, false).await
}

/// One of a record's lists of people.
#[derive(Clone, Copy)]
enum List {
    Participants,
    Interested,
}

/// Somebody joins one of the record's lists, or leaves it; nothing is written where that is so
/// already.
async fn set(
    app: &App,
    who: &Acesso<EscreverRegistros>,
    (collection, id, usuario): (Registros, Uuid, Uuid),
    (headers, if_match): (&HeaderMap, &IfMatch),
    list: List,
    member: bool,
) -> ApiResult<Response> {
    let kind = collection.kind();
    let change = Change::begin(app, who, kind, id.into(), headers, if_match).await?;
    let (record, usuario) = (&change.read.record, UserId::from(usuario));
    let (there, command) = match list {
        List::Participants => {
            (&record.participantes, Command::Participar { usuario, participa: member })
        }
        List::Interested => {
            (&record.interessados, Command::Interessar { usuario, interessado: member })
        }
    };
    let commands = if member == there.contains(&usuario) { Vec::new() } else { vec![command] };
    change.respond(commands).await
}
