//! A change of a record under way: what was read, what is expected of it, and what the gate said.

use super::{
    ficha::{self, Ficha},
    read::{self, RecordRead},
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        etag::IfMatch,
        principal::{Acesso, EscreverRegistros, Principal},
    },
    office::{self, OfficeError},
};
use automerge::ChangeHash;
use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{command::Command, ids::DocumentId, kind::Kind, refusal::Codigo};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// O que acrescentar a um registro criou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Criado {
    /// O identificador do que foi criado.
    id: Uuid,
    /// O registro depois disso; nulo se quem pediu não o vê mais.
    registro: Option<Ficha>,
}

/// A change that is under way: the record as it was read, and what the caller expects of it.
pub struct Change<'a> {
    app: &'a App,
    who: &'a Principal,
    /// The record as it was read.
    pub read: RecordRead,
    /// The heads that must still be there, where the caller said so.
    expected: Option<Vec<ChangeHash>>,
}

impl<'a> Change<'a> {
    /// Reads the record and compares `If-Match`.
    ///
    /// # Errors
    /// 404, or 412 `versao_desatualizada`.
    pub async fn begin(
        app: &'a App,
        who: &'a Acesso<EscreverRegistros>,
        kind: Kind,
        id: DocumentId,
        headers: &HeaderMap,
        if_match: &IfMatch,
    ) -> ApiResult<Self> {
        let mut tx = app.db.snapshot(who.tenant).await?;
        let read = read::of_kind(&mut tx, who, kind, id).await?;
        tx.rollback().await?;
        if_match.check(&read.etag)?;
        let expected = headers.contains_key(header::IF_MATCH).then(|| read.heads.clone());
        Ok(Self { app, who, read, expected })
    }

    /// Does it, all or nothing.
    ///
    /// # Errors
    /// A refusal of the rules; 412 where somebody was faster.
    pub async fn run(&self, commands: Vec<Command>) -> ApiResult<()> {
        if commands.is_empty() {
            return Ok(());
        }
        let id = self.read.record.id;
        let commands = commands.into_iter().map(|command| (id, command)).collect();
        let expected = self.expected.clone().map(|heads| (id, heads));
        let tenant = self.who.tenant;
        let done = office::run_all(self.app, tenant, &self.who.pessoa, commands, expected).await;
        match judged(done) {
            Err(lost) if lost.status == StatusCode::PRECONDITION_FAILED => {
                // Somebody was faster: what they left is what the caller goes on from.
                let mut tx = self.app.db.snapshot(tenant).await?;
                let now = read::find(&mut tx, self.who, id).await?;
                Err(now.map_or_else(ApiError::nao_encontrado, |read| read.etag.told(lost)))
            }
            done => done,
        }
    }

    /// Does it and answers with the record as it is then.
    ///
    /// # Errors
    /// As [`Change::run`].
    pub async fn respond(self, commands: Vec<Command>) -> ApiResult<Response> {
        self.run(commands).await?;
        ficha::respond(self.app, self.who, self.read.record.id).await
    }

    /// Does it and answers with the id of what it made.
    ///
    /// # Errors
    /// As [`Change::run`].
    pub async fn create(self, id: Uuid, commands: Vec<Command>) -> ApiResult<Response> {
        self.run(commands).await?;
        let Some((etag, whole)) = ficha::now(self.app, self.who, self.read.record.id).await? else {
            return Ok((StatusCode::CREATED, Json(Criado { id, registro: None })).into_response());
        };
        let created = Criado { id, registro: Some(whole) };
        Ok((StatusCode::CREATED, [etag.header()], Json(created)).into_response())
    }
}

/// What the office's gate said.
///
/// # Errors
/// Its refusal; 412 where the record is no longer what the caller read.
pub fn judged(done: Result<(), OfficeError>) -> ApiResult<()> {
    match done {
        Err(OfficeError::Refused(refusal)) if refusal.codigo == Codigo::VersaoMudou => {
            let (status, mensagem) = (StatusCode::PRECONDITION_FAILED, refusal.mensagem());
            Err(ApiError::new(status, "versao_desatualizada", mensagem))
        }
        done => Ok(done?),
    }
}
