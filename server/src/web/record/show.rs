//! `GET /registros/{kind}/{id}`: the page of a record.

use super::{
    load, view,
    which::{PageQuery, Which},
};
use crate::{
    app::App,
    web::{
        form::Draft,
        page::{self, PageError, PageResult, Visit},
    },
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Redirect,
};

/// `GET /registros/{kind}/{id}`.
///
/// # Errors
/// 404 for what is not there or may not be seen.
pub async fn show(
    State(app): State<App>,
    which: Which,
    Query(asked): Query<PageQuery>,
    visit: Visit,
) -> PageResult {
    render(&app, &visit, which, &asked, None).await
}

/// `GET` of a button's address: the page of its record.
pub async fn home(which: Which) -> Redirect {
    Redirect::to(&which.path())
}

/// The page, with the draft of a form that was refused (then 422).
pub async fn render(
    app: &App,
    visit: &Visit,
    which: Which,
    asked: &PageQuery,
    draft: Option<&Draft>,
) -> PageResult {
    let Some(read) = load::load(app, visit, which, asked).await? else {
        return Err(PageError::not_found());
    };
    let page = view::page(visit, read, draft);
    let status = match draft {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    page::answer_shell(status, &page.shell, &page)
}
