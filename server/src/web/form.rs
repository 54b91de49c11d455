//! A form as it was sent, and what is kept of it when it is refused.

use super::page::PageError;
use crate::error::ApiError;
use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use uuid::Uuid;

/// The fields of a form that was sent.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A field; empty when it was not sent. Line breaks are single `\n`, not the `\r\n` of forms,
    /// and there is no NUL, which PostgreSQL cannot hold.
    pub fn get(&self, name: &str) -> String {
        let value = self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        value.replace("\r\n", "\n").replace('\0', "")
    }

    /// Whether a field was sent, empty or not: a form need not have every field.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Every value of a field that may be sent several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A field with something in it.
    pub fn filled(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|value| !value.trim().is_empty())
    }

    /// An id that the page minted. A form of ours always has it; another gets a new one.
    pub fn id(&self, name: &str) -> Uuid {
        self.get(name).parse().unwrap_or_else(|_| Uuid::now_v7())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        match axum::Form::<Vec<(String, String)>>::from_request(request, state).await {
            Ok(axum::Form(fields)) => Ok(Self(fields)),
            Err(rejection) => {
                let mensagem = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => "O texto é longo demais e não foi gravado.",
                    _ => "O formulário não pôde ser lido e nada foi alterado. Envie de novo.",
                };
                Err(ApiError::invalido(mensagem).into())
            }
        }
    }
}

/// A form that was refused: shown again as it was sent, beside the reason.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Which form of the page, by its key in the page.
    pub key: String,
    /// What was typed.
    pub sent: Form,
    /// Why not, for the person.
    pub error: String,
    /// Whether the form was made from what stands no more. Shown again, it is of what stands now.
    pub outdated: bool,
}

impl Draft {
    /// The draft, if it is of that form.
    pub fn of<'a>(draft: Option<&'a Draft>, key: &str) -> Option<&'a Draft> {
        draft.filter(|draft| draft.key == key)
    }

    /// What was typed into that form, else `or`.
    pub fn text(draft: Option<&Draft>, name: &str, or: impl FnOnce() -> String) -> String {
        draft.map_or_else(or, |draft| draft.sent.get(name))
    }

    /// The id that a form sends along: the one that it was sent with, else a new one.
    pub fn id(draft: Option<&Draft>, name: &str) -> Uuid {
        draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id(name))
    }

    /// The reason, if it is of that form.
    pub fn error(draft: Option<&Draft>) -> Option<String> {
        draft.map(|draft| draft.error.clone())
    }
}

/// One choice of a select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is the present one.
    pub selected: bool,
}

impl Choice {
    /// A choice that is selected when it is the `current` one.
    pub fn new(value: impl Into<String>, label: impl Into<String>, current: &str) -> Self {
        let value = value.into();
        Self { selected: value == current, value, label: label.into() }
    }
}
