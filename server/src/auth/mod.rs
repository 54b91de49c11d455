//! Authentication: people, devices and sessions.
//!
//! `device` has the sessions of the app (bearer tokens), `office` those of the pages (a cookie).
//! Both check passwords here, after the throttle. What a person may do is decided by
//! `campo_domain`.

pub mod accounts;
pub(crate) mod company;
pub mod device;
pub(crate) mod keys;
pub mod messages;
pub mod office;
pub mod password;
#[cfg(test)]
mod tests;
pub mod throttle;
pub mod token;

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};
use axum::http::StatusCode;
use campo_domain::{
    ids::{TenantId, UserId},
    pessoa::{Permissoes, Pessoa},
};
use sqlx::{Row, postgres::PgRow};
use throttle::{Attempt, ClientIp};
use uuid::Uuid;

/// Checks a password. Every sign-in goes through here.
///
/// # Errors
/// `credenciais_invalidas` (401), whichever of the three is wrong; `usuario_inativo` (403);
/// `muitas_tentativas` (429).
async fn check_password(
    app: &App,
    ip: ClientIp,
    empresa: &str,
    login: &str,
    senha: &str,
) -> ApiResult<(TenantId, UserId)> {
    let (empresa, login) = (empresa.trim().to_lowercase(), login.trim().to_lowercase());
    let odd = |text: &str| text.len() > 200 || text.chars().any(char::is_control);
    if odd(&empresa) || odd(&login) {
        return Err(wrong());
    }
    let pool = app.db.pool();
    let attempt = Attempt::begin(pool, &empresa, &login, ip).await?;
    let row = sqlx::query("SELECT * FROM identidade_por_login($1, $2)")
        .bind(&empresa)
        .bind(&login)
        .fetch_optional(pool)
        .await?;
    let hash = row.as_ref().map(|row| row.try_get("senha_hash")).transpose()?;
    if !password::verify(senha, hash).await? {
        return Err(wrong());
    }
    let row = row.ok_or_else(wrong)?;
    attempt.succeeded(pool).await?;
    if !row.try_get::<bool, _>("ativo")? {
        return Err(inactive());
    }
    let tenant: Uuid = row.try_get("tenant")?;
    let usuario: Uuid = row.try_get("usuario")?;
    Ok((tenant.into(), usuario.into()))
}

fn wrong() -> ApiError {
    let message = "Empresa, login ou senha não conferem. Confira e tente de novo.";
    ApiError::new(StatusCode::UNAUTHORIZED, "credenciais_invalidas", message)
}

pub(crate) fn inactive() -> ApiError {
    let message = "Este usuário foi desativado. Fale com quem administra o Campo na empresa.";
    ApiError::new(StatusCode::FORBIDDEN, "usuario_inativo", message)
}

/// The person in a row of one of the SQL functions `identidade_por_…`.
fn pessoa(row: &PgRow, ativo: bool) -> sqlx::Result<Pessoa> {
    let grupos: Vec<String> = row.try_get("grupos")?;
    Ok(Pessoa {
        id: row.try_get::<Uuid, _>("usuario")?.into(),
        nome: row.try_get("nome")?,
        permissoes: permissoes(row)?,
        ativo,
        grupos: grupos.into_iter().collect(),
        filial: row.try_get("filial")?,
        cliente: row.try_get::<Option<Uuid>, _>("cliente")?.map(Into::into),
    })
}

/// The permissions of a row. Codes that this version does not know are ignored.
fn permissoes(row: &PgRow) -> sqlx::Result<Permissoes> {
    let names: Vec<String> = row.try_get("permissoes")?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
