//! Catalogues, from which fields of records choose. Entries are sent to every device. They are
//! withdrawn, never deleted, since records show their names.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, EscreverCatalogos, LerCatalogos, Principal},
        problems::{NaoMudou, Problemas},
    },
    reference::{self, Entry, Wanted},
};
use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use campo_domain::{
    busca::dobrar,
    catalogo::{self, CATALOGOS},
    origem,
    pessoa::Permissao,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgTransaction;
use utoipa::{IntoParams, ToSchema};

/// The collection of people's names, which is only read here; `/v1/usuarios` writes it.
const PEOPLE: &str = "usuario";

/// Longest code of an entry.
const CODE_BYTES_MAX: usize = 64;
/// Largest `dados`, as JSON.
const DATA_BYTES_MAX: usize = 16 * 1024;

/// Um catálogo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Colecao {
    /// Nome estável.
    codigo: String,
    /// Como as pessoas o chamam.
    nome: String,
    /// Quantos itens tem, ativos ou não.
    itens: i64,
    /// A permissão para mantê-lo; ausente onde não se mantém por aqui.
    #[schema(value_type = Option<crate::schemas::Permissao>)]
    permissao: Option<String>,
}

/// Um item de catálogo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item {
    /// Nome estável dentro do catálogo: o que os registros guardam.
    codigo: String,
    /// Como as pessoas o chamam.
    nome: String,
    /// Se ainda é oferecido.
    ativo: bool,
    /// O mais que se sabe dele.
    #[schema(value_type = Object)]
    dados: Map<String, Value>,
}

/// O que se grava de um item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemNovo {
    /// De 1 a 200 caracteres.
    nome: String,
    /// `false` para que não seja mais oferecido.
    #[serde(default = "yes")]
    ativo: bool,
    /// Um objeto JSON de até 16 KiB, inteiro a cada gravação.
    #[serde(default)]
    #[schema(value_type = Object)]
    dados: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Palavras que o nome ou o código contêm, sem diferença de acentos.
    busca: Option<String>,
    /// Só os oferecidos (`true`) ou os retirados (`false`).
    ativo: Option<bool>,
    /// De 1 a 200.
    #[param(minimum = 1, maximum = 200)]
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Lista os catálogos.
#[utoipa::path(
    get, path = "/v1/catalogos", tag = "Catalogos",
    responses((status = 200, body = Pagina<Colecao>), Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn collections(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
) -> ApiResult<impl IntoResponse> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let counts = reference::counts(&mut tx).await?;
    let count = |codigo: &str| counts.iter().find(|(c, _)| c == codigo).map_or(0, |(_, n)| *n);
    let catalogos = CATALOGOS.iter().map(|catalogo| (catalogo.codigo, catalogo.titulo));
    let itens = catalogos.chain([(PEOPLE, "Pessoas")]).map(|(codigo, nome)| Colecao {
        codigo: codigo.into(),
        nome: nome.into(),
        itens: count(codigo),
        permissao: keeper(codigo).map(|permissao| permissao.codigo().into()),
    });
    Ok(axum::Json(Pagina { itens: itens.collect(), proximo: None }))
}

/// Lista os itens de um catálogo, pelo nome.
#[utoipa::path(
    get, path = "/v1/catalogos/{colecao}", tag = "Catalogos",
    params(("colecao" = String, Path), Filtro),
    responses((status = 200, body = Pagina<Item>), Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn list(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    OriginalUri(uri): OriginalUri,
    ApiPath(colecao): ApiPath<String>,
    ApiQuery(filter): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    known(&colecao)?;
    let folha = Folha::<(String, String)>::new(filter.limite, filter.cursor.as_deref())?;
    let words = dobrar(filter.busca.as_deref().unwrap_or_default());
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut tx = app.db.snapshot(access.tenant).await?;
    let wanted = Wanted { collection: &colecao, active: filter.ativo, words };
    let after = folha.depois.clone();
    let rows = reference::page(&mut tx, access.tenant, wanted, after, folha.rows()).await?;
    let rows = rows.into_iter();
    let itens: Vec<Item> = rows.map(|(codigo, ativo, data)| item(codigo, ativo, data)).collect();
    Ok(folha.close(itens, |last| (last.nome.clone(), last.codigo.clone())).linked(&uri))
}

/// Mostra um item.
#[utoipa::path(
    get, path = "/v1/catalogos/{colecao}/{codigo}", tag = "Catalogos",
    params(("colecao" = String, Path), ("codigo" = String, Path)),
    responses((status = 200, body = Item), NaoMudou, Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn show(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    headers: HeaderMap,
    ApiPath((colecao, codigo)): ApiPath<(String, String)>,
) -> ApiResult<Response> {
    known(&colecao)?;
    let mut tx = app.db.snapshot(access.tenant).await?;
    let codigo = chave(&colecao, codigo);
    let entry = reference::entry(&mut tx, access.tenant, &colecao, &codigo).await?;
    let Entry { active, data, seq } = entry.ok_or_else(ApiError::nao_encontrado)?;
    Ok(ETag::of_seq(seq).on(&headers, item(codigo, active, data)))
}

/// Grava um item, novo ou existente. Para retirá-lo, `ativo: false`: não se apaga.
#[utoipa::path(
    put, path = "/v1/catalogos/{colecao}/{codigo}", tag = "Catalogos",
    params(
        ("colecao" = String, Path),
        ("codigo" = String, Path, description = "Até 64 bytes, sem espaços nem barras."),
        ("If-Match" = Option<String>, Header, description = "Exigido se o item já existe."),
    ),
    request_body = ItemNovo,
    responses((status = 200, body = Item), (status = 201, body = Item), Problemas),
    security(("token" = ["catalogos:escrever"])),
)]
pub async fn put(
    State(app): State<App>,
    access: Acesso<EscreverCatalogos>,
    if_match: IfMatch,
    ApiPath((colecao, codigo)): ApiPath<(String, String)>,
    ApiJson(new): ApiJson<ItemNovo>,
) -> ApiResult<Response> {
    known(&colecao)?;
    may_keep(&access, &colecao)?;
    let nome = text("nome", &new.nome)?;
    let fits = (1..=CODE_BYTES_MAX).contains(&codigo.len())
        && !codigo.contains(|c: char| c.is_control() || c.is_whitespace() || c == '/');
    if !fits {
        let message = "O código tem de 1 a 64 bytes, sem espaços nem barras.";
        return Err(ApiError::recusado("codigo_invalido", message));
    }
    let data = json!({ "nome": nome, "dados": new.dados });
    if data["dados"].to_string().len() > DATA_BYTES_MAX {
        let message = "O campo dados passa do limite de 16 KiB.";
        return Err(ApiError::recusado("dados_grandes_demais", message));
    }
    let mut tx = app.db.tenant(access.tenant).await?;
    reference::lock(&mut tx, access.tenant).await?;
    let codigo = chave(&colecao, codigo);
    let before = reference::entry(&mut tx, access.tenant, &colecao, &codigo).await?;
    let status = match &before {
        Some(before) => {
            if_match.require(&ETag::of_seq(before.seq))?;
            StatusCode::OK
        }
        None => {
            if_match.absent()?;
            StatusCode::CREATED
        }
    };
    let entries = vec![(codigo.clone(), new.ativo, data.clone())];
    let seq = reference::put(&mut tx, access.tenant, &colecao, entries).await?;
    tx.commit().await?;
    let body = axum::Json(item(codigo, new.ativo, data));
    Ok((status, [ETag::of_seq(seq).header()], body).into_response())
}

/// The key of an entry. An invoice number is the same with and without points (R6).
fn chave(colecao: &str, codigo: String) -> String {
    if colecao == origem::CATALOGO { origem::codigo(&codigo) } else { codigo }
}

fn item(codigo: String, ativo: bool, mut data: Value) -> Item {
    let nome = data["nome"].as_str().unwrap_or(&codigo).to_owned();
    let dados = match data["dados"].take() {
        Value::Object(dados) => dados,
        _ => Map::new(),
    };
    // An entry of a person says itself whether the person is still active.
    let ativo = ativo && data["ativo"].as_bool().unwrap_or(true);
    Item { codigo, nome, ativo, dados }
}

fn known(colecao: &str) -> ApiResult<()> {
    let known = colecao == PEOPLE || catalogo::obter(colecao).is_some();
    if known { Ok(()) } else { Err(ApiError::nao_encontrado()) }
}

/// The permission to write a catalogue; `None` where it cannot be written here.
fn keeper(colecao: &str) -> Option<Permissao> {
    match colecao {
        PEOPLE => None,
        outra => Some(catalogo::obter(outra).map_or(Permissao::Administrar, |known| known.quem)),
    }
}

fn may_keep(principal: &Principal, colecao: &str) -> ApiResult<()> {
    match keeper(colecao) {
        Some(permissao) => principal.exige(permissao),
        None => {
            let message = "As pessoas são mantidas em /v1/usuarios.";
            Err(ApiError::recusado("catalogo_de_leitura", message))
        }
    }
}

/// A name that a person gives: one line, neither empty nor longer than 200 characters.
///
/// # Errors
/// 422 `texto_invalido`.
pub(super) fn text(campo: &str, value: &str) -> ApiResult<String> {
    let value = value.trim();
    if (1..=200).contains(&value.chars().count()) && !value.contains(char::is_control) {
        return Ok(value.to_owned());
    }
    let message = format!("O campo {campo} tem de 1 a 200 caracteres, numa linha.");
    Err(ApiError::recusado("texto_invalido", message).with("detalhes", vec![campo]))
}

/// Checks that an entry of a catalogue exists and is offered.
///
/// # Errors
/// 422 `item_de_catalogo_inexistente`.
pub(super) async fn offered(
    tx: &mut PgTransaction<'_>,
    principal: &Principal,
    colecao: &str,
    codigo: &str,
) -> ApiResult<()> {
    let entry = reference::entry(tx, principal.tenant, colecao, codigo).await?;
    if entry.is_some_and(|entry| entry.active) {
        return Ok(());
    }
    let message = format!("O catálogo {colecao} não oferece “{codigo}”.");
    let error = ApiError::recusado("item_de_catalogo_inexistente", message);
    Err(error.with("detalhes", vec![colecao, codigo]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use campo_domain::{
        kind::Kind,
        preset,
        valor::{Alvo, TipoCampo},
    };

    #[test]
    fn every_catalogue_that_a_field_or_a_preset_names_is_kept_here() {
        let kinds = Kind::TODOS.into_iter();
        let fields = kinds.flat_map(|kind| kind.campos()).filter_map(|campo| match campo.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(nome)) => Some(nome.to_owned()),
            _ => None,
        });
        let presets =
            preset::ids().flat_map(|id| preset::carregar(id).unwrap().catalogos.into_keys());
        for nome in fields.chain(presets) {
            assert!(known(&nome).is_ok(), "{nome}");
        }
    }
}
