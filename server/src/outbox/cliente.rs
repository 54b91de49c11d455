//! The client of a record, as webhooks and e-mails name it.

use campo_domain::ids::{DocumentId, TenantId};
use serde::Serialize;
use sqlx::{FromRow, PgTransaction};
use utoipa::ToSchema;
use uuid::Uuid;

/// O cliente de um registro.
#[derive(Serialize, ToSchema)]
pub(super) struct ClienteDoEvento {
    /// O identificador.
    pub(super) id: Uuid,
    /// O nome.
    pub(super) nome: Option<String>,
    /// CPF ou CNPJ.
    pub(super) documento: Option<String>,
    /// O telefone.
    pub(super) telefone: Option<String>,
    /// O e-mail.
    pub(super) email: Option<String>,
}

/// The client of a record, and the contact that the record itself names.
#[derive(Debug, Default, FromRow)]
pub(super) struct Cliente {
    pub(super) contato_nome: Option<String>,
    contato_email: Option<String>,
    id: Option<Uuid>,
    pub(super) nome: Option<String>,
    documento: Option<String>,
    telefone: Option<String>,
    email: Option<String>,
}

impl Cliente {
    /// Reads the client of the record, or of the assistência that it belongs to.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub(super) async fn load(
        tx: &mut PgTransaction<'_>,
        tenant: TenantId,
        documento: DocumentId,
    ) -> sqlx::Result<Self> {
        let found = sqlx::query_as(
            "SELECT r.contato_nome, r.contato_email, \
                 c.id, c.nome, c.documento, c.telefone, c.email \
             FROM (SELECT o.contato_nome, o.contato_email, \
                     coalesce(o.cliente, a.cliente) AS cliente \
                 FROM ocorrencias o LEFT JOIN assistencias a \
                     ON a.tenant = o.tenant AND a.id = o.assistencia \
                 WHERE o.tenant = $1 AND o.id = $2 \
                 UNION ALL SELECT NULL, NULL, cliente FROM assistencias \
                 WHERE tenant = $1 AND id = $2) r \
             LEFT JOIN clientes c ON c.tenant = $1 AND c.id = r.cliente",
        )
        .bind(tenant.uuid())
        .bind(documento.uuid())
        .fetch_optional(&mut **tx)
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// The address for e-mails to the client: the record's contact, else the client's own.
    pub(super) fn email_address(&self) -> Option<String> {
        filled(&self.contato_email).or(filled(&self.email)).map(str::to_owned)
    }

    /// For the body of an event; `None` if the record has no client.
    pub(super) fn no_evento(self) -> Option<ClienteDoEvento> {
        let Self { id, nome, documento, telefone, email, .. } = self;
        Some(ClienteDoEvento { id: id?, nome, documento, telefone, email })
    }
}

/// The trimmed text, if anything is left of it.
pub(super) fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}
