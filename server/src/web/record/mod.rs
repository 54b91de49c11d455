//! `/registros/{kind}/{id}`: one record, whole, with everything that the person may do to it.
//!
//! `load` gathers, `view` shapes it for the template; each subject has a module with what is shown
//! of it and its buttons. A refused form comes back as the same page (422) with what was typed.

pub mod actions;
pub mod disputes;
pub mod erp;
pub mod fields;
pub mod flow;
mod gallery;
pub mod history;
mod load;
pub mod parts;
pub mod people;
pub mod quality;
mod view;

use super::{
    form::Draft,
    page::{self, PageError, PageResult, Visit},
};
use crate::app::App;
use axum::{
    extract::{FromRequestParts, Path, Query, State},
    http::{StatusCode, request::Parts},
    response::Redirect,
};
use campo_domain::{ids::DocumentId, kind::Kind};
use serde::Deserialize;

/// Which record: the two parts of its path.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// Its kind, as the path says.
    pub kind: Kind,
    /// Its id.
    pub id: DocumentId,
}

impl Which {
    /// The path of its page.
    pub fn path(self) -> String {
        format!("/registros/{}/{}", self.kind, self.id)
    }
}

impl FromRequestParts<App> for Which {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let Ok(Path((kind, id))) = Path::<(String, String)>::from_request_parts(parts, app).await
        else {
            return Err(PageError::not_found());
        };
        match (kind.parse(), id.parse()) {
            (Ok(kind), Ok(id)) => Ok(Self { kind, id }),
            _ => Err(PageError::not_found()),
        }
    }
}

/// The query string.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Which view of the acompanhamento.
    #[serde(default)]
    visao: String,
    /// How many lines of it.
    #[serde(default)]
    historico: String,
    /// Whom to look for, to choose another cliente.
    #[serde(default)]
    cliente: String,
}

/// `GET /registros/{kind}/{id}`.
///
/// # Errors
/// 404 for what is not there or may not be seen.
pub async fn show(
    State(app): State<App>,
    which: Which,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> PageResult {
    render(&app, &visit, which, &asked, None).await
}

/// `GET` of a button's address: the page of its record.
pub async fn home(which: Which) -> Redirect {
    Redirect::to(&which.path())
}

/// The page, with the draft of a form that was refused (then 422).
async fn render(
    app: &App,
    visit: &Visit,
    which: Which,
    asked: &Asked,
    draft: Option<&Draft>,
) -> PageResult {
    let Some(loaded) = load::load(app, visit, which, asked).await? else {
        return Err(PageError::not_found());
    };
    let page = view::page(visit, loaded, draft);
    let status = match draft {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    page::answer_shell(status, &page.shell, &page)
}
