//! Changing a record: every command, each request all or nothing, through the same gate as a
//! device's.

use super::{
    acoes,
    change::{Criado, Mudanca},
    comando::{self, Comandos},
    enderecos::{self, Registros},
    ficha::Ficha,
    lido::{self, Lido},
    referencias,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::IfMatch,
        extract::{ApiJson, ApiJsonOpcional, ApiPath},
        principal::{Acesso, EscreverRegistros},
    },
    reading::json,
    schemas,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use campo_domain::{
    command::{Command, NovoPedido},
    ids::{AnaliseId, NotaId, PedidoId, UserId},
    refusal::{Codigo, Refusal},
    registro::{Registro, TipoAnalise, Visibilidade},
    valor::{Campo, Valor, linhas},
    workflow,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Campos a alterar.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alteracao {
    /// Os campos, pelo nome; `null` esvazia. Dinheiro e quantidades são textos decimais.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// Altera campos: todos, ou nenhum.
#[utoipa::path(patch, path = "/v1/{kind}/{id}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = Alteracao,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn alterar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(corpo): ApiJson<Alteracao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let valores = json::ler_campos(kind.campos(), &corpo.campos, fuso)?;
    referencias::conferir(&app, &acesso, &mudanca.lido.tipo, &valores).await?;
    let comandos = edicoes(&mudanca.lido.registro, valores);
    mudanca.responder(comandos).await
}

/// One command for each field that changes. A field with a conflict is written even with the value
/// that shows: that settles it.
fn edicoes(registro: &Registro, valores: Vec<(&'static Campo, Valor)>) -> Vec<Command> {
    let mudam = |(campo, valor): &(&Campo, Valor)| {
        let disputado = registro.conflitos.iter().any(|conflito| conflito.campo == campo.nome);
        disputado || registro.valor(campo.nome) != valor
    };
    let comando = |(campo, valor): (&'static Campo, Valor)| {
        let nome = campo.nome.to_owned();
        if !campo.longo() {
            return Command::Editar { campo: nome, valor };
        }
        let texto = |valor: &Valor| valor.texto().unwrap_or_default().to_owned();
        let de = texto(registro.valor(campo.nome));
        Command::EditarTexto { campo: nome, de, para: texto(&valor) }
    };
    valores.into_iter().filter(mudam).map(comando).collect()
}

/// Executa um comando, ou vários em ordem: todos, ou nenhum.
#[utoipa::path(post, path = "/v1/{kind}/{id}/comandos", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch),
    request_body = Comandos,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn comandar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(corpo): ApiJson<Value>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let comandos = comando::ler(corpo, kind, fuso)?;
    referencias::conferir_comandos(&app, &acesso, &mudanca.lido, &comandos).await?;
    acoes::conferir_ids(&app, acesso.tenant, &comandos).await?;
    mudanca.responder(comandos).await
}

/// Um pedido de transição.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PedirTransicao {
    /// O identificador do pedido, se quem pede o escolhe.
    #[schema(value_type = Option<Uuid>)]
    pub pedido: Option<Uuid>,
    /// Por quê, onde a transição pergunta.
    pub motivo: Option<String>,
    /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
    #[serde(default)]
    pub email: bool,
    /// A análise, onde a transição a leva.
    pub analise: Option<AnaliseDoPedido>,
}

/// A análise que vai com um pedido de transição.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnaliseDoPedido {
    /// O identificador, se quem pede o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O texto.
    texto: String,
    /// De um laudo: se a reclamação procede.
    procedente: Option<bool>,
}

/// Pede uma transição.
#[utoipa::path(post, path = "/v1/{kind}/{id}/transicoes/{verbo}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("verbo" = String, Path), IfMatch),
    request_body = Option<PedirTransicao>,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn transicionar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id, verbo)): ApiPath<(Registros, Uuid, String)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJsonOpcional(corpo): ApiJsonOpcional<PedirTransicao>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let comando = pedir(&mudanca.lido, verbo, corpo)?;
    mudanca.responder(vec![comando]).await
}

/// The command that asks for a transition: with the analysis that it brings, or without.
///
/// # Errors
/// 400 where the body has what the transition does not take.
pub fn pedir(lido: &Lido, verbo: String, corpo: PedirTransicao) -> ApiResult<Command> {
    let PedirTransicao { pedido, motivo, email, analise } = corpo;
    let pedido: PedidoId = enderecos::id(pedido);
    let motivo = motivo.map(|motivo| linhas(&motivo));
    let motivo = motivo.filter(|motivo| !motivo.trim().is_empty());
    let traz = lido.tipo.fluxo.transicao(&verbo).and_then(|transicao| transicao.traz);
    let Some(analise) = analise else {
        return Ok(Command::Transicionar { pedido, verbo, motivo, email });
    };
    let Some(tipo) = traz.filter(|_| motivo.is_none()) else {
        let mensagem = format!("“{verbo}” não leva análise, ou leva só a análise, sem motivo.");
        return Err(ApiError::invalido(mensagem));
    };
    // The domain finds the transition by the analysis: it must be the one that was asked for.
    let achada = workflow::verbo_que_traz(&lido.registro, &lido.tipo, tipo)?;
    if achada.verbo != verbo {
        let situacao = lido.registro.situacao(&lido.tipo).map(|situacao| situacao.nome.clone());
        let detalhes = [situacao.unwrap_or_default(), verbo];
        return Err(Refusal::com(Codigo::TransicaoNaoPermitida, detalhes).into());
    }
    Ok(Command::Analisar {
        analise: enderecos::id::<AnaliseId>(analise.id),
        tipo,
        texto: linhas(&analise.texto),
        procedente: analise.procedente,
        pedido: Some(NovoPedido { id: pedido, email }),
        encaminhar: None,
    })
}

/// Uma anotação nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaNota {
    /// O identificador, se quem anota o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O texto.
    texto: String,
    /// `interna` (padrão) ou `cliente`.
    #[serde(default)]
    #[schema(value_type = schemas::Visibilidade)]
    visibilidade: Visibilidade,
    /// A anotação que responde.
    #[schema(value_type = Option<Uuid>)]
    resposta_a: Option<Uuid>,
}

/// Anota no acompanhamento.
#[utoipa::path(post, path = "/v1/{kind}/{id}/notas", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaNota,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn anotar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nota): ApiJson<NovaNota>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let id: NotaId = enderecos::id(nota.id);
    let comando = Command::Anotar {
        id,
        texto: linhas(&nota.texto),
        visibilidade: nota.visibilidade,
        resposta_a: nota.resposta_a.map(NotaId::from),
    };
    mudanca.criar(id.uuid(), vec![comando]).await
}

/// Uma análise nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaAnalise {
    /// O identificador, se quem analisa o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// `parcial`, `laudo`, `solucao` ou `parecer`. Menos a parcial, todas pedem a transição a que
    /// servem.
    #[schema(value_type = schemas::TipoDeAnalise)]
    tipo: TipoAnalise,
    /// O texto.
    texto: String,
    /// De um laudo: se a reclamação procede.
    procedente: Option<bool>,
    /// O identificador do pedido de transição, se quem analisa o escolhe.
    #[schema(value_type = Option<Uuid>)]
    pedido: Option<Uuid>,
    /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
    #[serde(default)]
    email: bool,
    /// De uma parcial: quem passa a ser responsável.
    #[schema(value_type = Option<Uuid>)]
    encaminhar: Option<Uuid>,
}

/// Registra uma análise.
#[utoipa::path(post, path = "/v1/{kind}/{id}/analises", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), IfMatch), request_body = NovaAnalise,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = Criado), crate::http::problems::Problemas))]
pub async fn analisar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
    ApiJson(nova): ApiJson<NovaAnalise>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(&app, &acesso, kind, id.into(), &headers, &if_match).await?;
    let encaminhar = nova.encaminhar.map(UserId::from);
    let analise: AnaliseId = enderecos::id(nova.id);
    let pedido = NovoPedido { id: enderecos::id(nova.pedido), email: nova.email };
    let comando = Command::Analisar {
        analise,
        tipo: nova.tipo,
        texto: linhas(&nova.texto),
        procedente: nova.procedente,
        pedido: (nova.tipo != TipoAnalise::Parcial).then_some(pedido),
        encaminhar,
    };
    mudanca.criar(analise.uuid(), vec![comando]).await
}

/// Inclui um participante.
#[utoipa::path(put, path = "/v1/{kind}/{id}/participantes/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn incluir_participante(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let comando = |usuario| Command::Participar { usuario, participa: true };
    listar_pessoa(&app, &acesso, onde, &headers, &if_match, comando).await
}

/// Remove um participante.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/participantes/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn remover_participante(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let comando = |usuario| Command::Participar { usuario, participa: false };
    listar_pessoa(&app, &acesso, onde, &headers, &if_match, comando).await
}

/// Inclui um interessado, que é avisado da abertura e da conclusão.
#[utoipa::path(put, path = "/v1/{kind}/{id}/interessados/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn incluir_interessado(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let comando = |usuario| Command::Interessar { usuario, interessado: true };
    listar_pessoa(&app, &acesso, onde, &headers, &if_match, comando).await
}

/// Remove um interessado.
#[utoipa::path(delete, path = "/v1/{kind}/{id}/interessados/{usuario}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), ("usuario" = Uuid, Path), IfMatch),
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Ficha), crate::http::problems::Problemas))]
pub async fn remover_interessado(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(onde): ApiPath<(Registros, Uuid, Uuid)>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let comando = |usuario| Command::Interessar { usuario, interessado: false };
    listar_pessoa(&app, &acesso, onde, &headers, &if_match, comando).await
}

/// Somebody joins one of the record's lists, or leaves it; whoever is there already stays so.
async fn listar_pessoa(
    app: &App,
    acesso: &Acesso<EscreverRegistros>,
    (colecao, id, usuario): (Registros, Uuid, Uuid),
    headers: &HeaderMap,
    if_match: &IfMatch,
    comando: impl Fn(UserId) -> Command,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mudanca = Mudanca::nova(app, acesso, kind, id.into(), headers, if_match).await?;
    let usuario = UserId::from(usuario);
    let registro = &mudanca.lido.registro;
    let comando = comando(usuario);
    let (entra, ja) = match &comando {
        Command::Interessar { interessado, .. } => (*interessado, &registro.interessados),
        Command::Participar { participa, .. } => (*participa, &registro.participantes),
        _ => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    if entra == ja.contains(&usuario) {
        return mudanca.responder(Vec::new()).await;
    }
    mudanca.responder(vec![comando]).await
}
