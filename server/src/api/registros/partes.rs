//! Items, despesas, anexos and vínculos of a record.

use super::{
    change::{Change, Criado},
    enderecos::{self, Registros},
    ficha::Ficha,
    lido, referencias,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
    office,
    reading::json,
};
use axum::{extract::State, http::HeaderMap, response::Response};
use campo_domain::{
    command::{Command, NovoItem},
    ids::ItemId,
    kind::Kind,
    parte::Colecao,
    refusal::Refusal,
    registro::Campos,
};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma coleção de partes de um registro.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Partes {
    /// Produtos e serviços.
    #[default]
    Itens,
    /// Despesas.
    Despesas,
    /// Anexos: o que se sabe de cada arquivo.
    Anexos,
    /// Vínculos com outros registros e contatos.
    Vinculos,
}

impl Partes {
    /// As the domain has it.
    pub const fn collection(self) -> Colecao {
        match self {
            Partes::Itens => Colecao::Itens,
            Partes::Despesas => Colecao::Despesas,
            Partes::Anexos => Colecao::Anexos,
            Partes::Vinculos => Colecao::Vinculos,
        }
    }
}

/// Uma parte nova.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaParte {
    /// O identificador, se quem inclui o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// Os campos, pelo nome.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

impl NovaParte {
    /// As the domain has it.
    ///
    /// # Errors
    /// `campo_desconhecido`, `valor_invalido`.
    pub fn read(&self, kind: Kind, em: Colecao, fuso: Tz) -> Result<NovoItem, Refusal> {
        let valores = json::ler_campos(kind.campos_de(em), &self.campos, fuso)?;
        let campos: Campos =
            valores.into_iter().map(|(campo, valor)| (campo.nome.to_owned(), valor)).collect();
        Ok(NovoItem { id: enderecos::id_or_new(self.id), campos })
    }
}

/// Campos de uma parte a alterar.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlteracaoDeParte {
    /// Os campos, pelo nome; `null` esvazia.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// Inclui um item, uma despesa, um anexo ou um vínculo.
#[utoipa::path(post, path = "/v1/{kind}/{id}/{partes}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("partes" = Partes, Path), IfMatch),
    request_body = NovaParte,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn incluir(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id, partes)): ApiPath<(Registros, Uuid, Partes)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nova): ApiJson<NovaParte>,
) -> ApiResult<Response> {
    let (kind, em) = (colecao.kind(), partes.collection());
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let item = nova.read(kind, em, fuso)?;
    let id = item.id.uuid();
    let comandos = vec![Command::IncluirItem { em, item }];
    referencias::check_commands(&app, &acesso, &change.read, &comandos).await?;
    change.create(id, comandos).await
}

/// Altera campos de um item, uma despesa, um anexo ou um vínculo: todos, ou nenhum.
#[utoipa::path(patch, path = "/v1/{kind}/{id}/{partes}/{parte}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("partes" = Partes, Path),
        ("parte" = Uuid, Path), IfMatch),
    request_body = AlteracaoDeParte,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn alterar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id, partes, parte)): ApiPath<(Registros, Uuid, Partes, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(alteracao): ApiJson<AlteracaoDeParte>,
) -> ApiResult<Response> {
    let (kind, em) = (colecao.kind(), partes.collection());
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let valores = json::ler_campos(kind.campos_de(em), &alteracao.campos, fuso)?;
    let comandos = office::part_edits(&change.read.record, em, parte.into(), valores);
    let comandos = comandos.ok_or_else(ApiError::nao_encontrado)?;
    referencias::check_commands(&app, &acesso, &change.read, &comandos).await?;
    change.respond(comandos).await
}

/// Remove um item, uma despesa, um anexo ou um vínculo. O que foi removido fica no histórico.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/{partes}/{parte}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("partes" = Partes, Path),
        ("parte" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn remover(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id, partes, parte)): ApiPath<(Registros, Uuid, Partes, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (kind, em) = (colecao.kind(), partes.collection());
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let item = ItemId::from(parte);
    let atual = change.read.record.colecao(em).get(&item);
    let removido = atual.ok_or_else(ApiError::nao_encontrado)?.removido;
    // Removed already: a request that was sent again.
    let comandos = if removido { vec![] } else { vec![Command::RemoverItem { em, item }] };
    change.respond(comandos).await
}
