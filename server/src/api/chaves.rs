//! API keys of programs. A secret is shown once; only its hash is stored.

use crate::{
    api::{
        catalogos::text,
        usuarios::{secret, too_much},
    },
    app::App,
    auth::{
        accounts::{self, Person},
        keys::{self, Key, NewKey},
        token,
    },
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, Administra, Escopo, PREFIXO},
        problems::Problemas,
    },
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    ids::UserId,
    pessoa::{Permissao, Permissoes},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgTransaction;
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Characters of a secret that are stored, to tell keys apart.
const PREFIX_CHARS: usize = PREFIXO.len() + 6;

/// Uma chave.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chave {
    id: Uuid,
    nome: String,
    /// O começo do segredo, para reconhecê-la.
    prefixo: String,
    escopos: BTreeSet<Escopo>,
    /// A pessoa de serviço como quem ela age.
    #[schema(value_type = Uuid)]
    usuario: UserId,
    #[schema(value_type = Uuid)]
    criada_por: UserId,
    criada_em: DateTime<Utc>,
    expira_em: Option<DateTime<Utc>>,
    /// Com cinco minutos de folga.
    usada_em: Option<DateTime<Utc>>,
    revogada_em: Option<DateTime<Utc>>,
}

/// Uma chave nova.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaveNova {
    /// O nome do programa: assina o que ele faz.
    nome: String,
    /// Para que serve.
    escopos: BTreeSet<Escopo>,
    /// O que a pessoa de serviço pode; nunca mais do que quem cria a chave.
    #[schema(value_type = Option<Vec<crate::schemas::Permissao>>)]
    permissoes: Option<Permissoes>,
    /// Em lugar de `permissoes`: a pessoa de serviço de outra chave, para trocar a chave sem trocar
    /// de assinatura.
    #[schema(value_type = Option<Uuid>)]
    usuario: Option<UserId>,
    /// Quando deixa de valer; nunca, se ausente.
    expira_em: Option<DateTime<Utc>>,
}

/// Uma chave criada.
#[derive(Debug, Serialize, ToSchema)]
struct ChaveCriada {
    #[serde(flatten)]
    chave: Chave,
    /// O que vai em `Authorization: Bearer`, mostrado só aqui.
    #[serde(skip_serializing_if = "Option::is_none")]
    segredo: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// De 1 a 200.
    #[param(minimum = 1, maximum = 200)]
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

impl From<Key> for Chave {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            nome: key.nome,
            prefixo: key.prefixo,
            escopos: key.escopos.iter().filter_map(|codigo| Escopo::from_codigo(codigo)).collect(),
            usuario: key.usuario.into(),
            criada_por: key.criada_por.into(),
            criada_em: key.criada_em,
            expira_em: key.expira_em,
            usada_em: key.usada_em,
            revogada_em: key.revogada_em,
        }
    }
}

/// Lista as chaves, da mais nova à mais antiga.
#[utoipa::path(
    get, path = "/v1/chaves", tag = "Administracao", params(Filtro),
    responses((status = 200, body = Pagina<Chave>), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn list(
    State(app): State<App>,
    access: Acesso<Administra>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filter): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<Uuid>::new(filter.limite, filter.cursor.as_deref())?;
    let mut tx = app.db.snapshot(access.tenant).await?;
    let keys = keys::page(&mut tx, folha.depois, folha.rows()).await?;
    let itens: Vec<Chave> = keys.into_iter().map(Chave::from).collect();
    Ok(folha.close(itens, |last| last.id).linked(&uri))
}

/// Mostra uma chave, sem o segredo.
#[utoipa::path(
    get, path = "/v1/chaves/{id}", tag = "Administracao", params(("id" = Uuid, Path)),
    responses((status = 200, body = Chave), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn show(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<impl IntoResponse> {
    let mut tx = app.db.snapshot(access.tenant).await?;
    Ok(Json(Chave::from(keys::one(&mut tx, id).await?)))
}

/// Cria uma chave. O segredo só aparece nesta resposta.
#[utoipa::path(
    post, path = "/v1/chaves", tag = "Administracao", request_body = ChaveNova,
    responses((status = 201, body = ChaveCriada), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn create(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiJson(new): ApiJson<ChaveNova>,
) -> ApiResult<Response> {
    let nome = text("nome", &new.nome)?;
    if new.escopos.is_empty() || new.expira_em.is_some_and(|quando| quando <= Utc::now()) {
        let message = "Uma chave tem ao menos um escopo, e expira no futuro.";
        return Err(ApiError::recusado("chave_invalida", message));
    }
    if !new.escopos.is_subset(&access.escopos) {
        return Err(too_much());
    }
    let mut tx = app.db.tenant(access.tenant).await?;
    let usuario = acts_as(&mut tx, &access, &nome, new.usuario, new.permissoes).await?;
    let segredo = format!("{PREFIXO}{}", token::mint());
    let prefixo: String = segredo.chars().take(PREFIX_CHARS).collect();
    let key = NewKey {
        nome: &nome,
        prefixo: &prefixo,
        segredo: &segredo,
        escopos: new.escopos.iter().map(|escopo| escopo.codigo()).collect(),
        usuario,
        criada_por: access.pessoa.id,
        expira_em: new.expira_em,
    };
    let chave = Chave::from(keys::create(&mut tx, access.tenant, key).await?);
    tx.commit().await?;
    let place = [(header::LOCATION, format!("/v1/chaves/{}", chave.id))];
    let kept = ChaveCriada { chave: chave.clone(), segredo: None };
    let body = ChaveCriada { chave, segredo: Some(segredo) };
    Ok((StatusCode::CREATED, place, secret(body, &kept)?).into_response())
}

/// The service account that a key acts as: a new one, or that of another key.
async fn acts_as(
    tx: &mut PgTransaction<'_>,
    access: &Acesso<Administra>,
    nome: &str,
    usuario: Option<UserId>,
    permissoes: Option<Permissoes>,
) -> ApiResult<UserId> {
    let (id, person) = match (usuario, permissoes) {
        (Some(id), None) => (id, accounts::read_user(tx, id, true).await?.person),
        (None, Some(permissoes)) => {
            let id = UserId::from(Uuid::now_v7());
            let login = format!("servico-{}", id.uuid().simple());
            let nome = nome.to_owned();
            let (ativo, servico) = (true, true);
            (id, Person { login, nome, permissoes, ativo, servico, ..Person::default() })
        }
        _ => {
            let message = "Diga permissoes, ou o usuario de outra chave; não os dois.";
            return Err(ApiError::recusado("chave_invalida", message));
        }
    };
    if !person.servico || person.permissoes.contains(&Permissao::Portal) {
        let message = "Uma chave age como uma pessoa de serviço, que não é de um cliente.";
        return Err(ApiError::recusado("chave_invalida", message));
    }
    if !person.permissoes.is_subset(&access.pessoa.permissoes) {
        return Err(too_much());
    }
    if usuario.is_none() {
        accounts::write_user(tx, access.tenant, id, &person, None).await?;
    }
    Ok(id)
}

/// Revoga uma chave: deixa de valer agora e não volta.
#[utoipa::path(
    delete, path = "/v1/chaves/{id}", tag = "Administracao", params(("id" = Uuid, Path)),
    responses((status = 204), Problemas),
    security(("token" = ["administrar"])),
)]
pub async fn revoke(
    State(app): State<App>,
    access: Acesso<Administra>,
    ApiPath(id): ApiPath<Uuid>,
) -> ApiResult<StatusCode> {
    let mut tx = app.db.tenant(access.tenant).await?;
    keys::revoke(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
