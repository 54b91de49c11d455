//! Sessions of the app on a device: a short-lived access token, and a refresh token that is
//! replaced each time it is used.
//!
//! A phone on a bad network may lose the response with the new pair. So the previous refresh token
//! works until the current pair has been used. Any other old refresh token means that two parties
//! have the session; then it is ended.

use crate::{
    app::App,
    auth::{
        check_password, inactive,
        messages::{Empresa, Granted, Login, Refresh, Usuario},
        permissoes,
        throttle::ClientIp,
        token,
    },
    error::{ApiError, ApiResult},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use campo_domain::{
    ids::{DeviceId, TenantId, UserId},
    pessoa::Pessoa,
};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row};
use uuid::Uuid;

/// Signs a person in on a device. A session that the person had there ends.
///
/// # Errors
/// `credenciais_invalidas`, `usuario_inativo`, `dispositivo_revogado`, `muitas_tentativas`.
pub async fn sign_in(app: &App, ip: ClientIp, body: &Login) -> ApiResult<Granted> {
    if body.dispositivo == DeviceId::ESCRITORIO {
        return Err(ApiError::invalido("O campo dispositivo precisa ser o id da instalação."));
    }
    let (tenant, usuario) =
        check_password(app, ip, &body.empresa, &body.login, &body.senha).await?;
    let nome: String =
        body.dispositivo_nome.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    let mut tx = app.db.tenant(tenant).await?;
    let revoked: bool = sqlx::query_scalar(
        "INSERT INTO dispositivo AS d (tenant, id, nome, visto_em) VALUES ($1, $2, $3, now()) \
         ON CONFLICT (tenant, id) DO UPDATE SET visto_em = now(), \
             nome = CASE WHEN excluded.nome = '' THEN d.nome ELSE excluded.nome END \
         RETURNING revogado_em IS NOT NULL",
    )
    .bind(tenant.uuid())
    .bind(body.dispositivo.uuid())
    .bind(nome)
    .fetch_one(&mut *tx)
    .await?;
    if revoked {
        return Err(device_revoked());
    }
    // A person has one session on each device.
    sqlx::query(
        "UPDATE device_session SET revogado_em = now() \
         WHERE usuario = $1 AND dispositivo = $2 AND revogado_em IS NULL",
    )
    .bind(usuario.uuid())
    .bind(body.dispositivo.uuid())
    .execute(&mut *tx)
    .await?;
    let pair = Pair::mint(app);
    let session = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO device_session (tenant, id, usuario, dispositivo, access_hash, \
             access_expira_em, refresh_hash, refresh_expira_em) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.uuid())
    .bind(session)
    .bind(usuario.uuid())
    .bind(body.dispositivo.uuid())
    .bind(token::hash(&pair.access))
    .bind(pair.access_until)
    .bind(token::hash(&pair.refresh))
    .bind(pair.refresh_until)
    .execute(&mut *tx)
    .await?;
    let granted = pair.granted(&mut tx, usuario).await?;
    tx.commit().await?;
    Ok(granted)
}

/// Gives a new pair of tokens for the refresh token of the last answer that arrived.
///
/// # Errors
/// `nao_autenticado` for a token that never was; `sessao_expirada`, `sessao_revogada`,
/// `dispositivo_revogado`, `usuario_inativo`.
pub async fn renew(app: &App, body: &Refresh) -> ApiResult<Granted> {
    let presented = token::hash(&body.renovacao);
    let found = sqlx::query("SELECT * FROM sessao_por_renovacao($1)")
        .bind(&presented)
        .fetch_optional(app.db.pool())
        .await?
        .ok_or_else(ApiError::nao_autenticado)?;
    let tenant = TenantId::from(found.try_get::<Uuid, _>("tenant")?);
    let session: Uuid = found.try_get("sessao")?;

    let mut tx = app.db.tenant(tenant).await?;
    let row = sqlx::query(
        "SELECT s.usuario, s.refresh_hash, s.refresh_anterior_hash, s.par_usado, \
                s.refresh_expira_em <= now() AS expirada, s.revogado_em IS NOT NULL AS revogada, \
                d.revogado_em IS NOT NULL AS dispositivo_revogado, u.ativo \
         FROM device_session s \
         JOIN dispositivo d ON d.tenant = s.tenant AND d.id = s.dispositivo \
         JOIN usuario u ON u.tenant = s.tenant AND u.id = s.usuario \
         WHERE s.id = $1 FOR UPDATE OF s",
    )
    .bind(session)
    .fetch_one(&mut *tx)
    .await?;
    check(
        row.try_get("dispositivo_revogado")?,
        row.try_get("revogada")?,
        row.try_get("ativo")?,
        row.try_get("expirada")?,
    )?;
    let current: Vec<u8> = row.try_get("refresh_hash")?;
    let previous: Option<Vec<u8>> = row.try_get("refresh_anterior_hash")?;
    let lost_answer =
        previous.as_ref() == Some(&presented) && !row.try_get::<bool, _>("par_usado")?;
    // The hash that is no longer current nor previous; it is remembered to recognise its reuse.
    let retired = if presented == current {
        previous
    } else if lost_answer {
        Some(current)
    } else {
        revoke(&mut tx, session).await?;
        tx.commit().await?;
        tracing::warn!(%tenant, %session, "an old refresh token was replayed: session revoked");
        return Err(session_revoked());
    };
    let pair = Pair::mint(app);
    replace(app, &mut tx, tenant, session, &presented, retired, &pair).await?;
    let granted = pair.granted(&mut tx, row.try_get::<Uuid, _>("usuario")?.into()).await?;
    tx.commit().await?;
    Ok(granted)
}

/// Gives the session a new pair of tokens. The presented refresh token stays valid until the new
/// pair is used. A retired one is remembered for as long as it could have been used.
async fn replace(
    app: &App,
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    session: Uuid,
    presented: &[u8],
    retired: Option<Vec<u8>>,
    pair: &Pair,
) -> sqlx::Result<()> {
    if let Some(hash) = retired {
        sqlx::query("INSERT INTO refresh_antigo (tenant, hash, sessao) VALUES ($1, $2, $3)")
            .bind(tenant.uuid())
            .bind(hash)
            .bind(session)
            .execute(&mut **tx)
            .await?;
    }
    sqlx::query(
        "UPDATE device_session SET access_hash = $2, access_expira_em = $3, refresh_hash = $4, \
             refresh_expira_em = $5, refresh_anterior_hash = $6, par_usado = false WHERE id = $1",
    )
    .bind(session)
    .bind(token::hash(&pair.access))
    .bind(pair.access_until)
    .bind(token::hash(&pair.refresh))
    .bind(pair.refresh_until)
    .bind(presented)
    .execute(&mut **tx)
    .await?;
    // Older ones have expired and are refused without being remembered.
    sqlx::query(
        "DELETE FROM refresh_antigo WHERE sessao = $1 AND em < now() - $2 * interval '1 s'",
    )
    .bind(session)
    .bind(app.config.refresh_ttl.as_secs_f64())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends the session of a device.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn sign_out(app: &App, auth: &DeviceAuth) -> ApiResult<()> {
    let mut tx = app.db.tenant(auth.tenant).await?;
    revoke(&mut tx, auth.session).await?;
    Ok(tx.commit().await?)
}

async fn revoke(tx: &mut PgTransaction<'_>, session: Uuid) -> sqlx::Result<()> {
    sqlx::query("UPDATE device_session SET revogado_em = now() WHERE id = $1")
        .bind(session)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The person and the device of a request, from `Authorization: Bearer`.
#[derive(Clone, Debug)]
pub struct DeviceAuth {
    /// The company.
    pub tenant: TenantId,
    /// The person.
    pub pessoa: Pessoa,
    /// The installation.
    pub device: DeviceId,
    /// The session.
    pub session: Uuid,
}

/// The secret of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

impl FromRequestParts<App> for DeviceAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let access = bearer(&parts.headers).ok_or_else(ApiError::nao_autenticado)?;
        let row = sqlx::query("SELECT * FROM identidade_por_acesso($1)")
            .bind(token::hash(access))
            .fetch_optional(app.db.pool())
            .await?
            .ok_or_else(ApiError::nao_autenticado)?;
        let ativo = row.try_get("ativo")?;
        check(
            row.try_get("dispositivo_revogado")?,
            row.try_get("revogada")?,
            ativo,
            row.try_get("expirada")?,
        )?;
        let auth = Self {
            tenant: row.try_get::<Uuid, _>("tenant")?.into(),
            device: row.try_get::<Uuid, _>("dispositivo")?.into(),
            session: row.try_get("sessao")?,
            pessoa: super::pessoa(&row, ativo)?,
        };
        let used: bool = row.try_get("par_usado")?;
        if !used || !row.try_get::<bool, _>("visto_ha_pouco")? {
            auth.seen(app, access).await?;
        }
        Ok(auth)
    }
}

impl DeviceAuth {
    /// Records that the pair arrived and when the device was last seen.
    async fn seen(&self, app: &App, access: &str) -> ApiResult<()> {
        let mut tx = app.db.tenant(self.tenant).await?;
        // Only if the token is still current: a refresh may have happened at the same time.
        sqlx::query(
            "UPDATE device_session SET par_usado = true \
             WHERE id = $1 AND access_hash = $2 AND NOT par_usado",
        )
        .bind(self.session)
        .bind(token::hash(access))
        .execute(&mut *tx)
        .await?;
        sqlx::query("UPDATE dispositivo SET visto_em = now() WHERE id = $1")
            .bind(self.device.uuid())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// A fresh pair of tokens.
struct Pair {
    access: String,
    access_until: DateTime<Utc>,
    refresh: String,
    refresh_until: DateTime<Utc>,
}

impl Pair {
    fn mint(app: &App) -> Self {
        let now = Utc::now();
        Self {
            access: token::mint(),
            access_until: now + app.config.access_ttl,
            refresh: token::mint(),
            refresh_until: now + app.config.refresh_ttl,
        }
    }

    async fn granted(self, tx: &mut PgTransaction<'_>, usuario: UserId) -> ApiResult<Granted> {
        let row = sqlx::query(
            "SELECT u.nome, u.login, u.permissoes, \
                    t.id AS tenant, t.nome AS empresa, t.fuso, t.slug \
             FROM usuario u JOIN tenant t ON t.id = u.tenant WHERE u.id = $1",
        )
        .bind(usuario.uuid())
        .fetch_one(&mut **tx)
        .await?;
        Ok(Granted {
            acesso: self.access,
            acesso_expira_em: self.access_until,
            renovacao: self.refresh,
            usuario: Usuario {
                id: usuario,
                nome: row.try_get("nome")?,
                login: row.try_get("login")?,
                permissoes: permissoes(&row)?,
            },
            tenant: Empresa {
                id: row.try_get::<Uuid, _>("tenant")?.into(),
                nome: row.try_get("empresa")?,
                fuso: row.try_get("fuso")?,
                slug: row.try_get("slug")?,
            },
            server_time: Utc::now(),
        })
    }
}

fn check(device_gone: bool, revoked: bool, active: bool, expired: bool) -> ApiResult<()> {
    if device_gone {
        return Err(device_revoked());
    }
    if !active {
        return Err(inactive());
    }
    if revoked {
        return Err(session_revoked());
    }
    if expired {
        let message = "A sessão expirou. O que está no aparelho continua guardado; renove.";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "sessao_expirada", message));
    }
    Ok(())
}

fn session_revoked() -> ApiError {
    let message = "A sessão foi encerrada por segurança. O que está no aparelho continua \
                    guardado; entre de novo.";
    ApiError::new(StatusCode::UNAUTHORIZED, "sessao_revogada", message)
}

fn device_revoked() -> ApiError {
    let message = "Este aparelho foi bloqueado pela empresa. Fale com quem administra o Campo.";
    ApiError::new(StatusCode::FORBIDDEN, "dispositivo_revogado", message)
}
