//! The client's portal (R23–R26, R52): a client's login lists, opens and follows its own cases.
//! What is the company's own stays hidden: internal stages, notes, fields and who does what.

pub mod formulario;
pub mod lista;
pub mod vista;

use super::{
    change, criar, enderecos, lido,
    read::{self, RecordRead},
    referencias,
    transicoes::{self, PedirTransicao},
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::ETag,
        extract::{ApiJson, ApiJsonOpcional, ApiPath},
        principal::{EscreverRegistros, LerRegistros, Portal, Principal},
    },
    office,
    reading::json,
    schemas,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId, NotaId},
    kind::Kind,
    parte::Colecao,
    registro::Visibilidade,
    texto,
    tipo::Tipo,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::PgTransaction;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;
use vista::{OcorrenciaDoPortal, shape};

/// Uma ocorrência nova do cliente.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovaDoPortal {
    /// O identificador, se quem abre o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O código do tipo; dispensável onde só há um.
    tipo: Option<String>,
    /// Os campos, pelo nome.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// O que o cliente escreve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escrever {
    /// O identificador, se quem escreve o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O texto.
    texto: String,
    /// A interação que responde.
    #[schema(value_type = Option<Uuid>)]
    resposta_a: Option<Uuid>,
}

/// Um arquivo que o cliente vai enviar. Os bytes vão depois, a `/v1/arquivos`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnexarNoPortal {
    /// O identificador, se quem anexa o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// O nome do arquivo.
    nome: String,
    /// `documento` se nada for dito.
    #[serde(default = "documento")]
    #[schema(value_type = schemas::CategoriaDeAnexo)]
    categoria: String,
    /// O que ele mostra.
    legenda: Option<String>,
    /// O tipo do conteúdo, como `image/jpeg`.
    mime: String,
    /// O tamanho, em bytes.
    tamanho: u64,
    /// O SHA-256 dos bytes, em hexadecimal.
    sha256: String,
}

fn documento() -> String {
    "documento".to_owned()
}

/// Abre uma ocorrência.
#[utoipa::path(post, path = "/v1/portal/ocorrencias", tag = "Portal", request_body = NovaDoPortal,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = OcorrenciaDoPortal), crate::http::problems::Problemas))]
pub async fn criar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiJson(nova): ApiJson<NovaDoPortal>,
) -> ApiResult<Response> {
    let (fuso, tipos) = lido::empresa(&app, acesso.tenant).await?;
    let oferecidos = formulario::offered(&app, acesso.tenant).await?;
    let tipo = match (&nova.tipo, &oferecidos[..]) {
        // One that was withdrawn is refused as such when the case is written.
        (Some(codigo), _) => {
            let mut todos = tipos.do_kind(Kind::Ocorrencia);
            todos.find(|tipo| tipo.visivel_no_portal && tipo.codigo == *codigo)
        }
        (None, [unico]) => Some(unico),
        (None, _) => None,
    };
    let tipo: &Arc<Tipo> = tipo.ok_or_else(|| {
        let codigos: Vec<&str> = oferecidos.iter().map(|tipo| tipo.codigo.as_str()).collect();
        ApiError::invalido("Diga o tipo da ocorrência, um dos que há.").with("tipos", codigos)
    })?;
    let valores = json::ler_campos(tipo.kind.campos(), &nova.campos, fuso)?;
    office::client_may_fill(&acesso.pessoa, tipo, &valores)?;
    referencias::check(&app, &acesso, tipo, &valores).await?;
    let mut campos = criar::fill(&app, &acesso, tipo, &valores).await?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    office::client_channel(&mut tx, tipo, &mut campos).await?;
    tx.rollback().await?;
    let id: DocumentId = enderecos::id_or_new(nova.id);
    let comandos = vec![(id, criar::creation(id, tipo, campos, Vec::new()))];
    criar::write(&app, &acesso, comandos).await?;
    let address = [(header::LOCATION, format!("/v1/portal/ocorrencias/{id}"))];
    Ok((address, respond(&app, &acesso, id, StatusCode::CREATED).await?).into_response())
}

/// The case, if it is one that the client may see.
async fn case(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    id: DocumentId,
) -> ApiResult<RecordRead> {
    read::of_kind(tx, who, Kind::Ocorrencia, id).await
}

/// Lê uma ocorrência do cliente.
#[utoipa::path(get, path = "/v1/portal/ocorrencias/{id}", tag = "Portal",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = OcorrenciaDoPortal), crate::http::problems::NaoMudou,
        crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let read = case(&mut tx, &acesso, id.into()).await?;
    let shown = shape(&mut tx, &acesso, &read).await?;
    // Of what is shown, and not of the record: what goes on inside must not show in it either.
    Ok(ETag::of_json(&shown)?.on(&headers, shown))
}

/// Escreve numa ocorrência. Se ela espera o cliente, isto é a resposta, e o atendimento continua.
#[utoipa::path(post, path = "/v1/portal/ocorrencias/{id}/notas", tag = "Portal",
    params(("id" = Uuid, Path)), request_body = Escrever,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = OcorrenciaDoPortal), crate::http::problems::Problemas))]
pub async fn anotar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(nota): ApiJson<Escrever>,
) -> ApiResult<Response> {
    let read = case(&mut app.db.snapshot(acesso.tenant).await?, &acesso, id.into()).await?;
    let texto = texto::linhas(&nota.texto);
    let mut comandos = vec![Command::Anotar {
        id: enderecos::id_or_new::<NotaId>(nota.id),
        texto: texto.clone(),
        visibilidade: Visibilidade::Cliente,
        resposta_a: nota.resposta_a.map(NotaId::from),
    }];
    comandos.extend(answer(&acesso, &read, texto));
    run(&app, &acesso, read.record.id, comandos, StatusCode::CREATED).await
}

/// Anexa um arquivo a uma ocorrência. `Location` diz de onde se baixa. Se ela espera o cliente,
/// isto é a resposta, e o atendimento continua.
#[utoipa::path(post, path = "/v1/portal/ocorrencias/{id}/anexos", tag = "Portal",
    params(("id" = Uuid, Path)), request_body = AnexarNoPortal,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = OcorrenciaDoPortal), crate::http::problems::Problemas))]
pub async fn anexar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(novo): ApiJson<AnexarNoPortal>,
) -> ApiResult<Response> {
    let read = case(&mut app.db.snapshot(acesso.tenant).await?, &acesso, id.into()).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let (em, anexo) = (Colecao::Anexos, enderecos::id_or_new::<ItemId>(novo.id));
    let dito = format!("Arquivo anexado: {}", novo.nome);
    let enviados = Map::from_iter([
        ("nome".to_owned(), novo.nome.into()),
        ("categoria".to_owned(), novo.categoria.into()),
        ("legenda".to_owned(), novo.legenda.into()),
        ("mime".to_owned(), novo.mime.into()),
        ("tamanho".to_owned(), novo.tamanho.into()),
        ("sha256".to_owned(), novo.sha256.into()),
    ]);
    let campos = json::ler_campos(read.record.kind.campos_de(em), &enviados, fuso)?.into_iter();
    let campos = campos.filter(|(_, valor)| !valor.vazio());
    let campos = campos.map(|(campo, valor)| (campo.nome.to_owned(), valor)).collect();
    let mut comandos = vec![Command::IncluirItem { em, item: NovoItem { id: anexo, campos } }];
    comandos.extend(answer(&acesso, &read, dito));
    let id = read.record.id;
    let done = run(&app, &acesso, id, comandos, StatusCode::CREATED).await?;
    let address = [(header::LOCATION, format!("/v1/anexos/{id}/{anexo}/original"))];
    Ok((address, done).into_response())
}

fn answer(who: &Principal, read: &RecordRead, text: String) -> Option<Command> {
    let request = enderecos::id_or_new(None);
    office::client_answer(&read.record, &read.tipo, &who.pessoa, request, text)
}

/// Pede uma transição que cabe ao cliente.
#[utoipa::path(post, path = "/v1/portal/ocorrencias/{id}/transicoes/{verbo}", tag = "Portal",
    params(("id" = Uuid, Path), ("verbo" = String, Path)),
    request_body = Option<PedirTransicao>,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = OcorrenciaDoPortal,
        headers(("ETag" = String, description = "A versão do que se mostra."))),
        crate::http::problems::Problemas))]
pub async fn transicionar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath((id, verbo)): ApiPath<(Uuid, String)>,
    ApiJsonOpcional(corpo): ApiJsonOpcional<PedirTransicao>,
) -> ApiResult<Response> {
    let read = case(&mut app.db.snapshot(acesso.tenant).await?, &acesso, id.into()).await?;
    let corpo = PedirTransicao { email: false, ..corpo };
    let comando = transicoes::request(&read, verbo, corpo)?;
    run(&app, &acesso, read.record.id, vec![comando], StatusCode::OK).await
}

async fn run(
    app: &App,
    who: &Principal,
    id: DocumentId,
    commands: Vec<Command>,
    status: StatusCode,
) -> ApiResult<Response> {
    let commands = commands.into_iter().map(|command| (id, command)).collect();
    let done = office::run_all(app, who.tenant, &who.pessoa, commands, None).await;
    change::judged(done)?;
    respond(app, who, id, status).await
}

/// The case as it is now, with the tag of what is shown.
async fn respond(
    app: &App,
    who: &Principal,
    id: DocumentId,
    status: StatusCode,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(who.tenant).await?;
    let read = case(&mut tx, who, id).await?;
    let shown = shape(&mut tx, who, &read).await?;
    let etag = ETag::of_json(&shown)?;
    Ok((status, [etag.header()], Json(shown)).into_response())
}
