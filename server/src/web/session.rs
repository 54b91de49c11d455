//! `/entrar` and `/sair`.

use super::{
    form::Form,
    page::{self, PageError, PageResult},
};
use crate::{
    app::App,
    auth::{
        office::{self, OfficeAuth, local_path},
        throttle::ClientIp,
    },
    error::ApiError,
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use std::time::Duration;

const COMPANY_COOKIE: &str = "campo_empresa";
const COMPANY_KEPT: Duration = Duration::from_secs(365 * 86_400);

#[derive(Template)]
#[template(path = "entrar.html")]
struct EnterPage {
    company: String,
    login: String,
    back: String,
    error: Option<String>,
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    voltar: String,
}

/// `GET /entrar`.
///
/// # Errors
/// The page cannot be rendered.
pub async fn form(
    auth: Result<OfficeAuth, Response>,
    Query(back): Query<Back>,
    jar: CookieJar,
) -> PageResult {
    let back = local_path(&back.voltar).to_owned();
    if auth.is_ok() {
        return Ok(Redirect::to(&back).into_response());
    }
    let company = jar.get(COMPANY_COOKIE).map_or("", |cookie| cookie.value()).to_owned();
    let page = EnterPage { company, login: String::new(), back, error: None };
    page::answer(StatusCode::OK, &page)
}

/// `POST /entrar`. There is no session yet and so no CSRF token: the browser says whose form it
/// was.
///
/// # Errors
/// The page cannot be rendered.
pub async fn enter(
    State(app): State<App>,
    ip: ClientIp,
    headers: HeaderMap,
    jar: CookieJar,
    sent: Form,
) -> PageResult {
    let (company, login) = (sent.get("empresa"), sent.get("login"));
    let back = local_path(&sent.get("voltar")).to_owned();
    let signed_in = match from_elsewhere(&headers) {
        true => Err(ApiError::sem_permissao()),
        false => office::sign_in(&app, ip, &company, &login, &sent.get("senha")).await,
    };
    match signed_in {
        Ok(session) => {
            let company = company.trim().to_lowercase();
            let kept = page::cookie(&app, COMPANY_COOKIE, company, COMPANY_KEPT);
            Ok((jar.add(session).add(kept), Redirect::to(&back)).into_response())
        }
        Err(error) if error.status.is_client_error() => {
            let (status, message) = (error.status, error.mensagem.to_string());
            let page = EnterPage { company, login, back, error: Some(message) };
            page::answer(status, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// `POST /sair`.
///
/// # Errors
/// The form is not of this session.
pub async fn leave(
    State(app): State<App>,
    auth: OfficeAuth,
    jar: CookieJar,
    sent: Form,
) -> Result<Response, PageError> {
    auth.check_csrf(&sent.get("csrf"))?;
    let gone = office::sign_out(&app, &auth).await?;
    Ok((jar.add(gone), Redirect::to("/entrar")).into_response())
}
