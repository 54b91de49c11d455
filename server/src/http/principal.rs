//! Who calls the API: a person with the token of a sign-in, or a program with a key.
//!
//! A cookie of the office's pages opens nothing here: a page elsewhere could make a browser send
//! it. A program acts as a person of service, so that what it may do and what it did read like
//! anybody's.

use crate::{
    app::App,
    auth::{
        device::{self, DeviceAuth},
        token,
    },
    error::{ApiError, ApiResult},
    ledger,
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::Response,
};
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    pessoa::{Permissao, Pessoa},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::{collections::BTreeSet, marker::PhantomData, ops::Deref};
use utoipa::ToSchema;
use uuid::Uuid;

/// What every key begins with.
pub const PREFIXO: &str = "campo_";

/// What a key may be used for. A person's own token is good for everything: the permissions bind.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Escopo {
    /// Read records.
    #[serde(rename = "registros:ler")]
    RegistrosLer,
    /// Create and change records.
    #[serde(rename = "registros:escrever")]
    RegistrosEscrever,
    /// Answer ações.
    #[serde(rename = "acoes:responder")]
    AcoesResponder,
    /// Read catalogues, tipos and people's names.
    #[serde(rename = "catalogos:ler")]
    CatalogosLer,
    /// Change catalogues.
    #[serde(rename = "catalogos:escrever")]
    CatalogosEscrever,
    /// Look after the company.
    #[serde(rename = "administrar")]
    Administrar,
}

impl Escopo {
    /// Every scope.
    pub const TODOS: [Escopo; 6] = [
        Escopo::RegistrosLer,
        Escopo::RegistrosEscrever,
        Escopo::AcoesResponder,
        Escopo::CatalogosLer,
        Escopo::CatalogosEscrever,
        Escopo::Administrar,
    ];

    /// The stable name: what is stored and what travels.
    pub const fn codigo(self) -> &'static str {
        match self {
            Escopo::RegistrosLer => "registros:ler",
            Escopo::RegistrosEscrever => "registros:escrever",
            Escopo::AcoesResponder => "acoes:responder",
            Escopo::CatalogosLer => "catalogos:ler",
            Escopo::CatalogosEscrever => "catalogos:escrever",
            Escopo::Administrar => "administrar",
        }
    }

    /// The scope of that name.
    pub fn from_codigo(codigo: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|escopo| escopo.codigo() == codigo)
    }
}

/// Who asks. Handlers get it through [`Acesso`] or [`Portal`] only.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The company.
    pub tenant: TenantId,
    /// The person, of service if a key was shown.
    pub pessoa: Pessoa,
    /// What the key is good for; everything for a person.
    pub escopos: BTreeSet<Escopo>,
    /// The key, if it is one.
    pub chave: Option<Uuid>,
}

impl Principal {
    /// Which caller this is: a key, or a person.
    pub fn id(&self) -> Uuid {
        self.chave.unwrap_or(self.pessoa.id.uuid())
    }

    /// Whether the person holds the permission.
    ///
    /// # Errors
    /// 403 `sem_permissao`.
    pub fn exige(&self, permissao: Permissao) -> ApiResult<()> {
        if self.pessoa.pode(permissao) {
            return Ok(());
        }
        Err(Refusal::sem_permissao(permissao).into())
    }

    fn exige_escopo(&self, escopo: Escopo) -> ApiResult<()> {
        if self.escopos.contains(&escopo) {
            return Ok(());
        }
        let codigo = escopo.codigo();
        let mensagem = format!("Esta chave não tem o escopo “{codigo}”. Crie outra que o tenha.");
        let status = StatusCode::FORBIDDEN;
        Err(ApiError::new(status, "escopo_insuficiente", mensagem).with("escopo", codigo))
    }

    async fn of(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let bearer = device::bearer(&parts.headers).ok_or_else(ApiError::nao_autenticado)?;
        if bearer.starts_with(PREFIXO) {
            return Self::by_key(bearer, app).await;
        }
        let DeviceAuth { tenant, pessoa, .. } = DeviceAuth::from_request_parts(parts, app).await?;
        Ok(Self { tenant, pessoa, escopos: Escopo::TODOS.into(), chave: None })
    }

    async fn by_key(secret: &str, app: &App) -> ApiResult<Self> {
        let row = sqlx::query("SELECT * FROM identidade_por_chave($1)")
            .bind(token::hash(secret))
            .fetch_optional(app.db.pool())
            .await?
            .ok_or_else(ApiError::nao_autenticado)?;
        for (column, codigo, what) in [
            ("revogada", "chave_revogada", "foi revogada"),
            ("expirada", "chave_expirada", "expirou"),
        ] {
            if row.try_get(column)? {
                let mensagem = format!("Esta chave {what}. Peça outra a quem administra o Campo.");
                return Err(ApiError::new(StatusCode::UNAUTHORIZED, codigo, mensagem));
            }
        }
        let tenant = TenantId::from(row.try_get::<Uuid, _>("tenant")?);
        let chave: Uuid = row.try_get("chave")?;
        let usuario = UserId::from(row.try_get::<Uuid, _>("usuario")?);
        let escopos: Vec<String> = row.try_get("escopos")?;
        let mut tx = app.db.tenant(tenant).await?;
        let pessoa = ledger::pessoa(&mut tx, tenant, usuario).await?;
        if !pessoa.ativo {
            return Err(crate::auth::inactive());
        }
        if !row.try_get::<bool, _>("usada_ha_pouco")? {
            sqlx::query("UPDATE chave_api SET usada_em = now() WHERE id = $1")
                .bind(chave)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        // A scope that this version does not know grants nothing.
        let escopos = escopos.iter().filter_map(|codigo| Escopo::from_codigo(codigo)).collect();
        Ok(Self { tenant, pessoa, escopos, chave: Some(chave) })
    }
}

/// The layer that finds out who asks, for every route of the API.
///
/// # Errors
/// 401, or 403 for somebody who was deactivated or whose device was blocked.
pub async fn authenticate(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let (mut parts, body) = request.into_parts();
    let principal = Principal::of(&mut parts, &app).await?;
    parts.extensions.insert(principal);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// What a route asks of whoever calls it.
pub(crate) trait Exigencia: Send + Sync + 'static {
    /// The scope that a key needs.
    const ESCOPO: Escopo;
    /// A permission that the person needs, whatever else is judged later.
    const PERMISSAO: Option<Permissao> = None;
}

/// Reads records.
#[derive(Debug)]
pub struct LerRegistros;

impl Exigencia for LerRegistros {
    const ESCOPO: Escopo = Escopo::RegistrosLer;
    const PERMISSAO: Option<Permissao> = Some(Permissao::Ver);
}

/// Writes records.
#[derive(Debug)]
pub struct EscreverRegistros;

impl Exigencia for EscreverRegistros {
    const ESCOPO: Escopo = Escopo::RegistrosEscrever;
    const PERMISSAO: Option<Permissao> = Some(Permissao::Ver);
}

/// Answers ações.
#[derive(Debug)]
pub struct ResponderAcoes;

impl Exigencia for ResponderAcoes {
    const ESCOPO: Escopo = Escopo::AcoesResponder;
    const PERMISSAO: Option<Permissao> = Some(Permissao::Ver);
}

/// Reads reference data.
#[derive(Debug)]
pub struct LerCatalogos;

impl Exigencia for LerCatalogos {
    const ESCOPO: Escopo = Escopo::CatalogosLer;
}

/// Writes catalogues; the handler judges which.
#[derive(Debug)]
pub struct EscreverCatalogos;

impl Exigencia for EscreverCatalogos {
    const ESCOPO: Escopo = Escopo::CatalogosEscrever;
}

/// Looks after the company.
#[derive(Debug)]
pub struct Administra;

impl Exigencia for Administra {
    const ESCOPO: Escopo = Escopo::Administrar;
    const PERMISSAO: Option<Permissao> = Some(Permissao::Administrar);
}

/// Proof that whoever asks may use a route of the company's own people. Not for portal logins.
#[derive(Clone, Debug)]
pub struct Acesso<E>(Principal, PhantomData<E>);

impl<E> Deref for Acesso<E> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<E: Exigencia> FromRequestParts<App> for Acesso<E> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        let principal = found(parts, E::ESCOPO)?;
        let pessoa = &principal.pessoa;
        if let Some(permissao) = E::PERMISSAO {
            principal.exige(permissao)?;
        }
        let staff = pessoa.pode(Permissao::Ver) || pessoa.pode(Permissao::Administrar);
        if !staff || pessoa.cliente.is_some() {
            return Err(ApiError::sem_permissao());
        }
        Ok(Self(principal, PhantomData))
    }
}

/// Proof that whoever asks is a client's login (`Permissao::Portal`), and which client's.
#[derive(Clone, Debug)]
pub struct Portal<E> {
    principal: Principal,
    /// The client.
    pub cliente: DocumentId,
    exigencia: PhantomData<E>,
}

impl<E> Deref for Portal<E> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<E: Exigencia> FromRequestParts<App> for Portal<E> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        let principal = found(parts, E::ESCOPO)?;
        principal.exige(Permissao::Portal)?;
        let cliente = principal.pessoa.cliente.ok_or_else(ApiError::sem_permissao)?;
        Ok(Self { principal, cliente, exigencia: PhantomData })
    }
}

/// Proof of either: the company's own people, or a client's login. What a client may have of it the
/// handler judges.
#[derive(Clone, Debug)]
pub struct Qualquer<E>(Principal, PhantomData<E>);

impl<E> Deref for Qualquer<E> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<E: Exigencia> FromRequestParts<App> for Qualquer<E> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let principal = match Acesso::<E>::from_request_parts(parts, app).await {
            Ok(acesso) => acesso.0,
            Err(refused) => match Portal::<E>::from_request_parts(parts, app).await {
                Ok(portal) => portal.principal,
                Err(_) => return Err(refused),
            },
        };
        Ok(Self(principal, PhantomData))
    }
}

fn found(parts: &Parts, escopo: Escopo) -> ApiResult<Principal> {
    // Absent only where the layer is: then nobody may come in.
    let principal = parts.extensions.get::<Principal>().cloned();
    let principal = principal.ok_or_else(ApiError::nao_autenticado)?;
    principal.exige_escopo(escopo)?;
    Ok(principal)
}
