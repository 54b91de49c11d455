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
    reading::{self, json::PersonRef, lists, record},
    schemas,
    visibility::{Viewer, visible},
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
    valor::linhas,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgTransaction, Postgres, QueryBuilder, Row, postgres::PgRow};
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
pub struct RegistroDaAcao {
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
    let em_uso: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM acoes WHERE tenant = $1 AND id = ANY ($2))")
            .bind(tenant.uuid())
            .bind(pedidas)
            .fetch_one(&mut *tx)
            .await?;
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
    let mut sql = consulta(&mut tx, Some(Viewer::of(&acesso.pessoa))).await?;
    if let Some(situacao) = filtro.situacao {
        sql.push(" AND a.situacao = ").push_bind(situacao.codigo());
    }
    if let Some(codigo) = filtro.codigo {
        sql.push(" AND a.codigo = ").push_bind(codigo);
    }
    if let Some(registro) = filtro.registro {
        sql.push(" AND a.document = ").push_bind(registro);
    }
    if let Some((quando, id)) = folha.depois {
        sql.push(" AND (a.pedida_em, a.id) < (").push_bind(quando).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY a.pedida_em DESC, a.id DESC LIMIT ").push_bind(folha.rows());
    let rows = sql.build().fetch_all(&mut *tx).await.map_err(consulta::cursor_estranho)?;
    let acoes = ler(&mut tx, acesso.tenant, &rows).await?;
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
    let mut sql = consulta(&mut tx, viewer).await?;
    sql.push(" AND a.id = ").push_bind(id).push(" ORDER BY a.pedida_em, a.document LIMIT 1");
    let rows = sql.build().fetch_all(&mut *tx).await?;
    ler(&mut tx, tenant, &rows).await?.pop().ok_or_else(ApiError::nao_encontrado)
}

async fn consulta(
    tx: &mut PgTransaction<'_>,
    viewer: Option<Viewer>,
) -> ApiResult<QueryBuilder<Postgres>> {
    let zone = reading::zone(tx).await?;
    let mut sql = lists::begin(viewer.unwrap_or(Viewer { id: None, all: false }), zone)?;
    sql.push(
        "SELECT a.*, d.kind, coalesce(ac.numero, oc.numero) AS numero, u.nome AS pedida_por_nome, \
             (SELECT x->>'rotulo' FROM referencia r, jsonb_array_elements(r.data->'acoes') x \
              WHERE r.tenant = a.tenant AND r.collection = 'tipo' AND x->>'codigo' = a.codigo \
                  AND r.key = coalesce(ac.tipo, oc.tipo, ag.tipo) || '@' \
                      || coalesce(ac.tipo_versao, oc.tipo_versao, ag.tipo_versao) LIMIT 1 \
             ) AS rotulo \
         FROM acoes a JOIN document d ON d.tenant = a.tenant AND d.id = a.document \
         LEFT JOIN assistencias ac ON ac.tenant = a.tenant AND ac.id = a.document \
         LEFT JOIN ocorrencias oc ON oc.tenant = a.tenant AND oc.id = a.document \
         LEFT JOIN agendas ag ON ag.tenant = a.tenant AND ag.id = a.document \
         LEFT JOIN usuario u ON u.tenant = a.tenant AND u.id = a.pedida_por WHERE ",
    );
    sql.push(if viewer.is_some() { visible!("d", with kind) } else { "true" });
    Ok(sql)
}

async fn ler(tx: &mut PgTransaction<'_>, tenant: TenantId, rows: &[PgRow]) -> ApiResult<Vec<Acao>> {
    let mut acoes = rows.iter().map(acao).collect::<sqlx::Result<Vec<_>>>()?;
    let ids: Vec<Uuid> = acoes.iter().map(|acao| acao.id).collect();
    let mut entregas = delivery::of_actions(tx, tenant, &ids).await?;
    acoes.iter_mut().for_each(|acao| acao.entrega = entregas.remove(&acao.id));
    Ok(acoes)
}

fn acao(row: &PgRow) -> sqlx::Result<Acao> {
    let (codigo, document): (String, Uuid) = (row.try_get("codigo")?, row.try_get("document")?);
    let numero: Option<String> = row.try_get("numero")?;
    Ok(Acao {
        id: row.try_get("id")?,
        registro: RegistroDaAcao {
            id: document,
            kind: row.try_get("kind")?,
            rotulo: record::label(document, numero.as_deref()),
        },
        rotulo: row.try_get::<Option<String>, _>("rotulo")?.unwrap_or_else(|| codigo.clone()),
        codigo,
        pedida_por: PersonRef::new(row.try_get("pedida_por")?, row.try_get("pedida_por_nome")?),
        pedida_em: row.try_get("pedida_em")?,
        observacao: row.try_get("observacao")?,
        situacao: row.try_get("situacao")?,
        externo: row.try_get("externo")?,
        retorno: row.try_get("retorno")?,
        atualizada_em: row.try_get("atualizada_em")?,
        entrega: None,
    })
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
    // An API key with this scope may answer any action, even on restricted records: the ERP was told
    // of each. A person needs the permission, and must see the record.
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
