//! The company of the caller: name and time zone.

use crate::{
    api::catalogos::text,
    app::App,
    auth::company::{self, Company},
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::ApiJson,
        principal::{Acesso, Administra, LerCatalogos},
        problems::{NaoMudou, Problemas},
    },
};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A empresa.
#[derive(Debug, Serialize, ToSchema)]
pub struct Empresa {
    #[schema(value_type = Uuid)]
    id: TenantId,
    /// Com que se entra; não muda.
    slug: String,
    nome: String,
    /// Fuso horário (IANA).
    fuso: String,
    criada_em: DateTime<Utc>,
}

/// O que muda na empresa; o que falta fica como está.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmpresaMudanca {
    /// De 1 a 200 caracteres.
    nome: Option<String>,
    /// Fuso horário (IANA), como `America/Sao_Paulo`.
    fuso: Option<String>,
}

impl From<Company> for Empresa {
    fn from(company: Company) -> Self {
        Self {
            id: company.id.into(),
            slug: company.slug,
            nome: company.nome,
            fuso: company.fuso,
            criada_em: company.criado_em,
        }
    }
}

/// Mostra a empresa.
#[utoipa::path(
    get, path = "/v1/empresa", tag = "Administracao",
    responses((status = 200, body = Empresa), NaoMudou, Problemas),
    security(("token" = ["catalogos:ler"])),
)]
pub async fn show(
    State(app): State<App>,
    access: Acesso<LerCatalogos>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let empresa = Empresa::from(company::read(&mut tx, false).await?);
    Ok(ETag::of_json(&empresa)?.on(&headers, empresa))
}

/// Altera a empresa.
#[utoipa::path(
    patch, path = "/v1/empresa", tag = "Administracao",
    params(("If-Match" = String, Header)),
    request_body = EmpresaMudanca,
    responses((status = 200, body = Empresa), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn change(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiJson(changed): ApiJson<EmpresaMudanca>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let mut empresa = Empresa::from(company::read(&mut tx, true).await?);
    if_match.require(&ETag::of_json(&empresa)?)?;
    if let Some(nome) = changed.nome {
        empresa.nome = text("nome", &nome)?;
    }
    if let Some(fuso) = changed.fuso {
        if fuso.parse::<chrono_tz::Tz>().is_err() {
            let message = "O fuso não é conhecido. Exemplo: America/Sao_Paulo.";
            return Err(ApiError::recusado("fuso_desconhecido", message));
        }
        empresa.fuso = fuso;
    }
    company::write(&mut tx, &empresa.nome, &empresa.fuso).await?;
    tx.commit().await?;
    Ok(([ETag::of_json(&empresa)?.header()], Json(empresa)).into_response())
}
