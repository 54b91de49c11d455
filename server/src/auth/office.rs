//! Sessions of the back office in a browser: one cookie, one CSRF token. The forms are in `web`.

use crate::{
    app::App,
    auth::{check_password, throttle::ClientIp, token},
    error::{ApiError, ApiResult},
};
use axum::{
    extract::FromRequestParts,
    http::{Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use campo_domain::{ids::TenantId, pessoa::Pessoa};
use chrono::Utc;
use sqlx::Row;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Name of the cookie.
pub(crate) const COOKIE: &str = "campo_sessao";

/// Signs a person in; the cookie goes into the answer (`jar.add(cookie)`).
///
/// # Errors
/// `credenciais_invalidas`, `usuario_inativo`, `muitas_tentativas`.
pub async fn sign_in(
    app: &App,
    ip: ClientIp,
    empresa: &str,
    login: &str,
    senha: &str,
) -> ApiResult<Cookie<'static>> {
    let (tenant, usuario) = check_password(app, ip, empresa, login, senha).await?;
    let secret = token::mint();
    let mut tx = app.db.tenant(tenant).await?;
    sqlx::query(
        "INSERT INTO office_session (tenant, id, usuario, token_hash, csrf, expira_em) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(usuario.uuid())
    .bind(token::hash(&secret))
    .bind(token::mint())
    .bind(Utc::now() + app.config.session_ttl)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut cookie = cookie(app, secret);
    // Fails only for absurdly long sessions; then the cookie ends with the browser.
    cookie.set_max_age(app.config.session_ttl.try_into().ok());
    Ok(cookie)
}

/// Ends the session; the cookie that comes back removes the browser's (`jar.add(cookie)`).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn sign_out(app: &App, auth: &OfficeAuth) -> ApiResult<Cookie<'static>> {
    let mut tx = app.db.tenant(auth.tenant).await?;
    sqlx::query("UPDATE office_session SET revogado_em = now() WHERE id = $1")
        .bind(auth.session)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    let mut cookie = cookie(app, String::new());
    cookie.make_removal();
    Ok(cookie)
}

fn cookie(app: &App, value: String) -> Cookie<'static> {
    Cookie::build((COOKIE, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.secure_cookies)
        .build()
}

/// The person of a back-office request, from the cookie.
///
/// Without a session a page is answered with a redirect to `/entrar?voltar=PATH`, anything else
/// with 401.
#[derive(Clone, Debug)]
pub struct OfficeAuth {
    /// The company.
    pub tenant: TenantId,
    /// Its name.
    pub tenant_nome: String,
    /// Its time zone.
    pub fuso: chrono_tz::Tz,
    /// The person.
    pub pessoa: Pessoa,
    /// The token that every form of the session must send.
    pub csrf: String,
    session: Uuid,
}

impl OfficeAuth {
    /// Checks that a form was sent from a page of this session. Compares in constant time.
    ///
    /// # Errors
    /// 403 `formulario_expirado`.
    pub(crate) fn check_csrf(&self, sent: &str) -> ApiResult<()> {
        if bool::from(self.csrf.as_bytes().ct_eq(sent.as_bytes())) {
            return Ok(());
        }
        let message = "O formulário expirou e nada foi alterado. Recarregue a página e repita.";
        Err(ApiError::new(StatusCode::FORBIDDEN, "formulario_expirado", message))
    }

    async fn find(parts: &Parts, app: &App) -> ApiResult<Option<Self>> {
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(cookie) = jar.get(COOKIE) else {
            return Ok(None);
        };
        let found = sqlx::query("SELECT * FROM identidade_por_cookie($1)")
            .bind(token::hash(cookie.value()))
            .fetch_optional(app.db.pool())
            .await?;
        let Some(row) = found else { return Ok(None) };
        let time_zone: String = row.try_get("fuso")?;
        let time_zone = time_zone.parse().map_err(ApiError::interno)?;
        Ok(Some(Self {
            tenant: row.try_get::<Uuid, _>("tenant")?.into(),
            tenant_nome: row.try_get("tenant_nome")?,
            fuso: time_zone,
            pessoa: super::pessoa(&row, true)?,
            csrf: row.try_get("csrf")?,
            session: row.try_get("sessao")?,
        }))
    }
}

impl FromRequestParts<App> for OfficeAuth {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Self::find(parts, app).await {
            Ok(Some(auth)) => Ok(auth),
            Ok(None) => Err(sign_in_first(parts)),
            Err(error) => Err(error.into_response()),
        }
    }
}

fn sign_in_first(parts: &Parts) -> Response {
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accept.unwrap_or("*/*").split(',').any(|kind| wants_page(kind.trim())) {
        return ApiError::nao_autenticado().into_response();
    }
    // A POST cannot be repeated by a redirect, so it leads to the start page.
    let path = match parts.method {
        Method::GET => parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        _ => "/",
    };
    Redirect::to(&format!("/entrar?voltar={}", escape(local_path(path)))).into_response()
}

fn wants_page(kind: &str) -> bool {
    kind.starts_with("text/html") || kind.starts_with("*/*")
}

/// `path` if it is a path of this server, else `/`, to prevent open redirects.
pub(crate) fn local_path(path: &str) -> &str {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
        && path.len() <= 2_000;
    if ours { path } else { "/" }
}

/// Percent-encodes a value of a query.
fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_returns_only_to_a_page_of_ours() {
        for ours in ["/", "/assistencias", "/assistencias?situacao=aberta&pagina=2"] {
            assert_eq!(local_path(ours), ours);
        }
        for other in [
            "",
            "assistencias",
            "//mau.example",
            "/\\mau.example",
            "https://mau.example",
            "/\tmau",
            "/a\r\nSet-Cookie: x=1",
        ] {
            assert_eq!(local_path(other), "/", "{other:?}");
        }
    }

    #[test]
    fn the_way_back_survives_the_query() {
        assert_eq!(escape("/a?b=c&d=é"), "/a%3Fb%3Dc%26d%3D%C3%A9");
    }
}
