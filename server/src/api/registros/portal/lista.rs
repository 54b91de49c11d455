//! A client's own cases, newest first.

use crate::{
    api::registros::{consulta::cursor_estranho, lido::empresa},
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiQuery,
        page::{Folha, Pagina},
        principal::{LerRegistros, Portal},
    },
    reading::{
        json::Situacao,
        portal::{self, ClientCase, Wanted},
        record,
    },
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    fluxo::{Fase, Situacao as Estagio},
    tipo::{TipoRef, Tipos},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Uma ocorrência, como o cliente a vê na lista.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinhaDoPortal {
    /// O identificador.
    pub(super) id: Uuid,
    /// O código da ocorrência; antes dele, um rótulo provisório.
    pub(super) rotulo: String,
    /// O código, depois que o servidor o atribui.
    pub(super) numero: Option<String>,
    /// O código do tipo.
    pub(super) tipo: String,
    /// O nome do tipo.
    pub(super) tipo_nome: String,
    /// O começo do texto principal.
    pub(super) titulo: String,
    /// O estágio.
    pub(super) situacao: Option<Situacao>,
    /// Se espera uma resposta do cliente.
    pub(super) espera_resposta: bool,
    /// Quando foi aberta.
    pub(super) criado_em: DateTime<Utc>,
}

/// Which cases.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só as que ainda estão abertas, ou só as que não estão.
    aberta: Option<bool>,
    /// Parte do título, ou o código.
    q: Option<String>,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Lista as ocorrências do cliente, das mais novas às mais antigas.
#[utoipa::path(get, path = "/v1/portal/ocorrencias", tag = "Portal", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDoPortal>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let (_, tipos) = empresa(&app, acesso.tenant).await?;
    if filtro.q.as_ref().is_some_and(|q| q.chars().count() > 200) {
        return Err(ApiError::invalido("A busca aceita até 200 caracteres."));
    }
    let (client, open, text) = (acesso.cliente.uuid(), filtro.aberta, filtro.q.as_deref());
    let wanted = Wanted { client, open, text };
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let rows = portal::page(&mut tx, &tipos, &wanted, folha.depois, folha.rows()).await;
    let rows = rows.map_err(cursor_estranho)?.into_iter();
    let linhas = rows.filter_map(|row| linha(row, &tipos)).collect();
    Ok(folha.close(linhas, |ultima| (ultima.criado_em, ultima.id)).linked(&uri))
}

/// A row as the client reads it; nothing where its tipo is not known.
fn linha(row: ClientCase, tipos: &Tipos) -> Option<LinhaDoPortal> {
    let referencia = TipoRef { codigo: row.tipo, versao: row.tipo_versao.unsigned_abs() };
    let tipo = tipos.obter(&referencia).ok()?;
    let do_cliente = row.situacao_cliente.and_then(|codigo| tipo.fluxo.situacao(&codigo));
    let lido = tipo.le_no_portal(&row.campo_do_titulo, tipo.situacao(Some(&row.situacao)));
    Some(LinhaDoPortal {
        id: row.id,
        rotulo: record::label(row.id, row.numero.as_deref()),
        numero: row.numero,
        tipo: tipo.codigo.clone(),
        tipo_nome: tipo.nome.clone(),
        titulo: if lido { row.titulo } else { String::new() },
        situacao: do_cliente.map(Situacao::from),
        espera_resposta: espera(do_cliente),
        criado_em: row.criado_em,
    })
}

/// Whether an answer of the client is waited for.
pub(super) fn espera(situacao: Option<&Estagio>) -> bool {
    situacao.is_some_and(|situacao| situacao.fase == Fase::EsperaCliente)
}
