//! The people of the company, their permissions and passwords.

use crate::{
    api::catalogos::{offered, text},
    app::App,
    auth::{
        accounts::{self, Person, User},
        password,
    },
    error::{ApiError, ApiResult},
    http::{
        etag::{ETag, IfMatch},
        extract::{ApiJson, ApiPath, ApiQuery, nullable},
        idempotency::Stored,
        page::{Folha, Pagina},
        principal::{Acesso, Administra, Principal},
        problems::{NaoMudou, Problemas},
    },
    outbox::email,
    reading::references,
    reference, schemas,
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, UserId},
    pessoa::{Permissao, Permissoes},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgTransaction;
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Uma pessoa da empresa.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Usuario {
    #[schema(value_type = Uuid)]
    id: UserId,
    /// Com que entra: um e-mail ou um nome, em minúsculas.
    login: String,
    nome: String,
    /// Para onde vão os e-mails dela.
    email: Option<String>,
    /// O que pode.
    #[schema(value_type = Vec<schemas::Permissao>)]
    permissoes: Permissoes,
    /// Códigos do catálogo `grupo`.
    grupos: BTreeSet<String>,
    /// Código do catálogo `filial`.
    filial: Option<String>,
    /// De qual cliente é o login do portal.
    #[schema(value_type = Option<Uuid>)]
    cliente: Option<DocumentId>,
    ativo: bool,
    /// Se é a pessoa de serviço de uma chave, que não entra com senha.
    servico: bool,
    criado_em: DateTime<Utc>,
}

/// Uma pessoa nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsuarioNovo {
    login: String,
    nome: String,
    email: Option<String>,
    /// De 8 a 512 caracteres; sem ela, uma é gerada e mostrada só na resposta.
    senha: Option<String>,
    #[schema(value_type = Vec<schemas::Permissao>)]
    permissoes: Permissoes,
    #[serde(default)]
    grupos: BTreeSet<String>,
    filial: Option<String>,
    /// Com a permissão `portal`, que vem só.
    #[schema(value_type = Option<Uuid>)]
    cliente: Option<DocumentId>,
}

/// O que muda numa pessoa; o que falta fica como está.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsuarioMudanca {
    login: Option<String>,
    nome: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[schema(value_type = Option<Vec<schemas::Permissao>>)]
    permissoes: Option<Permissoes>,
    grupos: Option<BTreeSet<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    filial: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Uuid>)]
    cliente: Option<Option<DocumentId>>,
    /// `false` encerra as sessões e não deixa mais entrar.
    ativo: Option<bool>,
}

/// Uma pessoa criada.
#[derive(Debug, Serialize, ToSchema)]
struct UsuarioCriado {
    #[serde(flatten)]
    usuario: Usuario,
    /// A senha gerada, mostrada só aqui.
    #[serde(skip_serializing_if = "Option::is_none")]
    senha: Option<String>,
}

/// Uma senha nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SenhaNova {
    /// De 8 a 512 caracteres; sem ela, uma é gerada e mostrada só na resposta.
    senha: Option<String>,
}

/// A senha que foi gerada.
#[derive(Debug, Serialize, ToSchema)]
struct SenhaGerada {
    /// Mostrada só aqui; ausente se foi escolhida.
    #[serde(skip_serializing_if = "Option::is_none")]
    senha: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Palavras que o nome ou o login contêm, sem diferença de acentos.
    busca: Option<String>,
    /// Só as ativas (`true`) ou as que saíram (`false`).
    ativo: Option<bool>,
    /// De 1 a 200.
    #[param(minimum = 1, maximum = 200)]
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

impl From<User> for Usuario {
    fn from(User { id, person, criado_em }: User) -> Self {
        Self {
            id,
            login: person.login,
            nome: person.nome,
            email: person.email,
            permissoes: person.permissoes,
            grupos: person.grupos,
            filial: person.filial,
            cliente: person.cliente,
            ativo: person.ativo,
            servico: person.servico,
            criado_em,
        }
    }
}

async fn read(tx: &mut PgTransaction<'_>, id: UserId, lock: bool) -> ApiResult<Usuario> {
    Ok(accounts::read_user(tx, id, lock).await?.into())
}

/// Lista as pessoas, pelo nome.
#[utoipa::path(
    get, path = "/v1/usuarios", tag = "Administracao", params(Filtro),
    responses((status = 200, body = Pagina<Usuario>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn list(
    State(app): State<App>,
    access: Acesso<Administra>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filter): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(String, Uuid)>::new(filter.limite, filter.cursor.as_deref())?;
    let words = dobrar(filter.busca.as_deref().unwrap_or_default());
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut tx = app.db.snapshot(access.tenant).await?;
    let after = folha.depois.clone();
    let users = accounts::users(&mut tx, filter.ativo, words, after, folha.rows()).await?;
    let itens: Vec<Usuario> = users.into_iter().map(Usuario::from).collect();
    Ok(folha.close(itens, |last| (last.nome.clone(), last.id.uuid())).linked(&uri))
}

/// Mostra uma pessoa.
#[utoipa::path(
    get, path = "/v1/usuarios/{id}", tag = "Administracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = Usuario), NaoMudou, Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn show(
    State(app): State<App>,
    access: Acesso<Administra>,
    headers: HeaderMap,
    ApiPath(id): ApiPath<UserId>,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let usuario = read(&mut tx, id, false).await?;
    Ok(ETag::of_json(&usuario)?.on(&headers, usuario))
}

/// Cria uma pessoa.
#[utoipa::path(
    post, path = "/v1/usuarios", tag = "Administracao", request_body = UsuarioNovo,
    responses((status = 201, body = UsuarioCriado), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn create(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiJson(new): ApiJson<UsuarioNovo>,
) -> ApiResult<Response> {
    let person = Person {
        login: new.login,
        nome: new.nome,
        email: new.email,
        permissoes: new.permissoes,
        grupos: new.grupos,
        filial: new.filial,
        cliente: new.cliente,
        ativo: true,
        servico: false,
    };
    let (senha, generated) = chosen_or_generated(new.senha);
    let hash = password::hash(&senha).await?;
    let id = UserId::from(Uuid::now_v7());
    let mut tx = app.db.tenant(access.tenant).await?;
    write(&mut tx, &access, id, person, None, Some(&hash)).await?;
    let usuario = read(&mut tx, id, false).await?;
    tx.commit().await?;
    let etag = ETag::of_json(&usuario)?;
    let kept = UsuarioCriado { usuario: usuario.clone(), senha: None };
    let body = UsuarioCriado { usuario, senha: generated };
    let place = [(header::LOCATION, format!("/v1/usuarios/{id}"))];
    Ok((StatusCode::CREATED, [etag.header()], place, secret(body, &kept)?).into_response())
}

/// Altera uma pessoa. O que os aparelhos dela guardam acompanha na próxima sincronização.
#[utoipa::path(
    patch, path = "/v1/usuarios/{id}", tag = "Administracao",
    params(("id" = Uuid, Path), ("If-Match" = String, Header)),
    request_body = UsuarioMudanca,
    responses((status = 200, body = Usuario), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn change(
    State(app): State<App>,
    access: Acesso<Administra>,
    if_match: IfMatch,
    ApiPath(id): ApiPath<UserId>,
    ApiJson(changed): ApiJson<UsuarioMudanca>,
) -> ApiResult<Response> {
    let mut tx = app.db.tenant(access.tenant).await?;
    let before = read(&mut tx, id, true).await?;
    if_match.require(&ETag::of_json(&before)?)?;
    let Usuario { login, nome, email, permissoes, grupos, filial, cliente, ativo, servico, .. } =
        before.clone();
    let person = Person {
        login: changed.login.unwrap_or(login),
        nome: changed.nome.unwrap_or(nome),
        email: changed.email.unwrap_or(email),
        permissoes: changed.permissoes.unwrap_or(permissoes),
        grupos: changed.grupos.unwrap_or(grupos),
        filial: changed.filial.unwrap_or(filial),
        cliente: changed.cliente.unwrap_or(cliente),
        ativo: changed.ativo.unwrap_or(ativo),
        servico,
    };
    write(&mut tx, &access, id, person, Some(&before), None).await?;
    let usuario = read(&mut tx, id, false).await?;
    tx.commit().await?;
    Ok(([ETag::of_json(&usuario)?.header()], Json(usuario)).into_response())
}

/// Troca a senha de uma pessoa e encerra as sessões dela.
#[utoipa::path(
    post, path = "/v1/usuarios/{id}/senha", tag = "Administracao",
    params(("id" = Uuid, Path)), request_body = SenhaNova,
    responses((status = 200, body = SenhaGerada), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn set_password(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<UserId>,
    ApiJson(new): ApiJson<SenhaNova>,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    let usuario = read(&mut tx, id, false).await?;
    tx.rollback().await?;
    within(&access, &usuario.permissoes)?;
    let (senha, generated) = chosen_or_generated(new.senha);
    accounts::reset_password(&app.db, access.tenant, id, &senha).await?;
    secret(SenhaGerada { senha: generated }, &SenhaGerada { senha: None })
}

fn chosen_or_generated(senha: Option<String>) -> (String, Option<String>) {
    match senha {
        Some(senha) => (senha, None),
        None => {
            let senha = password::generate();
            (senha.clone(), Some(senha))
        }
    }
}

/// A response with a secret that no cache stores; a repeated request with the same Idempotency-Key
/// gets `kept`, without the secret.
pub(super) fn secret(body: impl Serialize, kept: &impl Serialize) -> ApiResult<Response> {
    let kept = serde_json::to_vec(kept).map_err(ApiError::interno)?;
    let mut response = ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response();
    response.extensions_mut().insert(Stored(kept.into()));
    Ok(response)
}

/// Checks and writes a person. Groups and branch that the person already has are not checked again,
/// as they may have been withdrawn since.
async fn write(
    tx: &mut PgTransaction<'_>,
    principal: &Principal,
    id: UserId,
    mut person: Person,
    before: Option<&Usuario>,
    hash: Option<&str>,
) -> ApiResult<()> {
    person.nome = text("nome", &person.nome)?;
    text("login", &person.login)?;
    person.email.as_deref().map(email::check_address).transpose()?;
    // Lock order: person, then the company's clock. From here on nobody else can change people.
    reference::lock(tx, principal.tenant).await?;
    let had = |grupo: &&String| before.is_some_and(|before| before.grupos.contains(*grupo));
    for grupo in person.grupos.iter().filter(|grupo| !had(grupo)) {
        offered(tx, principal, "grupo", grupo).await?;
    }
    let had = before.and_then(|before| before.filial.as_ref());
    if let Some(filial) = person.filial.as_ref().filter(|filial| had != Some(filial)) {
        offered(tx, principal, "filial", filial).await?;
    }
    let held = before.map(|before| &before.permissoes);
    let added = person
        .permissoes
        .iter()
        .filter(|permissao| held.is_none_or(|held| !held.contains(permissao)));
    within(principal, &added.copied().collect())?;
    check_portal(tx, &person).await?;
    if person.servico && !person.permissoes.is_subset(&principal.pessoa.permissoes) {
        return Err(too_much());
    }
    accounts::write_user(tx, principal.tenant, id, &person, hash).await?;
    if !accounts::is_administered(tx).await? {
        let message = "Sem esta pessoa ninguém administraria a empresa. Dê antes a permissão \
                        administrar a outra.";
        return Err(ApiError::recusado("ultimo_administrador", message));
    }
    Ok(())
}

pub(super) fn too_much() -> ApiError {
    let message = "Uma chave não pode mais do que quem a cria ou altera. Tire as permissões ou \
                    os escopos que você não tem.";
    ApiError::new(StatusCode::FORBIDDEN, "permissao_alem_da_propria", message)
}

/// Refuses whoever gives permissions, or the password of a person who has permissions, beyond the
/// own: a key, or a person, could sign in as that one. `portal` is always allowed.
fn within(principal: &Principal, permissoes: &Permissoes) -> ApiResult<()> {
    let mut above = permissoes.difference(&principal.pessoa.permissoes);
    if above.all(|permissao| *permissao == Permissao::Portal) {
        return Ok(());
    }
    let message = "Ninguém dá permissões que não tem, nem troca a senha de quem as tem. Peça a \
                    quem tenha todas elas.";
    Err(ApiError::new(StatusCode::FORBIDDEN, "permissao_alem_da_propria", message))
}

/// Checks that a login with `portal` has a client and no other permission, and any other has none.
async fn check_portal(tx: &mut PgTransaction<'_>, person: &Person) -> ApiResult<()> {
    let portal = person.permissoes.contains(&Permissao::Portal);
    if portal != person.cliente.is_some() || (portal && person.permissoes.len() > 1) {
        let message = "O login de um cliente tem a permissão portal, só ela, e diz qual é o \
                        cliente; o das outras pessoas, nem uma coisa nem outra.";
        return Err(ApiError::recusado("portal_invalido", message));
    }
    let Some(cliente) = person.cliente else { return Ok(()) };
    if references::is_client(tx, cliente.uuid()).await? {
        return Ok(());
    }
    Err(ApiError::recusado("cliente_inexistente", "Este cliente não existe."))
}
