//! What the terminal client ends with when it could not do what was asked.

use campo_mobile_core::Error;

/// What went wrong: Campo's own errors, and what was typed wrongly.
pub enum Failure {
    Campo(Error),
    Usage(String),
}

impl Failure {
    /// A stable code and what the person reads.
    pub fn said(&self) -> (String, String) {
        match self {
            Failure::Campo(error) => (error.codigo().to_owned(), error.to_string()),
            Failure::Usage(text) => ("uso".to_owned(), text.clone()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Campo(error)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure::Usage(text)
    }
}
