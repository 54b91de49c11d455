//! Which record a page is of, and how it was asked for.

use crate::{app::App, web::page::PageError};
use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
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
pub struct PageQuery {
    /// Which view of the acompanhamento.
    #[serde(default)]
    pub visao: String,
    /// How many lines of it.
    #[serde(default)]
    pub historico: String,
    /// Whom to look for, to choose another cliente.
    #[serde(default)]
    pub cliente: String,
}
