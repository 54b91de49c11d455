//! Ações corretivas (R76, R77): they group concluded records of one tipo, in a rascunho, before
//! they are carried out.
//!
//! The row is the server's own; that a record belongs to it is the record's own word, written
//! through the gate like everything else of a record.

use super::consulta;
use crate::{
    app::App,
    commit::corretiva::{self, Step},
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, EscreverRegistros, LerRegistros, Principal},
    },
    office::corretivas::{self, Abertura},
    reading::{self, corretivas::Linked, json::PersonRef, record},
    visibility::Viewer,
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::pessoa::Permissao;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgTransaction;
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Em que ponto está uma ação corretiva.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SituacaoCorretiva {
    /// Em preparação: registros podem ser vinculados.
    Rascunho,
    /// Em execução: nenhum outro registro pode ser vinculado.
    EmExecucao,
    /// Encerrada.
    Encerrada,
}

impl SituacaoCorretiva {
    const fn codigo(self) -> &'static str {
        match self {
            SituacaoCorretiva::Rascunho => "rascunho",
            SituacaoCorretiva::EmExecucao => "em_execucao",
            SituacaoCorretiva::Encerrada => "encerrada",
        }
    }
}

/// Uma ação corretiva.
#[derive(Debug, Serialize, ToSchema)]
pub struct Corretiva {
    /// O identificador.
    id: Uuid,
    /// O número.
    numero: String,
    /// O título.
    titulo: String,
    /// A descrição.
    descricao: Option<String>,
    /// O código do tipo dos registros que reúne.
    tipo: String,
    /// Em que ponto está.
    #[schema(value_type = SituacaoCorretiva)]
    situacao: String,
    /// Quem abriu.
    criada_por: PersonRef,
    /// Quando.
    criada_em: DateTime<Utc>,
    /// Quando a execução começou.
    iniciada_em: Option<DateTime<Utc>>,
    /// Quando foi encerrada.
    encerrada_em: Option<DateTime<Utc>>,
    /// Os registros vinculados que a pessoa pode ver; ausentes na lista.
    #[serde(skip_serializing_if = "Option::is_none")]
    registros: Option<Vec<RegistroVinculado>>,
}

/// Um registro vinculado.
#[derive(Debug, Serialize, ToSchema)]
struct RegistroVinculado {
    /// O identificador.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = crate::schemas::Kind)]
    kind: String,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
    /// O começo do texto principal.
    titulo: String,
    /// O nome da situação.
    situacao: String,
    /// Quem vinculou.
    vinculada_por: PersonRef,
    /// Quando.
    vinculada_em: DateTime<Utc>,
}

/// Which ones.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// `rascunho`, `em_execucao` ou `encerrada`.
    situacao: Option<SituacaoCorretiva>,
    /// O código do tipo dos registros.
    tipo: Option<String>,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Uma ação corretiva nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaCorretiva {
    /// O título.
    titulo: String,
    /// A descrição.
    descricao: Option<String>,
    /// O código do tipo dos registros; dispensável onde já há registros.
    tipo: Option<String>,
    /// Os registros a vincular: todos, ou nada é feito.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    registros: BTreeSet<Uuid>,
}

/// O que muda numa ação corretiva.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MudancaDeCorretiva {
    /// O título.
    titulo: Option<String>,
    /// A descrição; vazia, apaga.
    descricao: Option<String>,
}

/// Registros a vincular.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vincular {
    /// Todos, ou nada é feito.
    #[schema(value_type = Vec<Uuid>)]
    registros: BTreeSet<Uuid>,
}

impl From<reading::corretivas::Corretiva> for Corretiva {
    fn from(lida: reading::corretivas::Corretiva) -> Self {
        Self {
            id: lida.id,
            numero: lida.numero,
            titulo: lida.titulo,
            descricao: lida.descricao,
            tipo: lida.tipo,
            situacao: lida.situacao,
            criada_por: PersonRef::new(lida.criada_por, lida.criada_por_nome),
            criada_em: lida.criada_em,
            iniciada_em: lida.iniciada_em,
            encerrada_em: lida.encerrada_em,
            registros: None,
        }
    }
}

impl From<Linked> for RegistroVinculado {
    fn from(lido: Linked) -> Self {
        Self {
            id: lido.document,
            kind: lido.kind,
            rotulo: record::label(lido.document, lido.numero.as_deref()),
            titulo: lido.titulo,
            situacao: lido.situacao,
            vinculada_por: PersonRef::new(lido.vinculada_por, lido.nome),
            vinculada_em: lido.vinculada_em,
        }
    }
}

/// Lista as ações corretivas, das mais novas às mais antigas.
#[utoipa::path(get, path = "/v1/acoes-corretivas", tag = "Acoes corretivas", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<Corretiva>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let situacao = filtro.situacao.map(SituacaoCorretiva::codigo);
    let lidas =
        reading::corretivas::page(&mut tx, situacao, filtro.tipo, folha.depois, folha.rows()).await;
    let lidas = lidas.map_err(consulta::cursor_estranho)?;
    let todas = lidas.into_iter().map(Corretiva::from).collect();
    Ok(folha.close(todas, |ultima| (ultima.criada_em, ultima.id)).linked(&uri))
}

/// Lê uma ação corretiva, com os registros que reúne.
#[utoipa::path(get, path = "/v1/acoes-corretivas/{id}", tag = "Acoes corretivas",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Corretiva), crate::http::problems::NaoMudou,
        crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let lida = uma(&mut tx, &acesso, id).await?;
    Ok(ETag::of_json(&lida)?.on(&headers, lida))
}

async fn uma(tx: &mut PgTransaction<'_>, quem: &Principal, id: Uuid) -> ApiResult<Corretiva> {
    let mut lida = Corretiva::from(reading::corretivas::one(tx, id).await?);
    let vinculados = reading::corretivas::linked(tx, Viewer::of(&quem.pessoa), id).await?;
    lida.registros = Some(vinculados.into_iter().map(RegistroVinculado::from).collect());
    Ok(lida)
}

/// Abre uma ação corretiva em rascunho e vincula a ela os registros.
#[utoipa::path(post, path = "/v1/acoes-corretivas", tag = "Acoes corretivas",
    request_body = NovaCorretiva,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Corretiva), crate::http::problems::Problemas))]
pub async fn criar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiJson(nova): ApiJson<NovaCorretiva>,
) -> ApiResult<Response> {
    let NovaCorretiva { titulo, descricao, tipo, registros } = nova;
    let nova = Abertura { titulo, descricao, tipo, registros };
    let id = corretivas::abrir(&app, acesso.tenant, &acesso.pessoa, nova).await?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let lida = uma(&mut tx, &acesso, id).await?;
    let etag = ETag::of_json(&lida)?;
    let endereco = [(header::LOCATION, format!("/v1/acoes-corretivas/{id}"))];
    Ok((StatusCode::CREATED, [etag.header()], endereco, Json(lida)).into_response())
}

/// Vincula registros concluídos do mesmo tipo a uma ação corretiva em rascunho.
#[utoipa::path(post, path = "/v1/acoes-corretivas/{id}/registros", tag = "Acoes corretivas",
    params(("id" = Uuid, Path)), request_body = Vincular,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Corretiva, headers(("ETag" = String))),
        crate::http::problems::Problemas))]
pub async fn vincular(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(corpo): ApiJson<Vincular>,
) -> ApiResult<Response> {
    let (tenant, pessoa) = (acesso.tenant, &acesso.pessoa);
    corretivas::vincular(&app, tenant, pessoa, id, &corpo.registros).await?;
    responder(&app, &acesso, id).await
}

async fn responder(app: &App, quem: &Principal, id: Uuid) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let lida = uma(&mut tx, quem, id).await?;
    let etag = ETag::of_json(&lida)?;
    Ok(([etag.header()], Json(lida)).into_response())
}

/// Altera o título e a descrição de uma ação corretiva que não foi encerrada.
#[utoipa::path(patch, path = "/v1/acoes-corretivas/{id}", tag = "Acoes corretivas",
    params(("id" = Uuid, Path), IfMatch), request_body = MudancaDeCorretiva,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Corretiva), crate::http::problems::Problemas))]
pub async fn alterar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    if_match: IfMatch,
    ApiJson(mudanca): ApiJson<MudancaDeCorretiva>,
) -> ApiResult<Response> {
    acesso.exige(Permissao::Gerenciar)?;
    let titulo = mudanca.titulo.as_deref().map(corretivas::titulo).transpose()?;
    let muda_descricao = mudanca.descricao.is_some();
    let descricao = corretivas::descricao(mudanca.descricao)?;
    let mut tx = app.db.tenant(acesso.tenant).await?;
    let situacao = corretiva::lock(&mut tx, id).await?;
    if_match.check(&ETag::of_json(&uma(&mut tx, &acesso, id).await?)?)?;
    if situacao == SituacaoCorretiva::Encerrada.codigo() {
        return Err(fora_de_hora());
    }
    let descricao = muda_descricao.then_some(descricao);
    corretiva::rewrite(&mut tx, id, titulo, descricao).await?;
    tx.commit().await?;
    responder(&app, &acesso, id).await
}

fn fora_de_hora() -> ApiError {
    let mensagem = "A ação corretiva não está na situação que isto pede. Leia de novo.";
    ApiError::new(StatusCode::CONFLICT, "corretiva_fora_de_hora", mensagem)
}

/// Começa a executar uma ação corretiva em rascunho.
#[utoipa::path(post, path = "/v1/acoes-corretivas/{id}/iniciar", tag = "Acoes corretivas",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Corretiva, headers(("ETag" = String))),
        crate::http::problems::Problemas))]
pub async fn iniciar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Response> {
    avancar(&app, &acesso, id, Step::Start).await
}

/// Encerra uma ação corretiva em execução.
#[utoipa::path(post, path = "/v1/acoes-corretivas/{id}/encerrar", tag = "Acoes corretivas",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Corretiva, headers(("ETag" = String))),
        crate::http::problems::Problemas))]
pub async fn encerrar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<Response> {
    avancar(&app, &acesso, id, Step::Finish).await
}

/// Takes the step; where that was done before, nothing is left to do.
async fn avancar(app: &App, quem: &Principal, id: Uuid, step: Step) -> ApiResult<Response> {
    quem.exige(Permissao::Gerenciar)?;
    let para = match step {
        Step::Start => SituacaoCorretiva::EmExecucao,
        Step::Finish => SituacaoCorretiva::Encerrada,
    };
    let mut tx = app.db.tenant(quem.tenant).await?;
    let situacao = corretiva::lock(&mut tx, id).await?;
    if situacao != para.codigo() && !corretiva::advance(&mut tx, id, step).await? {
        return Err(fora_de_hora());
    }
    tx.commit().await?;
    responder(app, quem, id).await
}
