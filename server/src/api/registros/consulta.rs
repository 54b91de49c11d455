//! How the queries of lists begin, and what a cursor that was tampered with is told.

use crate::{
    error::{ApiError, ApiResult},
    http::page,
    visibility::Viewer,
};
use chrono_tz::Tz;
use sqlx::{Arguments, Postgres, QueryBuilder, postgres::PgArguments};

/// A query that begins with its first three arguments: `$1` and `$2` as `visible!` wants them, `$3`
/// the company's time zone.
pub fn visto(viewer: Viewer, fuso: Tz) -> ApiResult<QueryBuilder<Postgres>> {
    let mut args = PgArguments::default();
    args.add(viewer.id).map_err(sqlx::Error::Encode)?;
    args.add(viewer.all).map_err(sqlx::Error::Encode)?;
    args.add(fuso.name()).map_err(sqlx::Error::Encode)?;
    Ok(QueryBuilder::with_arguments("", args))
}

/// A cursor that was tampered with holds a value that its column cannot have.
pub fn cursor_estranho(error: sqlx::Error) -> ApiError {
    let code = error.as_database_error().and_then(|error| error.code());
    // Data exceptions: no such text, number, or time.
    if code.is_some_and(|code| code.starts_with("22")) {
        return page::bad_cursor();
    }
    error.into()
}
