//! Ações: what records ask of the company's ERP, and the answers (R21, R72–R75, R100).

use super::{
    change::{self, Change, Criado},
    consulta,
    enderecos::{self, Registros},
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, EscreverRegistros, LerRegistros, ResponderAcoes},
    },
    office,
    outbox::delivery::{self, EntregaDaAcao},
    reading::{
        actions::{self, Action, Wanted},
        json::PersonRef,
        record,
    },
    schemas,
    visibility::Viewer,
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    http::HeaderMap,
    response::Response,
};
use campo_domain::{
    command::Command,
    ids::{AcaoId, DocumentId, TenantId},
    pessoa::Permissao,
    refusal::{Codigo, Refusal},
    registro::SituacaoAcao,
    texto::linhas,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgTransaction;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// O que se pede ao ERP.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaAcao {
    /// O identificador, se quem pede o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O código de uma das ações do tipo.
    codigo: String,
    /// O que acrescentar.
    observacao: Option<String>,
}

/// Uma ação e o registro de que é.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acao {
    /// O identificador.
    id: Uuid,
    /// O registro.
    registro: RegistroDaAcao,
    /// O código.
    codigo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// Quem pediu.
    pedida_por: PersonRef,
    /// Quando, pelo relógio do servidor.
    pedida_em: DateTime<Utc>,
    /// O que a pessoa acrescentou.
    observacao: Option<String>,
    /// Em que ponto está.
    #[schema(value_type = schemas::SituacaoDaAcao)]
    situacao: String,
    /// O número do que o ERP fez.
    externo: Option<String>,
    /// O que o ERP disse.
    retorno: Option<String>,
    /// Quando chegou a esta situação.
    atualizada_em: DateTime<Utc>,
    /// Até onde chegou o pedido a caminho do ERP.
    entrega: Option<EntregaDaAcao>,
}

/// O registro de uma ação.
#[derive(Debug, Serialize, ToSchema)]
struct RegistroDaAcao {
    /// O identificador.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = schemas::Kind)]
    kind: String,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
}

/// Which actions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só as que estão neste ponto.
    #[param(value_type = Option<schemas::SituacaoDaAcao>)]
    situacao: Option<SituacaoAcao>,
    /// O código da ação.
    codigo: Option<String>,
    /// O id do registro.
    #[param(value_type = Option<Uuid>)]
    registro: Option<Uuid>,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Pede uma ação ao ERP. O mesmo pedido outra vez, com o `id` de antes, não pede outra.
#[utoipa::path(post, path = "/v1/{kind}/{id}/acoes", tag = "Acoes",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaAcao,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn solicitar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nova): ApiJson<NovaAcao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let change = Change::begin(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let acao: AcaoId = enderecos::id_or_new(nova.id);
    let mut pedidas = change.read.record.acoes.iter();
    if pedidas.any(|pedida| pedida.id == acao && pedida.codigo == nova.codigo) {
        return change.create(acao.uuid(), Vec::new()).await;
    }
    let comando =
        Command::SolicitarAcao { acao, codigo: nova.codigo, observacao: said(nova.observacao) };
    let comandos = vec![comando];
    check_ids(&app, acesso.tenant, &comandos).await?;
    change.create(acao.uuid(), comandos).await
}

/// What somebody said, trimmed; nothing where it says nothing.
fn said(texto: Option<String>) -> Option<String> {
    let texto = linhas(texto?.trim());
    (!texto.is_empty()).then_some(texto)
}

/// Checks that no action asked for has the id of another one, of whatever record: by it alone the
/// ERP answers.
///
/// # Errors
/// 409 `id_em_uso`.
pub async fn check_ids(app: &App, tenant: TenantId, comandos: &[Command]) -> ApiResult<()> {
    let pedidas = comandos.iter().filter_map(|comando| match comando {
        Command::SolicitarAcao { acao, .. } => Some(acao.uuid()),
        _ => None,
    });
    let pedidas: Vec<Uuid> = pedidas.collect();
    if pedidas.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let em_uso = actions::taken(&mut tx, tenant, pedidas).await?;
    if em_uso { Err(Refusal::new(Codigo::IdEmUso).into()) } else { Ok(()) }
}

/// Lista as ações dos registros que a pessoa pode ver, das mais novas às mais antigas.
#[utoipa::path(get, path = "/v1/acoes", tag = "Acoes", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<Acao>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let Filtro { situacao, codigo, registro, .. } = filtro;
    let wanted = Wanted { state: situacao, code: codigo, document: registro };
    let viewer = Viewer::of(&acesso.pessoa);
    let lidas = actions::page(&mut tx, viewer, wanted, folha.depois, folha.rows()).await;
    let lidas = lidas.map_err(consulta::cursor_estranho)?;
    let acoes = com_entregas(&mut tx, acesso.tenant, lidas).await?;
    Ok(folha.close(acoes, |ultima| (ultima.pedida_em, ultima.id)).linked(&uri))
}

/// Lê uma ação.
#[utoipa::path(get, path = "/v1/acoes/{id}", tag = "Acoes", params(("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Acao), crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Json<Acao>> {
    Ok(Json(uma(&app, acesso.tenant, Some(Viewer::of(&acesso.pessoa)), id).await?))
}

/// One action, of a record that the viewer sees; of any record where nobody in particular looks.
async fn uma(app: &App, tenant: TenantId, viewer: Option<Viewer>, id: Uuid) -> ApiResult<Acao> {
    let mut tx = app.db.snapshot(tenant).await?;
    let lida = actions::one(&mut tx, viewer, id).await?;
    let lidas = lida.into_iter().collect();
    com_entregas(&mut tx, tenant, lidas).await?.pop().ok_or_else(ApiError::nao_encontrado)
}

/// The actions, each with how far its request to the ERP got.
async fn com_entregas(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    lidas: Vec<Action>,
) -> ApiResult<Vec<Acao>> {
    let ids: Vec<Uuid> = lidas.iter().map(|lida| lida.id).collect();
    let mut entregas = delivery::of_actions(tx, tenant, &ids).await?;
    Ok(lidas.into_iter().map(|lida| Acao::new(entregas.remove(&lida.id), lida)).collect())
}

impl Acao {
    fn new(entrega: Option<EntregaDaAcao>, lida: Action) -> Self {
        Self {
            id: lida.id,
            registro: RegistroDaAcao {
                id: lida.document,
                kind: lida.kind,
                rotulo: record::label(lida.document, lida.numero.as_deref()),
            },
            rotulo: lida.rotulo.unwrap_or_else(|| lida.codigo.clone()),
            codigo: lida.codigo,
            pedida_por: PersonRef::new(lida.pedida_por, lida.pedida_por_nome),
            pedida_em: lida.pedida_em,
            observacao: lida.observacao,
            situacao: lida.situacao,
            externo: lida.externo,
            retorno: lida.retorno,
            atualizada_em: lida.atualizada_em,
            entrega,
        }
    }
}

/// A resposta do ERP.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resposta {
    /// `concluida` ou `recusada`.
    #[schema(value_type = schemas::SituacaoDaAcao)]
    situacao: SituacaoAcao,
    /// O número do que o ERP fez.
    externo: Option<String>,
    /// O que o ERP diz.
    retorno: Option<String>,
}

/// Responde uma ação. A mesma resposta outra vez não muda nada; o que ela não disse ainda pode ser
/// dito; outra é recusada. Uma chave com `acoes:responder` responde qualquer ação, também de um
/// registro que não vê.
#[utoipa::path(post, path = "/v1/acoes/{id}/resposta", tag = "Acoes", params(("id" = Uuid, Path)),
    request_body = Resposta,
    security(("token" = ["acoes:responder"])),
    responses((status = 200, body = Acao), crate::http::problems::Problemas))]
pub async fn responder(
    State(app): State<App>,
    acesso: Acesso<ResponderAcoes>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(resposta): ApiJson<Resposta>,
) -> ApiResult<Json<Acao>> {
    // An API key with this scope may answer any action, even on restricted records: the ERP was
    // told of each. A person needs the permission, and must see the record.
    let viewer = match acesso.chave {
        Some(_) => None,
        None => {
            acesso.exige(Permissao::Gerenciar)?;
            Some(Viewer::of(&acesso.pessoa))
        }
    };
    let Resposta { situacao, externo, retorno } = resposta;
    if situacao == SituacaoAcao::Solicitada {
        return Err(ApiError::invalido("A resposta é “concluida” ou “recusada”."));
    }
    let (externo, retorno) = (said(externo), said(retorno));
    let antes = uma(&app, acesso.tenant, viewer, id).await?;
    let mesma =
        antes.situacao == situacao.codigo() && antes.externo == externo && antes.retorno == retorno;
    if mesma {
        return Ok(Json(antes));
    }
    let comando = Command::ResponderAcao { acao: id.into(), situacao, externo, retorno };
    let comandos = vec![(DocumentId::from(antes.registro.id), comando)];
    let done = office::run_all(&app, acesso.tenant, &acesso.pessoa, comandos, None).await;
    change::judged(done)?;
    Ok(Json(uma(&app, acesso.tenant, viewer, id).await?))
}
