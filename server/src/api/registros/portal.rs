//! The client's portal (R23–R26, R52): a client's login lists, opens and follows its own cases.
//! What is the company's own stays hidden: internal stages, notes, fields and who does what.

use super::{
    Lido, colunas,
    comandos::{self, PedirTransicao},
    criar, formulario,
    formulario::Opcao,
    json::{self, Situacao},
    possivel::{self, Verbo},
    referencias,
    vista::EstadoDoArquivo,
};
use crate::{
    api::{
        etag::ETag,
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{EscreverRegistros, LerRegistros, Portal, Principal},
    },
    app::App,
    error::{ApiError, ApiResult},
    office,
    web::queries::record,
};
use axum::{
    Json,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    busca,
    command::{Command, NovoItem},
    fluxo::{Fase, Guarda, Quem as Pede, Transicao},
    ids::{DocumentId, ItemId, NotaId},
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    registro::{Registro, Visibilidade},
    tipo::{Tipo, Tipos},
    valor::{Campo, Valor},
    workflow::{self, Onde},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Row;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Um tipo de ocorrência que o cliente pode abrir.
#[derive(Debug, Serialize, ToSchema)]
pub struct TipoDoPortal {
    /// O código.
    codigo: String,
    /// O nome.
    nome: String,
    /// Os campos do formulário, na ordem.
    campos: Vec<CampoDoPortal>,
    /// O que ajuda a escolher os anexos.
    #[serde(skip_serializing_if = "Option::is_none")]
    orientacao_anexos: Option<String>,
}

/// Um campo do formulário do portal.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampoDoPortal {
    /// O nome do campo.
    campo: &'static str,
    /// O que uma pessoa lê.
    rotulo: String,
    /// texto, texto_longo, escolha, catalogo…
    tipo: &'static str,
    /// Se precisa ser preenchido.
    obrigatorio: bool,
    /// As opções.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    opcoes: Vec<Opcao>,
    /// O que ajuda a preencher.
    #[serde(skip_serializing_if = "Option::is_none")]
    orientacao: Option<String>,
}

/// Uma ocorrência, como o cliente a vê na lista.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinhaDoPortal {
    /// O identificador.
    id: Uuid,
    /// O código da ocorrência; antes dele, um rótulo provisório.
    rotulo: String,
    /// O código, depois que o servidor o atribui.
    numero: Option<String>,
    /// O código do tipo.
    tipo: String,
    /// O nome do tipo.
    tipo_nome: String,
    /// O começo do texto principal.
    titulo: String,
    /// O estágio.
    situacao: Option<Situacao>,
    /// Se espera uma resposta do cliente.
    espera_resposta: bool,
    /// Quando foi aberta.
    criado_em: DateTime<Utc>,
}

/// Uma ocorrência, como o cliente a vê.
#[derive(Debug, Serialize, ToSchema)]
pub struct OcorrenciaDoPortal {
    /// O que a lista mostra.
    #[serde(flatten)]
    linha: LinhaDoPortal,
    /// Os campos que o cliente lê.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// O que uma pessoa lê de cada um.
    #[schema(value_type = Object)]
    rotulos: BTreeMap<&'static str, String>,
    /// Os estágios por que passou, do mais antigo ao mais novo.
    andamento: Vec<Passo>,
    /// As interações, na ordem.
    notas: Vec<NotaDoPortal>,
    /// Os arquivos que o cliente anexou.
    anexos: Vec<AnexoDoPortal>,
    /// O que o cliente pode pedir agora.
    verbos: Vec<Verbo>,
    /// Se o cliente pode escrever.
    pode_anotar: bool,
}

/// Um estágio por que a ocorrência passou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passo {
    /// O estágio.
    situacao: Situacao,
    /// Quando chegou a ele.
    quando: Option<DateTime<Utc>>,
    /// O que foi dito então.
    #[serde(skip_serializing_if = "Option::is_none")]
    motivo: Option<String>,
}

/// Uma interação.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotaDoPortal {
    /// O identificador.
    id: Uuid,
    /// O texto.
    texto: String,
    /// O nome de quem escreveu.
    por: Option<String>,
    /// Se foi escrita pelo cliente.
    do_cliente: bool,
    /// A interação que responde.
    resposta_a: Option<Uuid>,
    /// Quando.
    quando: DateTime<Utc>,
}

/// Um arquivo do cliente.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnexoDoPortal {
    /// O identificador.
    id: Uuid,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Até onde chegaram os bytes.
    #[serde(flatten)]
    estado: EstadoDoArquivo,
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
    /// antes, depois, avaria, assinatura ou documento; `documento` se nada for dito.
    #[serde(default = "documento")]
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

/// Lista os tipos de ocorrência que o cliente pode abrir, com o formulário de cada um.
#[utoipa::path(get, path = "/v1/portal/tipos", tag = "Portal",
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Vec<TipoDoPortal>), crate::api::docs::Problemas))]
pub async fn tipos(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
) -> ApiResult<Json<Vec<TipoDoPortal>>> {
    let (_, tipos) = super::empresa(&app, acesso.tenant).await?;
    let um = |tipo: &Tipo| TipoDoPortal {
        codigo: tipo.codigo.clone(),
        nome: tipo.nome.clone(),
        campos: escritos(tipo).map(|campo| do_portal(tipo, campo)).collect(),
        orientacao_anexos: tipo.orientacoes.get("anexos").cloned(),
    };
    Ok(Json(visiveis(&tipos).map(um).collect()))
}

/// The newest version of each tipo that clients may open.
fn visiveis(tipos: &Tipos) -> impl Iterator<Item = &Tipo> {
    tipos.do_kind(Kind::Ocorrencia).map(|tipo| &**tipo).filter(|tipo| tipo.visivel_no_portal)
}

/// The fields that a client fills in, in the order of the form.
fn escritos(tipo: &Tipo) -> impl Iterator<Item = &'static Campo> {
    let do_tipo = |campo: &&Campo| tipo.portal_campos.iter().any(|nome| nome == campo.nome);
    tipo.kind.campos().iter().filter(do_tipo)
}

/// The fields that a client reads.
fn lidos(tipo: &Tipo) -> impl Iterator<Item = &'static Campo> {
    let do_tipo = |campo: &&Campo| {
        let mut nomes = tipo.portal_campos.iter().chain(&tipo.portal_leitura);
        nomes.any(|nome| nome == campo.nome)
    };
    tipo.kind.campos().iter().filter(do_tipo)
}

fn do_portal(tipo: &Tipo, campo: &'static Campo) -> CampoDoPortal {
    let mut opcoes = formulario::opcoes(campo, tipo);
    // What is the company's own is not offered (R27).
    opcoes.retain(|opcao| {
        campo.nome != "categoria" || tipo.categoria(&opcao.codigo).is_none_or(|c| !c.interna)
    });
    CampoDoPortal {
        campo: campo.nome,
        rotulo: tipo.rotulo(campo.nome).to_owned(),
        tipo: campo.codigo_do_tipo(),
        obrigatorio: tipo.obrigatorios.iter().any(|nome| nome == campo.nome),
        opcoes,
        orientacao: tipo.orientacoes.get(campo.nome).cloned(),
    }
}

/// Lista as ocorrências do cliente, das mais novas às mais antigas.
#[utoipa::path(get, path = "/v1/portal/ocorrencias", tag = "Portal", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDoPortal>), crate::api::docs::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let (_, tipos) = super::empresa(&app, acesso.tenant).await?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let (mut mostrados, mut internas, mut estagios) = (vec![], vec![], vec![]);
    for tipo in tipos.todos().filter(|tipo| tipo.visivel_no_portal) {
        let chave = chave(tipo);
        let categorias = tipo.categorias.iter().filter(|categoria| categoria.interna);
        internas.extend(categorias.map(|categoria| format!("{chave}/{}", categoria.codigo)));
        let situacoes = tipo.fluxo.situacoes.iter().filter(|situacao| situacao.visivel_cliente);
        estagios.extend(situacoes.map(|situacao| format!("{chave}/{}", situacao.codigo)));
        mostrados.push(chave);
    }
    // As `policy::alcanca` and `Registro::situacao_do_cliente` have it, for many rows at once.
    let mut sql = sqlx::QueryBuilder::new(
        "SELECT t.id, t.numero, t.tipo, t.tipo_versao, t.titulo, t.assunto, t.criado_em, \
             t.situacao, v.de AS anterior \
         FROM (SELECT *, tipo || '@' || tipo_versao AS chave FROM ocorrencias) t \
         LEFT JOIN LATERAL (SELECT p.de FROM pedidos p WHERE p.tenant = t.tenant \
             AND p.document = t.id AND p.aceito AND t.chave || '/' || p.de = ANY(",
    );
    sql.push_bind(&estagios).push(") ORDER BY p.julgado_em DESC LIMIT 1) v ON true ");
    sql.push("WHERE t.cliente = ").push_bind(acesso.cliente.uuid());
    sql.push(" AND t.interno IS NOT TRUE AND t.chave = ANY(").push_bind(mostrados);
    sql.push(") AND (t.categoria IS NULL OR t.chave || '/' || t.categoria <> ALL(");
    sql.push_bind(internas).push("))");
    if let Some(aberta) = filtro.aberta {
        let fechadas = colunas::FECHADAS;
        sql.push(format!(" AND (t.fase NOT IN ({fechadas})) = ")).push_bind(aberta);
    }
    if let Some(q) = &filtro.q {
        procurar(&mut sql, q)?;
    }
    if let Some((quando, id)) = folha.depois {
        sql.push(" AND (t.criado_em, t.id) < (").push_bind(quando).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY t.criado_em DESC, t.id DESC LIMIT ").push_bind(folha.rows());
    let rows = sql.build().fetch_all(&mut *tx).await.map_err(super::cursor_estranho)?;
    let mut linhas = Vec::new();
    for row in rows {
        let referencia = campo_domain::tipo::TipoRef {
            codigo: row.try_get("tipo")?,
            versao: row.try_get::<i32, _>("tipo_versao")?.unsigned_abs(),
        };
        // Only those of known tipos were asked for.
        let Ok(tipo) = tipos.obter(&referencia) else { continue };
        let (atual, anterior): (String, Option<String>) =
            (row.try_get("situacao")?, row.try_get("anterior")?);
        let candidatas = [Some(atual), anterior, None];
        let situacao = candidatas
            .iter()
            .filter_map(|codigo| tipo.situacao(codigo.as_deref()))
            .find(|situacao| situacao.visivel_cliente);
        let (id, numero): (Uuid, Option<String>) = (row.try_get("id")?, row.try_get("numero")?);
        let de_assunto = row.try_get::<Option<String>, _>("assunto")?.is_some();
        let titulo: String = row.try_get("titulo")?;
        linhas.push(LinhaDoPortal {
            id,
            rotulo: record::label(id, numero.as_deref()),
            numero,
            tipo: tipo.codigo.clone(),
            tipo_nome: tipo.nome.clone(),
            titulo: titulo_lido(tipo, de_assunto, titulo),
            situacao: situacao.map(Situacao::from),
            espera_resposta: situacao.is_some_and(|s| s.fase == Fase::EsperaCliente),
            criado_em: row.try_get("criado_em")?,
        });
    }
    Ok(folha.close(linhas, |ultima| (ultima.criado_em, ultima.id)).linked(&uri))
}

fn chave(tipo: &Tipo) -> String {
    format!("{}@{}", tipo.codigo, tipo.versao)
}

/// Not in the full text: it would tell whether a word is in a field that the client may not read.
fn procurar(sql: &mut sqlx::QueryBuilder<sqlx::Postgres>, q: &str) -> ApiResult<()> {
    if q.chars().count() > 200 {
        return Err(ApiError::invalido("A busca aceita até 200 caracteres."));
    }
    let padrao = colunas::padrao(&busca::dobrar(q));
    sql.push(format!(" AND ({} LIKE ", colunas::texto("t.titulo"))).push_bind(padrao.clone());
    sql.push(" OR t.numero LIKE ").push_bind(padrao).push(")");
    Ok(())
}

/// The title, if the client may read the field that it is taken from.
fn titulo_lido(tipo: &Tipo, de_assunto: bool, titulo: String) -> String {
    let de = if de_assunto { "assunto" } else { "relato" };
    if lidos(tipo).any(|campo| campo.nome == de) { titulo } else { String::new() }
}

/// Abre uma ocorrência.
#[utoipa::path(post, path = "/v1/portal/ocorrencias", tag = "Portal", request_body = NovaDoPortal,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = OcorrenciaDoPortal), crate::api::docs::Problemas))]
pub async fn criar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiJson(nova): ApiJson<NovaDoPortal>,
) -> ApiResult<Response> {
    let (fuso, tipos) = super::empresa(&app, acesso.tenant).await?;
    let oferecidos: Vec<&Tipo> = visiveis(&tipos).collect();
    let tipo = match (&nova.tipo, &oferecidos[..]) {
        (Some(codigo), todos) => todos.iter().copied().find(|tipo| tipo.codigo == *codigo),
        (None, [unico]) => Some(*unico),
        (None, _) => None,
    };
    let tipo = tipo.ok_or_else(|| {
        let codigos: Vec<&str> = oferecidos.iter().map(|tipo| tipo.codigo.as_str()).collect();
        ApiError::invalido("Diga o tipo da ocorrência, um dos que há.").with("tipos", codigos)
    })?;
    let valores = json::ler_campos(tipo.kind.campos(), &nova.campos, fuso)?;
    referencias::conferir(&app, &acesso, tipo, &valores).await?;
    let campos = criar::preencher(&app, &acesso, tipo, &valores).await?;
    let id: DocumentId = super::id(nova.id);
    let comandos = vec![(id, criar::criacao(id, tipo, campos, Vec::new()))];
    criar::gravar(&app, &acesso, comandos).await?;
    let vista = vista(&app, &acesso, carregar(&app, &acesso, id).await?).await?;
    let etag = ETag::of_json(&vista)?;
    let endereco = [(header::LOCATION, format!("/v1/portal/ocorrencias/{id}"))];
    Ok((StatusCode::CREATED, [etag.header()], endereco, Json(vista)).into_response())
}

async fn carregar(app: &App, quem: &Principal, id: DocumentId) -> ApiResult<Lido> {
    let lido = super::abrir(app, quem, id).await?;
    lido.filter(|lido| lido.registro.kind == Kind::Ocorrencia).ok_or_else(ApiError::nao_encontrado)
}

/// Lê uma ocorrência do cliente.
#[utoipa::path(get, path = "/v1/portal/ocorrencias/{id}", tag = "Portal",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = OcorrenciaDoPortal),
        (status = 304, description = "Não mudou."), crate::api::docs::Problemas))]
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
    responses((status = 201, body = OcorrenciaDoPortal), crate::api::docs::Problemas))]
pub async fn anotar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(nota): ApiJson<Escrever>,
) -> ApiResult<Response> {
    let lido = carregar(&app, &acesso, id.into()).await?;
    let texto = nota.texto;
    let mut comandos = vec![Command::Anotar {
        id: super::id::<NotaId>(nota.id),
        texto: texto.clone(),
        visibilidade: Visibilidade::Cliente,
        resposta_a: nota.resposta_a.map(NotaId::from),
    }];
    if let Some(transicao) = resposta(&acesso, &lido) {
        let motivo = transicao.guardas.contains(&Guarda::Motivo).then_some(texto);
        let (pedido, verbo) = (super::id(None), transicao.verbo.clone());
        comandos.push(Command::Transicionar { pedido, verbo, motivo, email: false });
    }
    fazer(&app, &acesso, lido.registro.id, comandos, StatusCode::CREATED).await
}

/// Anexa um arquivo a uma ocorrência. `Location` diz de onde se baixa.
#[utoipa::path(post, path = "/v1/portal/ocorrencias/{id}/anexos", tag = "Portal",
    params(("id" = Uuid, Path)), request_body = AnexarNoPortal,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = OcorrenciaDoPortal), crate::api::docs::Problemas))]
pub async fn anexar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(novo): ApiJson<AnexarNoPortal>,
) -> ApiResult<Response> {
    let lido = carregar(&app, &acesso, id.into()).await?;
    let (fuso, _) = super::empresa(&app, acesso.tenant).await?;
    let (em, anexo) = (Colecao::Anexos, super::id::<ItemId>(novo.id));
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
    let comandos = vec![Command::IncluirItem { em, item: NovoItem { id: anexo, campos } }];
    let id = lido.registro.id;
    let feito = fazer(&app, &acesso, id, comandos, StatusCode::CREATED).await?;
    let endereco = [(header::LOCATION, format!("/v1/anexos/{id}/{anexo}/original"))];
    Ok((endereco, feito).into_response())
}

/// The transition by which an answer of the client ends the wait for it.
fn resposta<'a>(quem: &Principal, lido: &'a Lido) -> Option<&'a Transicao> {
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
    let mut possiveis =
        workflow::disponiveis(registro, tipo, &quem.pessoa, Onde::Servidor).into_iter();
    possiveis.find(continua)
}

/// Pede uma transição que cabe ao cliente.
#[utoipa::path(post, path = "/v1/portal/ocorrencias/{id}/transicoes/{verbo}", tag = "Portal",
    params(("id" = Uuid, Path), ("verbo" = String, Path)), request_body = PedirTransicao,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = OcorrenciaDoPortal), crate::api::docs::Problemas))]
pub async fn transicionar(
    State(app): State<App>,
    acesso: Portal<EscreverRegistros>,
    ApiPath((id, verbo)): ApiPath<(Uuid, String)>,
    bytes: Bytes,
) -> ApiResult<Response> {
    let corpo: PedirTransicao = comandos::corpo(&bytes)?;
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
    comandos::executar(done)?;
    let vista = vista(app, quem, carregar(app, quem, id).await?).await?;
    let etag = ETag::of_json(&vista)?;
    Ok((status, [etag.header()], Json(vista)).into_response())
}

/// Shapes a case for its client.
async fn vista(app: &App, quem: &Principal, lido: Lido) -> ApiResult<OcorrenciaDoPortal> {
    let Lido { registro, tipo, .. } = lido;
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let notas = registro.notas.iter().filter(|nota| nota.visibilidade == Visibilidade::Cliente);
    let autores = notas.clone().map(|nota| nota.autoria.por.uuid());
    let anexos = registro.vivos(Colecao::Anexos);
    let autores: Vec<Uuid> =
        autores.chain(anexos.map(|(_, anexo)| anexo.autoria.por.uuid())).collect();
    let autores: Vec<(Uuid, String, Option<Uuid>)> =
        sqlx::query_as("SELECT id, nome, cliente FROM usuario WHERE id = ANY($1)")
            .bind(autores)
            .fetch_all(&mut *tx)
            .await?;
    let autores: BTreeMap<Uuid, (String, Option<Uuid>)> =
        autores.into_iter().map(|(id, nome, cliente)| (id, (nome, cliente))).collect();
    let cliente = quem.pessoa.cliente.map(DocumentId::uuid);
    let e_do_cliente =
        |id: Uuid| cliente.is_some() && autores.get(&id).is_some_and(|(_, de)| *de == cliente);
    let notas = notas.map(|nota| {
        let por = nota.autoria.por.uuid();
        NotaDoPortal {
            id: nota.id.uuid(),
            texto: nota.texto.clone(),
            por: autores.get(&por).map(|(nome, _)| nome.clone()),
            do_cliente: e_do_cliente(por),
            resposta_a: nota.resposta_a.map(NotaId::uuid),
            quando: nota.quando,
        }
    });
    let campos_de_anexo = registro.kind.campos_de(Colecao::Anexos);
    let anexos = registro.vivos(Colecao::Anexos);
    let anexos = anexos.filter(|(_, anexo)| e_do_cliente(anexo.autoria.por.uuid()));
    let anexos = anexos.map(|(id, anexo)| AnexoDoPortal {
        id: id.uuid(),
        campos: json::campos(campos_de_anexo, &anexo.campos),
        estado: EstadoDoArquivo::de(&registro, *id),
    });
    let situacao = registro.situacao_do_cliente(&tipo);
    let de_assunto = !registro.valor("assunto").vazio();
    let pode_anotar =
        policy::pode_alterar_registro(&quem.pessoa, &registro, &tipo, Parte::NotaAoCliente).is_ok();
    Ok(OcorrenciaDoPortal {
        linha: LinhaDoPortal {
            id: registro.id.uuid(),
            rotulo: registro.rotulo(),
            numero: registro.numero.clone(),
            tipo: tipo.codigo.clone(),
            tipo_nome: tipo.nome.clone(),
            titulo: titulo_lido(&tipo, de_assunto, registro.titulo()),
            situacao: situacao.map(Situacao::from),
            espera_resposta: situacao.is_some_and(|s| s.fase == Fase::EsperaCliente),
            criado_em: registro.criado_em,
        },
        campos: lidos(&tipo).map(|campo| lido_do_portal(&registro, &tipo, campo)).collect(),
        rotulos: lidos(&tipo).map(|c| (c.nome, tipo.rotulo(c.nome).to_owned())).collect(),
        andamento: andamento(&registro, &tipo),
        notas: notas.collect(),
        anexos: anexos.collect(),
        verbos: possivel::verbos(&registro, &tipo, &quem.pessoa),
        pode_anotar,
    })
}

fn lido_do_portal(registro: &Registro, tipo: &Tipo, campo: &Campo) -> (String, Value) {
    let valor = match campo.nome {
        "prioridade" => {
            registro.prioridade(tipo).map_or(Valor::Nulo, |codigo| Valor::Texto(codigo.to_owned()))
        }
        nome => registro.valor(nome).clone(),
    };
    (campo.nome.to_owned(), json::valor(campo, &valor))
}

/// The stages that the client may see, and what was said between them (R52).
fn andamento(registro: &Registro, tipo: &Tipo) -> Vec<Passo> {
    let visivel = |codigo: &str| tipo.fluxo.situacao(codigo).filter(|s| s.visivel_cliente);
    let mut feitos: Vec<_> = registro.feitos().collect();
    feitos.sort_by_key(|(_, veredito)| veredito.quando);
    let inicial = feitos.first().map(|(_, veredito)| veredito.de.as_str());
    let inicial = tipo.situacao(inicial.or(registro.situacao.as_deref()));
    let inicial = inicial.filter(|situacao| situacao.visivel_cliente);
    let mut passos: Vec<Passo> = inicial
        .map(|situacao| Passo {
            situacao: situacao.into(),
            quando: registro.recebido_em,
            motivo: None,
        })
        .into_iter()
        .collect();
    for (pedido, veredito) in feitos {
        let Some(para) = visivel(&veredito.para) else { continue };
        // From inside to where it was seen last: for the client nothing happened.
        if passos.last().is_some_and(|ultimo| ultimo.situacao.codigo == para.codigo) {
            continue;
        }
        // What is said on the way out of an internal stage is for the client only where the case
        // ends or waits for it.
        let dito = visivel(&veredito.de).is_some()
            || !para.fase.aberta()
            || para.fase == Fase::EsperaCliente;
        passos.push(Passo {
            situacao: para.into(),
            quando: Some(veredito.quando),
            motivo: pedido.motivo.clone().filter(|_| dito),
        });
    }
    passos
}
