//! Transitions and analyses that somebody asks for.

use super::{
    change::{Change, Criado},
    enderecos::{self, Registros},
    ficha::Ficha,
    read::RecordRead,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiJsonOpcional, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
    office, schemas,
};
use axum::{extract::State, http::HeaderMap, response::Response};
use campo_domain::{
    command::{Command, NovoPedido},
    ids::{AnaliseId, PedidoId, UserId},
    registro::TipoAnalise,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Um pedido de transição.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PedirTransicao {
    /// O identificador do pedido, se quem pede o escolhe.
    #[schema(value_type = Option<Uuid>)]
    pub pedido: Option<Uuid>,
    /// Por quê, onde a transição pergunta.
    pub motivo: Option<String>,
    /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
    #[serde(default)]
    pub email: bool,
    /// A análise, onde a transição a leva.
    pub analise: Option<AnaliseDoPedido>,
}

/// A análise que vai com um pedido de transição.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnaliseDoPedido {
    /// O identificador, se quem pede o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O texto.
    texto: String,
    /// De um laudo: se a reclamação procede.
    procedente: Option<bool>,
}

/// Pede uma transição.
#[utoipa::path(post, path = "/v1/{kind}/{id}/transicoes/{verbo}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("verbo" = String, Path), IfMatch),
    request_body = Option<PedirTransicao>,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn transicionar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id, verbo)): ApiPath<(Registros, Uuid, String)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJsonOpcional(corpo): ApiJsonOpcional<PedirTransicao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let comando = request(&change.read, verbo, corpo)?;
    change.respond(vec![comando]).await
}

/// The command that asks for a transition: with the analysis that it brings, or without.
///
/// # Errors
/// 400 where the body has what the transition does not take.
pub fn request(read: &RecordRead, verbo: String, corpo: PedirTransicao) -> ApiResult<Command> {
    let PedirTransicao { pedido, motivo, email, analise } = corpo;
    let pedido: PedidoId = enderecos::id_or_new(pedido);
    let motivo = motivo.filter(|motivo| !motivo.trim().is_empty());
    let brings = read.tipo.fluxo.transicao(&verbo).and_then(|transition| transition.traz);
    let Some(analise) = analise else {
        return Ok(Command::Transicionar { pedido, verbo, motivo, email });
    };
    let Some(tipo) = brings.filter(|_| motivo.is_none()) else {
        let mensagem = format!("“{verbo}” não leva análise, ou leva só a análise, sem motivo.");
        return Err(ApiError::invalido(mensagem));
    };
    office::brings(&read.record, &read.tipo, &verbo, pedido)?;
    Ok(Command::Analisar {
        analise: enderecos::id_or_new::<AnaliseId>(analise.id),
        tipo,
        texto: analise.texto,
        procedente: analise.procedente,
        pedido: Some(NovoPedido { id: pedido, email }),
        encaminhar: None,
    })
}

/// Uma análise nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaAnalise {
    /// O identificador, se quem analisa o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// `parcial`, `laudo`, `solucao` ou `parecer`. Menos a parcial, todas pedem a transição a que
    /// servem.
    #[schema(value_type = schemas::TipoDeAnalise)]
    tipo: TipoAnalise,
    /// O texto.
    texto: String,
    /// De um laudo: se a reclamação procede.
    procedente: Option<bool>,
    /// O identificador do pedido de transição, se quem analisa o escolhe.
    #[schema(value_type = Option<Uuid>)]
    pedido: Option<Uuid>,
    /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
    #[serde(default)]
    email: bool,
    /// De uma parcial: quem passa a ser responsável.
    #[schema(value_type = Option<Uuid>)]
    encaminhar: Option<Uuid>,
}

/// Registra uma análise.
#[utoipa::path(post, path = "/v1/{kind}/{id}/analises", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaAnalise,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn analisar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nova): ApiJson<NovaAnalise>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let encaminhar = nova.encaminhar.map(UserId::from);
    let analise: AnaliseId = enderecos::id_or_new(nova.id);
    let pedido = NovoPedido { id: enderecos::id_or_new(nova.pedido), email: nova.email };
    let comando = Command::Analisar {
        analise,
        tipo: nova.tipo,
        texto: nova.texto,
        procedente: nova.procedente,
        pedido: (nova.tipo != TipoAnalise::Parcial).then_some(pedido),
        encaminhar,
    };
    change.create(analise.uuid(), vec![comando]).await
}
