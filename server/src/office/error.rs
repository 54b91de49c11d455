//! Why the office's command was not done.

use crate::error::ApiError;
use campo_domain::refusal::Refusal;

/// Why the office's command was not done.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such record for this person.
    #[error("not found")]
    NotFound,
    /// Something failed; nothing was written.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<sqlx::Error> for OfficeError {
    fn from(error: sqlx::Error) -> Self {
        OfficeError::Internal(error.into())
    }
}

impl From<OfficeError> for ApiError {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Refused(refusal) => refusal.into(),
            OfficeError::NotFound => Self::nao_encontrado(),
            OfficeError::Internal(error) => error.into(),
        }
    }
}
