//! The e-mails about a record, to whoever may see it: what was written to the client and to the
//! interessados, and what became of it (R60, R66, R87).

use super::{enderecos::Registros, read};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        extract::{ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    outbox::email::{self, Email},
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Lista os e-mails sobre um registro, do mais novo ao mais antigo.
#[utoipa::path(get, path = "/v1/{kind}/{id}/emails", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<Email>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<Uuid>::new(filtro.limite, filtro.cursor.as_deref())?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let read = read::of_kind(&mut tx, &acesso, colecao.kind(), id.into()).await?;
    let filtro =
        email::EmailFilter { documento: Some(read.record.id), ..email::EmailFilter::default() };
    let rows = email::list(&mut tx, acesso.tenant, &filtro, folha.depois, folha.rows()).await?;
    Ok(folha.close(rows, |last| last.id).linked(&uri))
}
