//! The JSON of sign-in and refresh, as it travels.

use campo_domain::{
    ids::{DeviceId, TenantId, UserId},
    pessoa::Permissoes,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/auth/login`.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Login {
    /// Slug of the company.
    pub empresa: String,
    /// Login of the person.
    pub login: String,
    /// Password.
    pub senha: String,
    /// The installation's id.
    #[schema(value_type = Uuid)]
    pub dispositivo: DeviceId,
    /// How people call the device.
    #[serde(default)]
    pub dispositivo_nome: String,
}

/// Body of `POST /v1/auth/refresh`.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Refresh {
    /// The refresh token of the last answer that arrived.
    pub renovacao: String,
}

/// A pair of tokens and who they belong to: answer of login and refresh.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Granted {
    /// Access token, for `Authorization: Bearer`.
    pub acesso: String,
    /// When the access token stops working.
    pub acesso_expira_em: DateTime<Utc>,
    /// Refresh token; store it before using the access token.
    pub renovacao: String,
    /// The person.
    pub usuario: Usuario,
    /// The company.
    pub tenant: Empresa,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
}

/// The person of a session.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = SessaoUsuario)]
pub struct Usuario {
    /// Id.
    #[schema(value_type = Uuid)]
    pub id: UserId,
    /// Name.
    pub nome: String,
    /// Login.
    pub login: String,
    /// What the person may do.
    #[schema(value_type = Vec<crate::schemas::Permissao>)]
    pub permissoes: Permissoes,
}

/// The company of a session.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = SessaoEmpresa)]
pub struct Empresa {
    /// Id.
    #[schema(value_type = Uuid)]
    pub id: TenantId,
    /// Name.
    pub nome: String,
    /// Time zone (IANA).
    pub fuso: String,
    /// Slug.
    pub slug: String,
}
