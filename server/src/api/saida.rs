//! The outbox for administrators: webhook endpoints and their deliveries, e-mails and their
//! templates.

use crate::{
    api::usuarios::secret,
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, Administra},
        problems::{NaoMudou, Problemas},
    },
    outbox::{
        Modelo, Texto,
        delivery::{self, DeliveryFilter, Entrega, SituacaoEntrega, Tentativa},
        email::{self, Email},
        queue,
        webhook::{self, AlteraDestino, Destino, NovoDestino},
    },
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::ids::{AcaoId, DocumentId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Um destino com o seu segredo.
#[derive(Debug, Serialize, ToSchema)]
struct DestinoComSegredo {
    #[serde(flatten)]
    destino: Destino,
    /// O segredo com que os eventos são assinados (`whsec_…`), mostrado só aqui.
    #[serde(skip_serializing_if = "Option::is_none")]
    segredo: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiltroEntregas {
    /// Só as que chegaram até aí.
    situacao: Option<SituacaoEntrega>,
    /// Só as desta ação.
    #[param(value_type = Option<Uuid>)]
    acao: Option<AcaoId>,
    /// Só as deste registro.
    #[param(value_type = Option<Uuid>)]
    documento: Option<DocumentId>,
    /// Só as deste destino.
    destino: Option<Uuid>,
    /// De 1 a 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiltroEmails {
    /// Só os que chegaram até aí.
    #[param(value_type = Option<crate::schemas::SituacaoDoEmail>)]
    situacao: Option<String>,
    /// Só os deste registro.
    #[param(value_type = Option<Uuid>)]
    documento: Option<DocumentId>,
    /// De 1 a 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Lista os destinos de eventos.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Integracao",
    responses((status = 200, body = Vec<Destino>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn endpoints(
    State(app): State<App>,
    access: Acesso<Administra>,
) -> ApiResult<Json<Vec<Destino>>> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    Ok(Json(webhook::list(&mut tx, access.tenant).await?))
}

/// Cadastra um destino de eventos. O segredo só aparece nesta resposta.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Integracao", request_body = NovoDestino,
    responses((status = 201, body = DestinoComSegredo), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn create_endpoint(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiJson(new): ApiJson<NovoDestino>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let (destino, segredo) = webhook::create(&mut tx, &app.config, access.tenant, new).await?;
    tx.commit().await?;
    let place = [(header::LOCATION, format!("/v1/webhooks/{}", destino.id))];
    Ok((StatusCode::CREATED, place, shown_once(destino, segredo)?).into_response())
}

fn shown_once(destino: Destino, segredo: String) -> ApiResult<Response> {
    let etag = ETag::of_json(&destino)?;
    let kept = DestinoComSegredo { destino: destino.clone(), segredo: None };
    let body = DestinoComSegredo { destino, segredo: Some(segredo) };
    Ok(([etag.header()], secret(body, &kept)?).into_response())
}

/// Mostra um destino, sem o segredo.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = Destino), NaoMudou, Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn endpoint(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let destinos = webhook::list(&mut tx, access.tenant).await?;
    let destino = destinos.into_iter().find(|destino| destino.id == id);
    let destino = destino.ok_or_else(ApiError::nao_encontrado)?;
    Ok(ETag::of_json(&destino)?.on(&headers, destino))
}

/// Altera um destino. O que é de um destino parado espera até que ele volte.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "Integracao",
    params(("id" = Uuid, Path), ("If-Match" = String, Header)), request_body = AlteraDestino,
    responses((status = 200, body = Destino), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn change_endpoint(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(change): ApiJson<AlteraDestino>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let before = webhook::find(&mut tx, access.tenant, id).await?;
    if_match.require(&ETag::of_json(&before)?)?;
    let destino = webhook::change(&mut tx, &app.config, access.tenant, id, change).await?;
    tx.commit().await?;
    Ok(([ETag::of_json(&destino)?.header()], Json(destino)).into_response())
}

/// Remove um destino. O que só ele receberia espera por outro.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 204), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn remove_endpoint(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    webhook::remove(&mut tx, access.tenant, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Troca o segredo de um destino. Por 24 horas, o anterior também assina.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/segredo", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = DestinoComSegredo, headers(("ETag" = String))), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn turn_secret(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let (destino, segredo) =
        webhook::rotate_secret(&mut tx, &app.config, access.tenant, id).await?;
    tx.commit().await?;
    shown_once(destino, segredo)
}

/// Lista as entregas de eventos, da mais nova à mais antiga.
#[utoipa::path(
    get, path = "/v1/entregas", tag = "Integracao", params(FiltroEntregas),
    responses((status = 200, body = Pagina<Entrega>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn deliveries(
    State(app): State<App>,
    access: Acesso<Administra>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(asked): ApiQuery<FiltroEntregas>,
) -> ApiResult<Response> {
    let FiltroEntregas { situacao, acao, documento, destino, limite, cursor } = asked;
    let folha = Folha::<Uuid>::new(limite, cursor.as_deref())?;
    let filter = DeliveryFilter { situacao, acao, documento, destino };
    let mut tx = app.db.snapshot(access.tenant).await?;
    let rows = delivery::list(&mut tx, access.tenant, &filter, folha.depois, folha.rows()).await?;
    Ok(folha.close(rows, |last| last.id).linked(&uri))
}

/// Mostra uma entrega.
#[utoipa::path(
    get, path = "/v1/entregas/{id}", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = Entrega), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn delivery(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Json<Entrega>> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    Ok(Json(delivery::find(&mut tx, access.tenant, id).await?))
}

/// Lista as tentativas de uma entrega.
#[utoipa::path(
    get, path = "/v1/entregas/{id}/tentativas", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = Vec<Tentativa>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn tries(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Json<Vec<Tentativa>>> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    Ok(Json(delivery::attempts(&mut tx, access.tenant, id).await?))
}

/// Põe uma entrega de novo na fila, com o mesmo `webhook-id`. Uma cancelada não volta: 409
/// `entrega_cancelada`.
#[utoipa::path(
    post, path = "/v1/entregas/{id}/reentregar", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 202), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn deliver_again(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    queue::deliver_again(&mut tx, access.tenant, id).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lista os e-mails, do mais novo ao mais antigo.
#[utoipa::path(
    get, path = "/v1/emails", tag = "Integracao", params(FiltroEmails),
    responses((status = 200, body = Pagina<Email>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn emails(
    State(app): State<App>,
    access: Acesso<Administra>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(asked): ApiQuery<FiltroEmails>,
) -> ApiResult<Response> {
    let FiltroEmails { situacao, documento, limite, cursor } = asked;
    let folha = Folha::<Uuid>::new(limite, cursor.as_deref())?;
    let filter = email::EmailFilter { situacao, documento };
    let mut tx = app.db.snapshot(access.tenant).await?;
    let rows = email::list(&mut tx, access.tenant, &filter, folha.depois, folha.rows()).await?;
    Ok(folha.close(rows, |last| last.id).linked(&uri))
}

/// Envia um e-mail de novo, ao endereço que a pessoa tem agora.
#[utoipa::path(
    post, path = "/v1/emails/{id}/reenviar", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 202), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn send_again(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    email::send_again(&mut tx, access.tenant, id).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Cancela um e-mail que ainda não saiu; reenviá-lo depois é possível.
#[utoipa::path(
    post, path = "/v1/emails/{id}/cancelar", tag = "Integracao", params(("id" = Uuid, Path)),
    responses((status = 204), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn cancel(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    email::cancel(&mut tx, access.tenant, id, &access.pessoa.nome).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lista os modelos de e-mail: os do Campo, como a empresa os alterou, e os dela.
#[utoipa::path(
    get, path = "/v1/modelos-email", tag = "Integracao",
    responses((status = 200, body = Vec<Modelo>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn templates(
    State(app): State<App>,
    access: Acesso<Administra>,
) -> ApiResult<Json<Vec<Modelo>>> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    Ok(Json(email::templates(&mut tx, access.tenant).await?))
}

/// Mostra um modelo de e-mail.
#[utoipa::path(
    get, path = "/v1/modelos-email/{codigo}", tag = "Integracao",
    params(("codigo" = String, Path)),
    responses((status = 200, body = Modelo), NaoMudou, Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn template(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(codigo): ApiPath<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let templates = email::templates(&mut tx, access.tenant).await?;
    let template = templates.into_iter().find(|template| template.codigo == codigo);
    let template = template.ok_or_else(ApiError::nao_encontrado)?;
    Ok(ETag::of_json(&template)?.on(&headers, template))
}

/// Escreve um modelo de e-mail da empresa. Usa `{{ variavel }}` e `{% if variavel %}`; as variáveis
/// são empresa, destinatario, tipo, numero, situacao, cliente, contato, assunto, relato e parecer.
#[utoipa::path(
    put, path = "/v1/modelos-email/{codigo}", tag = "Integracao",
    params(("codigo" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = Texto, responses((status = 200, body = Modelo), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn write_template(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiPath(codigo): ApiPath<String>,
    ApiJson(text): ApiJson<Texto>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let find =
        |templates: Vec<Modelo>| templates.into_iter().find(|template| template.codigo == codigo);
    match find(email::templates(&mut tx, access.tenant).await?) {
        Some(template) => if_match.check(&ETag::of_json(&template)?)?,
        None => if_match.absent()?,
    }
    email::write_template(&mut tx, access.tenant, &codigo, Some(&text)).await?;
    let template = find(email::templates(&mut tx, access.tenant).await?);
    let template = template.ok_or_else(ApiError::nao_encontrado)?;
    tx.commit().await?;
    Ok(([ETag::of_json(&template)?.header()], Json(template)).into_response())
}

/// Volta ao modelo que o Campo traz; um modelo só da empresa deixa de existir.
#[utoipa::path(
    delete, path = "/v1/modelos-email/{codigo}", tag = "Integracao",
    params(("codigo" = String, Path)), responses((status = 204), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn restore_template(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(codigo): ApiPath<String>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    email::write_template(&mut tx, access.tenant, &codigo, None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The `webhooks` object of the OpenAPI document.
pub fn webhooks() -> Value {
    let header = |name: &str, what: &str| {
        json!({ "name": name, "in": "header", "required": true, "description": what,
                "schema": { "type": "string" } })
    };
    json!({ "acao.solicitada": { "post": {
        "tags": ["Integração"],
        "summary": "Uma ação foi pedida ao ERP.",
        "description": "Chega ao menos uma vez; a repetição tem o mesmo `webhook-id`. Aceite com \
            2xx em até 15 segundos e responda depois, em `/v1/acoes/{id}/resposta`.",
        "operationId": "webhook_acao_solicitada",
        "security": [],
        "parameters": [
            header("webhook-id", "O mesmo em toda tentativa."),
            header("webhook-timestamp", "Quando foi enviada esta tentativa, em segundos Unix."),
            header("webhook-signature", "`v1,` e o HMAC-SHA256 em base64 de id, timestamp e corpo, \
                com pontos entre eles; várias, com espaços entre elas, enquanto o segredo é \
                trocado."),
        ],
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/AcaoSolicitada" },
        } } },
        "responses": {
            "2XX": { "description": "Aceita." },
            "410": { "description": "O destino não quer mais eventos: o Campo o para." },
            "429": { "description": "Mais tarde: `Retry-After` é respeitado, até um dia." },
            "503": { "description": "Mais tarde: `Retry-After` é respeitado, até um dia." },
            "default": { "description": "Não aceita: o Campo tenta de novo, por três dias." },
        },
    } } })
}
