//! Sources for reports: flat rows, a page at a time, of what the person may see. For a tool that
//! takes the whole of it, or what changed lately, by `atualizado_de`. What keeps a copy goes by
//! [`mudancas`], which misses nothing.

use super::{consulta, filtro, fonte::Filtro, lido, mudancas};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    reading::sources::{self, Fonte, SourceRow, Wanted},
    visibility::Viewer,
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

/// Uma fonte, descrita.
#[derive(Debug, Serialize, ToSchema)]
pub struct FonteDescrita {
    /// O código.
    codigo: &'static str,
    /// O que tem.
    descricao: &'static str,
    /// O endereço.
    endereco: String,
}

/// A row: its columns by name, which differ from source to source.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct LinhaDaFonte {
    colunas: Value,
    #[serde(skip)]
    chave: (Uuid, String),
}

impl PartialSchema for LinhaDaFonte {
    fn schema() -> RefOr<Schema> {
        let linha = ObjectBuilder::new().schema_type(Type::Object);
        linha.description(Some("Uma linha: as colunas, pelo nome.")).into()
    }
}

impl ToSchema for LinhaDaFonte {}

/// Where a page ended: the source, the record, the place in it.
type Chave = (Fonte, Uuid, String);

/// Lista as fontes de relatórios.
#[utoipa::path(get, path = "/v1/fontes", tag = "Fontes",
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Vec<FonteDescrita>), crate::http::problems::Problemas))]
pub async fn listar(_acesso: Acesso<LerRegistros>) -> Json<Vec<FonteDescrita>> {
    let descrita = |fonte: Fonte| FonteDescrita {
        codigo: fonte.codigo(),
        descricao: fonte.descricao(),
        endereco: format!("/v1/fontes/{}", fonte.codigo()),
    };
    Json(Fonte::TODAS.into_iter().map(descrita).collect())
}

/// Lê as linhas de uma fonte.
#[utoipa::path(get, path = "/v1/fontes/{fonte}", tag = "Fontes",
    params(("fonte" = Fonte, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDaFonte>), crate::http::problems::Problemas))]
pub async fn ler(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath(fonte): ApiPath<Fonte>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    if fonte == Fonte::Mudancas {
        if filtro.atualizado_de.is_some() {
            let mensagem = "A fonte mudancas vai por depois_de, e não por atualizado_de.";
            return Err(ApiError::invalido(mensagem));
        }
        return Ok(mudancas::ler(&app, &acesso, &filtro).await?.linked(&uri));
    }
    if filtro.depois_de.is_some() {
        return Err(ApiError::invalido("O parâmetro depois_de é só da fonte mudancas."));
    }
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.as_ref().is_some_and(|(de, ..)| *de != fonte) {
        return Err(page::bad_cursor());
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let fuso = lido::fuso(&mut tx).await?;
    let desde = filtro.atualizado_de.as_deref();
    let desde =
        desde.map(|texto| filtro::momento("atualizado_de", texto, fuso, false)).transpose()?;
    let wanted = Wanted { kind: filtro.kind, since: desde };
    let after = folha.depois.as_ref().map(|(_, id, lugar)| (*id, lugar.clone()));
    let viewer = (Viewer::of(&acesso.pessoa), fuso);
    let rows = sources::page(&mut tx, viewer, fonte, wanted, after.as_ref(), folha.rows()).await;
    let rows = rows.map_err(consulta::cursor_estranho)?;
    let linhas = rows.into_iter().map(LinhaDaFonte::from).collect();
    let pagina = folha.close(linhas, |ultima| (fonte, ultima.chave.0, ultima.chave.1.clone()));
    Ok(pagina.linked(&uri))
}

impl From<SourceRow> for LinhaDaFonte {
    fn from(row: SourceRow) -> Self {
        Self { colunas: row.colunas, chave: (row.chave_id, row.chave_lugar) }
    }
}
