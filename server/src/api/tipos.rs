//! Tipos with their fluxos, and the presets that contain some.
//!
//! A version is never changed, since records pin the one that they were made with. A change of a
//! tipo is a new version (ADR 0012).

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::{ApiJson, ApiPath, ApiQuery},
        page::Pagina,
        principal::{Acesso, Administra, LerCatalogos},
        problems::{NaoMudou, Problemas},
    },
    reference::{self, Version},
    schemas::{self, TipoCompleto},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{kind::Kind, preset, tipo::Tipo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgTransaction;
use utoipa::{IntoParams, ToSchema};

/// Largest tipo, as JSON: each goes to every device.
const TIPO_BYTES_MAX: usize = 256 * 1024;

/// Uma versão de um tipo, em resumo.
#[derive(Debug, Serialize, ToSchema)]
struct TipoResumo {
    /// Nome estável.
    codigo: String,
    /// A versão, a partir de 1.
    versao: u32,
    /// Como as pessoas o chamam.
    nome: String,
    /// De que registros é.
    #[schema(value_type = schemas::Kind)]
    kind: Kind,
    /// Se é oferecido para registros novos.
    ativo: bool,
}

/// O que muda num tipo sem versão nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TipoMudanca {
    /// `false` para que não seja mais oferecido; os registros que o têm continuam.
    ativo: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só os destes registros.
    #[param(value_type = Option<schemas::Kind>)]
    kind: Option<Kind>,
    /// Só os oferecidos (`true`) ou os retirados (`false`).
    ativo: Option<bool>,
}

/// Um preset: os tipos e catálogos com que uma empresa começa.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preset {
    /// Como `P001`.
    id: String,
    /// Como as pessoas o chamam.
    nome: String,
    /// Os códigos dos tipos que ele traz.
    tipos: Vec<String>,
}

/// O que um preset acrescentou à empresa.
#[derive(Debug, Serialize, ToSchema)]
struct PresetCarregado {
    /// Versões de tipos.
    tipos: usize,
    /// Itens de catálogos.
    itens: usize,
}

impl From<Version> for TipoResumo {
    fn from(version: Version) -> Self {
        let Tipo { codigo, versao, nome, kind, .. } = version.tipo;
        Self { codigo, versao, nome, kind, ativo: version.active }
    }
}

async fn versions_of(tx: &mut PgTransaction<'_>, codigo: &str) -> ApiResult<Vec<Version>> {
    reference::versions(tx, Some(codigo)).await?.remove(codigo).ok_or_else(ApiError::nao_encontrado)
}

/// Lista os tipos, cada um na versão atual.
#[utoipa::path(
    get, path = "/v1/tipos", tag = "Tipos", params(Filtro),
    responses((status = 200, body = Pagina<TipoResumo>), Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn list(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    ApiQuery(filter): ApiQuery<Filtro>,
) -> ApiResult<impl IntoResponse> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let all = reference::versions(&mut tx, None).await?.into_values();
    let newest = all.filter_map(|versions| versions.into_iter().next().map(TipoResumo::from));
    let asked = newest.filter(|tipo| {
        filter.kind.is_none_or(|kind| kind == tipo.kind)
            && filter.ativo.is_none_or(|ativo| ativo == tipo.ativo)
    });
    Ok(Json(Pagina { itens: asked.collect(), proximo: None }))
}

/// Mostra um tipo na versão atual, inteiro, com o seu fluxo.
#[utoipa::path(
    get, path = "/v1/tipos/{codigo}", tag = "Tipos", params(("codigo" = String, Path)),
    responses((status = 200, body = TipoCompleto), NaoMudou, Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn show(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    headers: HeaderMap,
    ApiPath(codigo): ApiPath<String>,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let newest = versions_of(&mut tx, &codigo).await?.into_iter().next();
    let newest = newest.ok_or_else(ApiError::nao_encontrado)?;
    Ok(ETag::of_seq(newest.seq).on(&headers, newest.data))
}

/// Lista as versões de um tipo, da mais nova à mais antiga.
#[utoipa::path(
    get, path = "/v1/tipos/{codigo}/versoes", tag = "Tipos", params(("codigo" = String, Path)),
    responses((status = 200, body = Pagina<TipoResumo>), Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn history(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    ApiPath(codigo): ApiPath<String>,
) -> ApiResult<impl IntoResponse> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let versions = versions_of(&mut tx, &codigo).await?.into_iter();
    Ok(Json(Pagina { itens: versions.map(TipoResumo::from).collect(), proximo: None }))
}

/// Mostra uma versão de um tipo, inteira.
#[utoipa::path(
    get, path = "/v1/tipos/{codigo}/versoes/{versao}", tag = "Tipos",
    params(("codigo" = String, Path), ("versao" = u32, Path)),
    responses((status = 200, body = TipoCompleto), NaoMudou, Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn version(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    headers: HeaderMap,
    ApiPath((codigo, versao)): ApiPath<(String, u32)>,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let mut versions = versions_of(&mut tx, &codigo).await?.into_iter();
    let found = versions.find(|version| version.tipo.versao == versao);
    let found = found.ok_or_else(ApiError::nao_encontrado)?;
    Ok(ETag::of_seq(found.seq).on(&headers, found.data))
}

/// Cria um tipo: o JSON inteiro, com o seu fluxo. A versão é 1.
#[utoipa::path(
    post, path = "/v1/tipos", tag = "Tipos", request_body = TipoCompleto,
    responses((status = 201, body = TipoCompleto), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn create(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiJson(body): ApiJson<Value>,
) -> ApiResult<Response> {
    let tipo = read(body, 1)?;
    let mut tx = app.db.tenant(access.tenant).await?;
    reference::lock(&mut tx, access.tenant).await?;
    if !reference::versions(&mut tx, Some(&tipo.codigo)).await?.is_empty() {
        let message = "Já existe um tipo com este código. Crie uma versão dele.";
        return Err(ApiError::new(StatusCode::CONFLICT, "tipo_existe", message));
    }
    publish(tx, &access, tipo).await
}

/// Cria a próxima versão de um tipo: o JSON inteiro, com o seu fluxo.
///
/// O número da versão é dado pelo servidor. Os registros que existem ficam na versão deles.
#[utoipa::path(
    post, path = "/v1/tipos/{codigo}/versoes", tag = "Tipos",
    params(
        ("codigo" = String, Path),
        ("If-Match" = String, Header, description = "O `ETag` da versão atual."),
    ),
    request_body = TipoCompleto,
    responses((status = 201, body = TipoCompleto), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn renew(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiPath(codigo): ApiPath<String>,
    ApiJson(body): ApiJson<Value>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    reference::lock(&mut tx, access.tenant).await?;
    let newest = versions_of(&mut tx, &codigo).await?.into_iter().next();
    let newest = newest.ok_or_else(ApiError::nao_encontrado)?;
    if_match.require(&ETag::of_seq(newest.seq))?;
    let tipo = read(body, newest.tipo.versao.saturating_add(1))?;
    if (&tipo.codigo, tipo.kind) != (&codigo, newest.tipo.kind) {
        return Err(invalid("o código e o kind são os da versão anterior"));
    }
    publish(tx, &access, tipo).await
}

async fn publish(
    mut tx: PgTransaction<'static>,
    access: &Acesso<Administra>,
    tipo: Tipo,
) -> ApiResult<Response> {
    let data = serde_json::to_value(&tipo).map_err(ApiError::interno)?;
    let entries = vec![(reference::tipo_key(&tipo), true, data.clone())];
    let seq = reference::put(&mut tx, access.tenant, "tipo", entries).await?;
    tx.commit().await?;
    let place = format!("/v1/tipos/{}/versoes/{}", tipo.codigo, tipo.versao);
    let headers = [ETag::of_seq(seq).header()];
    Ok((StatusCode::CREATED, headers, [(header::LOCATION, place)], Json(data)).into_response())
}

/// Retira um tipo, ou volta a oferecê-lo.
#[utoipa::path(
    patch, path = "/v1/tipos/{codigo}", tag = "Tipos",
    params(("codigo" = String, Path), ("If-Match" = String, Header)),
    request_body = TipoMudanca,
    responses((status = 200, body = TipoCompleto), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn change(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiPath(codigo): ApiPath<String>,
    ApiJson(TipoMudanca { ativo }): ApiJson<TipoMudanca>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    reference::lock(&mut tx, access.tenant).await?;
    let mut versions = versions_of(&mut tx, &codigo).await?;
    let newest = versions.first().map(|newest| (newest.seq, newest.data.clone()));
    let (seq, data) = newest.ok_or_else(ApiError::nao_encontrado)?;
    if_match.require(&ETag::of_seq(seq))?;
    // Every version, since a device may not have the newest yet. The newest is written last, so
    // that its position is the ETag.
    versions.reverse();
    let entries = versions.into_iter().map(|version| {
        let key = format!("{codigo}@{}", version.tipo.versao);
        (key, ativo, version.data)
    });
    let seq = reference::put(&mut tx, access.tenant, "tipo", entries.collect()).await?;
    tx.commit().await?;
    Ok(([ETag::of_seq(seq).header()], Json(data)).into_response())
}

/// Reads and checks a tipo. Its version is `versao`, whatever the body says.
fn read(mut body: Value, versao: u32) -> ApiResult<Tipo> {
    if !body.is_object() {
        return Err(invalid("o corpo é um objeto"));
    }
    body["versao"] = json!(versao);
    let tipo: Tipo =
        serde_json::from_value(body.clone()).map_err(|error| invalid(&error.to_string()))?;
    let read = serde_json::to_value(&tipo).map_err(ApiError::interno)?;
    if let Some(unknown) = unknown(&body, &read) {
        return Err(invalid(&format!("não existe o campo “{unknown}”")));
    }
    if read.to_string().len() > TIPO_BYTES_MAX {
        return Err(invalid("passa de 256 KiB"));
    }
    tipo.validar().map_err(|fault| invalid(&fault.to_string()))?;
    Ok(tipo)
}

/// The name of a field in `sent` that is not in `read`. Unknown fields are refused, since a
/// misspelt switch would be ignored otherwise.
fn unknown(sent: &Value, read: &Value) -> Option<String> {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => {
            sent.iter().find_map(|(name, value)| match read.get(name) {
                None => Some(name.chars().take(60).collect()),
                Some(there) => unknown(value, there),
            })
        }
        (Value::Array(sent), Value::Array(read)) => {
            sent.iter().zip(read).find_map(|(sent, read)| unknown(sent, read))
        }
        _ => None,
    }
}

fn invalid(fault: &str) -> ApiError {
    let message = format!("O tipo não serve e nada foi gravado: {fault}.");
    ApiError::recusado("tipo_invalido", message).with("detalhes", vec![fault])
}

/// Lista os presets.
#[utoipa::path(
    get, path = "/v1/presets", tag = "Tipos",
    responses((status = 200, body = Pagina<Preset>), Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn presets(_: Acesso<LerCatalogos>) -> ApiResult<impl IntoResponse> {
    let read = |id| {
        let preset = preset::carregar(id).map_err(ApiError::interno)?;
        let tipos = preset.tipos.into_iter().map(|tipo| tipo.codigo).collect();
        Ok(Preset { id: id.to_owned(), nome: preset.nome, tipos })
    };
    let itens = preset::ids().map(read).collect::<ApiResult<_>>()?;
    Ok(Json(Pagina { itens, proximo: None }))
}

/// Carrega um preset na empresa.
///
/// Acrescenta os tipos e os itens de catálogo que faltam; o que a empresa tem fica como está.
#[utoipa::path(
    post, path = "/v1/presets/{id}/carregar", tag = "Tipos", params(("id" = String, Path)),
    responses((status = 200, body = PresetCarregado), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn load(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<impl IntoResponse> {
    if !preset::ids().any(|known| known == id) {
        return Err(ApiError::nao_encontrado());
    }
    let mut tx = app.db.tenant(access.tenant).await?;
    let loaded = reference::load_preset(&mut tx, access.tenant, &id).await?;
    tx.commit().await?;
    Ok(Json(PresetCarregado { tipos: loaded.tipos, itens: loaded.items }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tipo_is_read_whole_or_not_at_all() {
        let preset = preset::carregar("P001").unwrap();
        let good = serde_json::to_value(&preset.tipos[0]).unwrap();
        let tipo = read(good.clone(), 7).unwrap();
        assert_eq!(tipo.versao, 7);

        let misspelt = |edit: &dyn Fn(&mut Value)| {
            let mut body = good.clone();
            edit(&mut body);
            read(body, 1).unwrap_err()
        };
        let error = misspelt(&|body| body["exige_lauda"] = json!(true));
        assert_eq!(error.codigo, "tipo_invalido");
        assert!(error.mensagem.contains("exige_lauda"), "{error}");
        let error = misspelt(&|body| body["fluxo"]["situacoes"][0]["cor"] = json!("azul"));
        assert!(error.mensagem.contains("cor"), "{error}");
        let error = misspelt(&|body| body["fluxo"]["transicoes"][0]["para"] = json!("nenhures"));
        assert!(error.mensagem.contains("nenhures"), "{error}");
        assert_eq!(misspelt(&|body| *body = json!([])).codigo, "tipo_invalido");
        assert_eq!(misspelt(&|body| body["kind"] = json!("carro")).codigo, "tipo_invalido");
    }
}
