//! What is shown of a record's case: its client, and the records that belong to it.

use crate::{
    reading::record::{self, Child},
    visibility::Viewer,
};
use campo_domain::{ids::DocumentId, kind::Kind, registro::Registro};
use campo_screens::Names;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

/// O cliente de um registro.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClienteDoCaso {
    /// O identificador.
    id: Uuid,
    /// O nome.
    nome: Option<String>,
}

impl ClienteDoCaso {
    /// By id; the name is left out where the person may not see the cliente.
    pub fn of(id: DocumentId, names: &Names) -> Self {
        Self { id: id.uuid(), nome: names.document(id).map(|link| link.label.clone()) }
    }
}

/// Um registro que pertence a outro.
#[derive(Debug, Serialize, ToSchema)]
pub struct Filho {
    /// O identificador.
    id: Uuid,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
    /// O começo do texto principal.
    titulo: String,
    /// O nome da situação.
    situacao_nome: String,
    /// A fase da situação.
    fase: String,
    /// Quem é responsável.
    responsavel: Option<Uuid>,
    /// Quando começa, de uma agenda.
    inicio: Option<DateTime<Utc>>,
    /// A última alteração, pelo relógio do servidor.
    atualizado_em: DateTime<Utc>,
}

impl From<Child> for Filho {
    fn from(child: Child) -> Self {
        Self {
            id: child.id,
            rotulo: record::label(child.id, child.numero.as_deref()),
            titulo: child.titulo,
            situacao_nome: child.situacao_nome,
            fase: child.fase,
            responsavel: child.responsavel,
            inicio: child.inicio,
            atualizado_em: child.atualizado_em,
        }
    }
}

/// The ocorrências and agendas that belong to a record, of those that the person may see: of an
/// assistência's agendas those that its screen shows (R12, R42).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn children(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    record: &Registro,
) -> sqlx::Result<(Vec<Filho>, Vec<Filho>)> {
    let id = record.id.uuid();
    let ocorrencias = match record.kind {
        Kind::Assistencia => record::ocorrencias(tx, viewer, id).await?,
        _ => Vec::new(),
    };
    let agendas = match record.kind {
        Kind::Assistencia | Kind::Ocorrencia => record::agendas(tx, viewer, id).await?,
        _ => Vec::new(),
    };
    let shown = |children: Vec<Child>| children.into_iter().map(Filho::from).collect();
    Ok((shown(ocorrencias), shown(agendas)))
}
