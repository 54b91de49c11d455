//! The forms that put a record under an ação corretiva.

use super::post::FormPost;
use crate::{
    app::App,
    office::corretivas::{self, Abertura},
    web::{
        form::Form,
        page::{Notice, PageResult, Visit},
        record::which::Which,
    },
};
use axum::extract::State;
use std::collections::BTreeSet;
use uuid::Uuid;

/// `POST …/corretiva`: puts the record under a corrective action, an open one or a new one.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn join(State(app): State<App>, which: Which, visit: Visit, sent: Form) -> PageResult {
    let post = FormPost { app: &app, visit: &visit, which, sent: &sent };
    post.check()?;
    let _ = post.load().await?;
    let auth = &visit.auth;
    let (tenant, pessoa) = (auth.tenant, &auth.pessoa);
    let registros = BTreeSet::from([which.id.uuid()]);
    let done = match sent.get("corretiva").parse::<Uuid>() {
        Ok(id) => corretivas::vincular(&app, tenant, pessoa, id, &registros).await,
        Err(_) => {
            let titulo = sent.get("titulo");
            let nova = Abertura { titulo, descricao: None, tipo: None, registros };
            corretivas::abrir(&app, tenant, pessoa, nova).await.map(|_| ())
        }
    };
    match done {
        Ok(()) => Ok(post.done(Notice::Linked)),
        Err(error) if error.status.is_client_error() => {
            post.refused_with("corretiva".into(), error.mensagem.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}
