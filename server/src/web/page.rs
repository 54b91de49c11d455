//! What every page shares: who visits, the header, the notice shown once, errors as pages.

use crate::{
    app::App, auth::office::OfficeAuth, error::ApiError, office::OfficeError, reading,
    visibility::Viewer,
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use campo_domain::{kind::Kind, refusal::Refusal, registro::Registro, tipo::Tipo, workflow::Onde};
use campo_screens::{Look, Names};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::{collections::BTreeSet, time::Duration};

/// Result of a page's handler.
pub type PageResult = Result<Response, PageError>;

const NOTICE_COOKIE: &str = "campo_aviso";

macro_rules! notices {
    ($($variant:ident $code:literal $text:literal),+ $(,)?) => {
        /// What a page says once after something was done. The cookie holds its code, never a
        /// text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Notice { $($variant),+ }

        impl Notice {
            const ALL: &[Notice] = &[$(Notice::$variant),+];

            const fn code(self) -> &'static str {
                match self { $(Notice::$variant => $code),+ }
            }

            const fn text(self) -> &'static str {
                match self { $(Notice::$variant => $text),+ }
            }
        }
    };
}

notices! {
    Saved "gravado" "Alteração gravada.",
    Unchanged "igual" "O valor já era esse: nada foi alterado.",
    Created "criado" "Registro criado.",
    Moved "situacao" "Situação alterada.",
    Analysed "analise" "Análise registrada.",
    Noted "anotado" "Anotação incluída no acompanhamento.",
    Asked "acao" "Ação solicitada. O andamento aparece aqui quando o ERP responder.",
    Linked "corretiva" "Registro vinculado à ação corretiva.",
    Restricted "restrito" "Visualização restringida a quem está na lista e a quem administra.",
    Freed "liberado" "Visualização liberada.",
    Gone "fora" "Feito. O registro deixou de aparecer para você.",
    Settled "conflito" "Conflito resolvido: o valor escolhido vale para todos.",
    HeldApproved "aprovada" "Edição retida aprovada e aplicada ao registro.",
    HeldDiscarded "descartada" "Edição retida descartada. Ela continua visível para o autor.",
}

impl Notice {
    /// Back to a page (303), which then shows the notice.
    pub fn back_to(self, app: &App, path: &str) -> Response {
        let cookie = cookie(app, NOTICE_COOKIE, self.code().into(), Duration::from_secs(60));
        (CookieJar::new().add(cookie), Redirect::to(path)).into_response()
    }
}

/// A cookie of the pages, kept for so long.
pub fn cookie(app: &App, name: &'static str, value: String, keep: Duration) -> Cookie<'static> {
    let mut cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.secure_cookies)
        .build();
    cookie.set_max_age(keep.try_into().ok());
    cookie
}

/// A signed-in person who asks for a page, or for its `<main>` only (`X-Fragment: main`).
#[derive(Debug)]
pub struct Visit {
    /// Who.
    pub auth: OfficeAuth,
    /// When it was asked.
    pub now: DateTime<Utc>,
    fragment: bool,
    notice: Option<Notice>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let auth = OfficeAuth::from_request_parts(parts, app).await?;
        if auth.pessoa.portal() {
            let page = PortalPage { csrf: auth.csrf };
            return Err(answer(StatusCode::FORBIDDEN, &page).into_response());
        }
        let fragment = parts.headers.contains_key("x-fragment");
        let jar = CookieJar::from_headers(&parts.headers);
        let notice = jar.get(NOTICE_COOKIE).filter(|_| !fragment).and_then(|cookie| {
            Notice::ALL.iter().copied().find(|notice| notice.code() == cookie.value())
        });
        Ok(Self { auth, now: Utc::now(), fragment, notice })
    }
}

impl Visit {
    /// What of the company the person may read.
    pub fn viewer(&self) -> Viewer {
        Viewer::of(&self.auth.pessoa)
    }

    /// How the person sees a record now, in the office.
    pub fn look<'a>(&'a self, record: &'a Registro, tipo: &'a Tipo, names: &'a Names) -> Look<'a> {
        Look {
            record,
            expected: record,
            tipo,
            person: &self.auth.pessoa,
            place: Onde::Servidor,
            now: self.now,
            zone: self.auth.fuso,
            names,
        }
    }

    /// The header of the page. `section` is the path of its entry in the menu.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn shell(
        &self,
        tx: &mut PgTransaction<'_>,
        title: impl Into<String>,
        section: &'static str,
    ) -> sqlx::Result<Shell> {
        let kinds = reading::kinds(tx).await?;
        Ok(Shell {
            full: !self.fragment,
            title: title.into(),
            section,
            menu: menu(&kinds),
            kinds,
            company: self.auth.tenant_nome.clone(),
            person: self.auth.pessoa.nome.clone(),
            csrf: self.auth.csrf.clone(),
            held: reading::held_waiting(tx, self.viewer()).await?,
            notice: self.notice.map(Notice::text),
        })
    }
}

/// What `base.html` needs.
#[derive(Debug)]
pub struct Shell {
    /// False when only `<main>` is wanted.
    pub full: bool,
    /// Title of the page.
    pub title: String,
    /// Which entry of the menu is this.
    pub section: &'static str,
    /// Path and text of each entry of the menu.
    pub menu: Vec<(&'static str, &'static str)>,
    /// The kinds of record that the company has tipos of.
    pub kinds: BTreeSet<Kind>,
    /// The company.
    pub company: String,
    /// The person.
    pub person: String,
    /// For every form.
    pub csrf: String,
    /// Held branches that wait.
    pub held: i64,
    /// Said once.
    pub notice: Option<&'static str>,
}

/// The entry of the menu that records of a kind belong to, by its path.
pub const fn section(kind: Kind) -> &'static str {
    match kind {
        Kind::Ocorrencia => "/ocorrencias",
        Kind::Agenda => "/agenda",
        Kind::Assistencia | Kind::Cliente => "/assistencias",
    }
}

/// The lists of a company: only of what it keeps.
fn menu(kinds: &BTreeSet<Kind>) -> Vec<(&'static str, &'static str)> {
    let lists = [
        (Kind::Assistencia, ("/assistencias", "Assistências")),
        (Kind::Ocorrencia, ("/ocorrencias", "Ocorrências")),
        (Kind::Agenda, ("/agenda", "Agenda")),
    ];
    let kept = lists.into_iter().filter(|(kind, _)| kinds.is_empty() || kinds.contains(kind));
    kept.map(|(_, entry)| entry).collect()
}

/// `GET /`: the first list that the company has.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn home(State(app): State<App>, visit: Visit) -> Result<Redirect, PageError> {
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let first = menu(&reading::kinds(&mut tx).await?).first().map_or("/retidas", |(path, _)| path);
    Ok(Redirect::to(first))
}

/// What a client's login is told: its place is the portal, not the office.
#[derive(Template)]
#[template(path = "portal.html")]
struct PortalPage {
    csrf: String,
}

/// Renders a page. It holds what belongs to one company: nobody keeps a copy.
///
/// # Errors
/// The template fails, which is a bug.
pub fn answer(status: StatusCode, page: &impl Template) -> PageResult {
    let html = page.render().map_err(ApiError::interno)?;
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("X-Fragment, Cookie"));
    Ok(response)
}

/// As [`answer`], for a page with a header: a notice that it shows is not shown again.
///
/// # Errors
/// As [`answer`].
pub fn answer_shell(status: StatusCode, shell: &Shell, page: &impl Template) -> PageResult {
    let response = answer(status, page)?;
    if shell.notice.is_none() {
        return Ok(response);
    }
    let mut gone = Cookie::build((NOTICE_COOKIE, "")).path("/").build();
    gone.make_removal();
    Ok((CookieJar::new().add(gone), response).into_response())
}

/// A failure, as a page.
#[derive(Debug)]
pub struct PageError(ApiError);

impl PageError {
    /// 404, also for what the person may not know of.
    pub fn not_found() -> Self {
        Self(ApiError::nao_encontrado())
    }

    /// A refusal where no form could show it.
    pub fn refused(refusal: &Refusal) -> Self {
        Self(refusal.clone().into())
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<sqlx::Error> for PageError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.into())
    }
}

impl From<OfficeError> for PageError {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Refused(refusal) => Self::refused(&refusal),
            OfficeError::NotFound => Self::not_found(),
            OfficeError::Internal(cause) => Self(cause.into()),
        }
    }
}

#[derive(Template)]
#[template(path = "erro.html")]
struct ErrorPage {
    title: &'static str,
    message: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let title = match self.0.status {
            StatusCode::NOT_FOUND => "Página não encontrada",
            StatusCode::FORBIDDEN => "Sem permissão",
            status if status.is_server_error() => "Algo falhou",
            _ => "Não foi possível",
        };
        let page = ErrorPage { title, message: self.0.mensagem.to_string() };
        // The plain answer logs the cause and knows the headers; only its body becomes a page.
        let (mut parts, _) = self.0.into_response().into_parts();
        let Ok(html) = page.render() else { return parts.status.into_response() };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Response::from_parts(parts, html.into())
    }
}
