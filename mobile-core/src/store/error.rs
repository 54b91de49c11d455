//! What reading or writing the database and the files beside it can fail with.

/// Reading or writing the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored command or reference could not be read.
    #[error("a stored value could not be read")]
    Json(#[from] serde_json::Error),
    /// A photo's file could not be read or written.
    #[error("a file failed")]
    File(#[from] std::io::Error),
    /// A stored cursor could not be written.
    #[error("the cursor could not be stored")]
    Wire(#[from] campo_sync::wire::WireError),
}

/// The result of a storage function.
pub type Stored<T> = Result<T, StoreError>;
