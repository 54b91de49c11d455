//! The client's portal (R23–R26, R52): a client's login lists, opens and follows its own cases.
//! What is the company's own stays hidden: internal stages, notes, fields and who does what.

pub mod formulario;
pub mod lista;
pub mod vista;

use super::{
    change,
    comandos::{self, PedirTransicao},
    criar, enderecos,
    lido::{self, Lido},
    referencias,
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
    reading::{Catalogues, json},
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
    fluxo::{Fase, Guarda, Quem as Pede, Transicao},
    ids::{DocumentId, ItemId, NotaId},
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    registro::{Campos, Visibilidade},
    tipo::Tipo,
    valor::{self, Valor},
    workflow::{self, Onde},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;
use uuid::Uuid;
use vista::{OcorrenciaDoPortal, vista};

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
    let oferecidos = formulario::oferecidos(&app, acesso.tenant).await?;
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
    // Before anything is looked up: what is not the client's to say tells nothing of the company.
    for (campo, _) in valores.iter().filter(|(_, valor)| !valor.vazio()) {
        policy::pode_criar(&acesso.pessoa, tipo, Parte::Campo(campo))?;
    }
    referencias::conferir(&app, &acesso, tipo, &valores).await?;
    let mut campos = criar::preencher(&app, &acesso, tipo, &valores).await?;
    pelo_portal(&app, &acesso, tipo, &mut campos).await?;
    let id: DocumentId = enderecos::id(nova.id);
    let comandos = vec![(id, criar::criacao(id, tipo, campos, Vec::new()))];
    criar::gravar(&app, &acesso, comandos).await?;
    let vista = vista(&app, &acesso, carregar(&app, &acesso, id).await?).await?;
    let etag = ETag::of_json(&vista)?;
    let endereco = [(header::LOCATION, format!("/v1/portal/ocorrencias/{id}"))];
    Ok((StatusCode::CREATED, [etag.header()], endereco, Json(vista)).into_response())
}

/// How the case came is filled in for its client (R26), where the company has that channel.
async fn pelo_portal(
    app: &App,
    quem: &Principal,
    tipo: &Tipo,
    campos: &mut Campos,
) -> ApiResult<()> {
    const CANAL: &str = "canal";
    if campos.contains_key(CANAL) || !tipo.tem_campo(CANAL) {
        return Ok(());
    }
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let canais = Catalogues::load(&mut tx, &BTreeSet::from([CANAL])).await?;
    let mut em_uso = canais.entries(CANAL).iter().filter(|canal| canal.active);
    if em_uso.any(|canal| canal.code == policy::CANAL_PORTAL) {
        campos.insert(CANAL.to_owned(), Valor::Texto(policy::CANAL_PORTAL.to_owned()));
    }
    Ok(())
}

async fn carregar(app: &App, quem: &Principal, id: DocumentId) -> ApiResult<Lido> {
    let lido = lido::abrir(app, quem, id).await?;
    lido.filter(|lido| lido.registro.kind == Kind::Ocorrencia).ok_or_else(ApiError::nao_encontrado)
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
    let lido = carregar(&app, &acesso, id.into()).await?;
    let vista = vista(&app, &acesso, lido).await?;
    // Of what is shown, and not of the record: what goes on inside must not show in it either.
    Ok(ETag::of_json(&vista)?.on(&headers, vista))
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
    let lido = carregar(&app, &acesso, id.into()).await?;
    let texto = valor::linhas(&nota.texto);
    let mut comandos = vec![Command::Anotar {
        id: enderecos::id::<NotaId>(nota.id),
        texto: texto.clone(),
        visibilidade: Visibilidade::Cliente,
        resposta_a: nota.resposta_a.map(NotaId::from),
    }];
    comandos.extend(resposta(&acesso, &lido, texto));
    fazer(&app, &acesso, lido.registro.id, comandos, StatusCode::CREATED).await
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
    let lido = carregar(&app, &acesso, id.into()).await?;
    let (fuso, _) = lido::empresa(&app, acesso.tenant).await?;
    let (em, anexo) = (Colecao::Anexos, enderecos::id::<ItemId>(novo.id));
    let dito = format!("Arquivo anexado: {}", novo.nome);
    let enviados = Map::from_iter([
        ("nome".to_owned(), novo.nome.into()),
        ("categoria".to_owned(), novo.categoria.into()),
        ("legenda".to_owned(), novo.legenda.into()),
        ("mime".to_owned(), novo.mime.into()),
        ("tamanho".to_owned(), novo.tamanho.into()),
        ("sha256".to_owned(), novo.sha256.into()),
    ]);
    let campos = json::ler_campos(lido.registro.kind.campos_de(em), &enviados, fuso)?.into_iter();
    let campos = campos.filter(|(_, valor)| !valor.vazio());
    let campos = campos.map(|(campo, valor)| (campo.nome.to_owned(), valor)).collect();
    let mut comandos = vec![Command::IncluirItem { em, item: NovoItem { id: anexo, campos } }];
    comandos.extend(resposta(&acesso, &lido, dito));
    let id = lido.registro.id;
    let feito = fazer(&app, &acesso, id, comandos, StatusCode::CREATED).await?;
    let endereco = [(header::LOCATION, format!("/v1/anexos/{id}/{anexo}/original"))];
    Ok((endereco, feito).into_response())
}

/// What ends the wait for the client, if that is what the case does: an answer, in these words.
fn resposta(quem: &Principal, lido: &Lido, texto: String) -> Option<Command> {
    let (registro, tipo) = (&lido.registro, &lido.tipo);
    if registro.fase(tipo) != Fase::EsperaCliente {
        return None;
    }
    let continua = |transicao: &&Transicao| {
        let para = tipo.fluxo.situacao(&transicao.para);
        transicao.quem.contains(&Pede::Cliente)
            && transicao.traz.is_none()
            && para.is_some_and(|para| para.fase.aberta() && para.fase != Fase::EsperaCliente)
    };
    let possiveis = workflow::available(registro, tipo, &quem.pessoa, Onde::Servidor);
    let transicao = possiveis.into_iter().find(continua)?;
    let motivo = transicao.guardas.contains(&Guarda::Motivo).then_some(texto);
    let (pedido, verbo) = (enderecos::id(None), transicao.verbo.clone());
    Some(Command::Transicionar { pedido, verbo, motivo, email: false })
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
    let lido = carregar(&app, &acesso, id.into()).await?;
    let comando = comandos::pedir(&lido, verbo, PedirTransicao { email: false, ..corpo })?;
    fazer(&app, &acesso, lido.registro.id, vec![comando], StatusCode::OK).await
}

async fn fazer(
    app: &App,
    quem: &Principal,
    id: DocumentId,
    comandos: Vec<Command>,
    status: StatusCode,
) -> ApiResult<Response> {
    let comandos = comandos.into_iter().map(|comando| (id, comando)).collect();
    let done = office::run_all(app, quem.tenant, &quem.pessoa, comandos, None).await;
    change::executar(done)?;
    let vista = vista(app, quem, carregar(app, quem, id).await?).await?;
    let etag = ETag::of_json(&vista)?;
    Ok((status, [etag.header()], Json(vista)).into_response())
}
