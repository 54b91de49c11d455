//! A change of a record under way: what was read, what is expected of it, and what the gate said.

use super::{
    ficha::{self, Ficha},
    lido::{self, Lido},
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
pub struct Mudanca<'a> {
    app: &'a App,
    quem: &'a Principal,
    /// The record as it was read.
    pub lido: Lido,
    /// The heads that must still be there, where the caller said so.
    se: Option<Vec<ChangeHash>>,
}

impl<'a> Mudanca<'a> {
    /// Reads the record and compares `If-Match`.
    ///
    /// # Errors
    /// 404, or 412 `versao_desatualizada`.
    pub async fn nova(
        app: &'a App,
        acesso: &'a Acesso<EscreverRegistros>,
        kind: Kind,
        id: DocumentId,
        headers: &HeaderMap,
        if_match: &IfMatch,
    ) -> ApiResult<Self> {
        let lido = lido::carregar(app, acesso, kind, id).await?;
        if_match.check(&lido.etag)?;
        let se = headers.contains_key(header::IF_MATCH).then(|| lido.heads.clone());
        Ok(Self { app, quem: acesso, lido, se })
    }

    /// Does it, all or nothing.
    ///
    /// # Errors
    /// A refusal of the rules; 412 where somebody was faster.
    pub async fn fazer(&self, comandos: Vec<Command>) -> ApiResult<()> {
        if comandos.is_empty() {
            return Ok(());
        }
        let id = self.lido.registro.id;
        let comandos = comandos.into_iter().map(|comando| (id, comando)).collect();
        let se = self.se.clone().map(|heads| (id, heads));
        let tenant = self.quem.tenant;
        let done = office::run_all(self.app, tenant, &self.quem.pessoa, comandos, se).await;
        match executar(done) {
            Err(perdida) if perdida.status == StatusCode::PRECONDITION_FAILED => {
                // Somebody was faster: what they left is what the caller goes on from.
                let agora = lido::abrir(self.app, self.quem, id).await?;
                Err(agora.map_or_else(ApiError::nao_encontrado, |lido| lido.etag.told(perdida)))
            }
            done => done,
        }
    }

    /// Does it and answers with the record as it is then.
    ///
    /// # Errors
    /// As [`Mudanca::fazer`].
    pub async fn responder(self, comandos: Vec<Command>) -> ApiResult<Response> {
        self.fazer(comandos).await?;
        ficha::responder(self.app, self.quem, self.lido.registro.id).await
    }

    /// Does it and answers with the id of what it made.
    ///
    /// # Errors
    /// As [`Mudanca::fazer`].
    pub async fn criar(self, id: Uuid, comandos: Vec<Command>) -> ApiResult<Response> {
        self.fazer(comandos).await?;
        let lido = lido::abrir(self.app, self.quem, self.lido.registro.id).await?;
        let Some(lido) = lido else {
            return Ok((StatusCode::CREATED, Json(Criado { id, registro: None })).into_response());
        };
        let etag = lido.etag.clone();
        let registro = Some(ficha::montar(self.app, self.quem, lido).await?);
        Ok((StatusCode::CREATED, [etag.header()], Json(Criado { id, registro })).into_response())
    }
}

/// What the office's gate said.
///
/// # Errors
/// Its refusal; 412 where the record is no longer what the caller read.
pub fn executar(done: Result<(), OfficeError>) -> ApiResult<()> {
    match done {
        Err(OfficeError::Refused(refusal)) if refusal.codigo == Codigo::VersaoMudou => {
            let (status, mensagem) = (StatusCode::PRECONDITION_FAILED, refusal.mensagem());
            Err(ApiError::new(status, "versao_desatualizada", mensagem))
        }
        done => Ok(done?),
    }
}
