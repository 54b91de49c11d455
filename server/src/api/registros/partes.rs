//! Items, despesas, anexos and vínculos of a record.

use super::{
    change::{Criado, Mudanca},
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
    pub const fn colecao(self) -> Colecao {
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
    pub fn ler(&self, kind: Kind, em: Colecao, fuso: Tz) -> Result<NovoItem, Refusal> {
        let valores = json::ler_campos(kind.campos_de(em), &self.campos, fuso)?;
        let campos: Campos =
            valores.into_iter().map(|(campo, valor)| (campo.nome.to_owned(), valor)).collect();
        Ok(NovoItem { id: enderecos::id(self.id), campos })
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
    let (kind, em) = (colecao.kind(), partes.colecao());
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let item = nova.ler(kind, em, fuso)?;
    let id = item.id.uuid();
    let comandos = vec![Command::IncluirItem { em, item }];
    referencias::conferir_comandos(&app, &acesso, &mudanca.lido, &comandos).await?;
    mudanca.criar(id, comandos).await
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
    ApiJson(mudanca_de): ApiJson<AlteracaoDeParte>,
) -> ApiResult<Response> {
    let (kind, em) = (colecao.kind(), partes.colecao());
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let item = ItemId::from(parte);
    let registro = &mudanca.lido.registro;
    let atual = registro.colecao(em).get(&item).filter(|atual| !atual.removido);
    let atual = atual.ok_or_else(ApiError::nao_encontrado)?;
    let valores = json::ler_campos(kind.campos_de(em), &mudanca_de.campos, fuso)?;
    let disputado = |nome: &str| {
        let fim = format!("/{nome}");
        let chave = item.uuid().simple().to_string();
        let conflitos = registro.conflitos.iter().map(|conflito| conflito.campo.as_str());
        conflitos.into_iter().any(|campo| {
            campo.ends_with(&fim) && (campo.contains(&chave) || campo.contains(&item.to_string()))
        })
    };
    let mudam = valores
        .into_iter()
        .filter(|(campo, valor)| atual.valor(campo.nome) != valor || disputado(campo.nome));
    let comandos: Vec<Command> = mudam
        .map(|(campo, valor)| Command::EditarItem { em, item, campo: campo.nome.into(), valor })
        .collect();
    referencias::conferir_comandos(&app, &acesso, &mudanca.lido, &comandos).await?;
    mudanca.responder(comandos).await
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
    let (kind, em) = (colecao.kind(), partes.colecao());
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let item = ItemId::from(parte);
    let atual = mudanca.lido.registro.colecao(em).get(&item);
    let removido = atual.ok_or_else(ApiError::nao_encontrado)?.removido;
    // Removed already: a request that was sent again.
    let comandos = if removido { vec![] } else { vec![Command::RemoverItem { em, item }] };
    mudanca.responder(comandos).await
}
