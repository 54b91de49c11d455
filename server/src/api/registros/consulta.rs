//! What a cursor that was tampered with is told.

use crate::{error::ApiError, http::page};

/// A cursor that was tampered with holds a value that its column cannot have.
pub fn cursor_estranho(error: sqlx::Error) -> ApiError {
    let code = error.as_database_error().and_then(|error| error.code());
    // Data exceptions: no such text, number, or time.
    if code.is_some_and(|code| code.starts_with("22")) {
        return page::bad_cursor();
    }
    error.into()
}
