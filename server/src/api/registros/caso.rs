//! What a case gives its records: the client and the address of the one that they belong to, and
//! the records that belong to this one.

use crate::{
    app::App,
    error::ApiResult,
    http::principal::Principal,
    office,
    reading::{
        nomes,
        record::{self, Child},
    },
    visibility::Viewer,
};
use campo_domain::{
    kind::Kind,
    preenchimento::{self, Dados},
    registro::Registro,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

/// O cliente de um registro.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClienteDoCaso {
    /// O identificador.
    pub id: Uuid,
    /// O nome.
    pub nome: Option<String>,
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

/// The record that another belongs to, if it does: seeing one is seeing the other.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn dono(app: &App, quem: &Principal, registro: &Registro) -> ApiResult<Option<Registro>> {
    if registro.raiz() == registro.id {
        return Ok(None);
    }
    let found = office::load(app, quem.tenant, &quem.pessoa, registro.raiz()).await?;
    Ok(found.map(|(dono, _)| dono))
}

/// The client of a record: its own, or that of the one that it belongs to.
pub fn cliente(registro: &Registro, dono: Option<&Registro>) -> Option<Uuid> {
    let do_dono = || dono.and_then(|dono| dono.referencia("cliente"));
    registro.referencia("cliente").or_else(do_dono)
}

/// The address that counts, where the case is an assistência (R11).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn endereco(
    tx: &mut PgTransaction<'_>,
    registro: &Registro,
    dono: Option<&Registro>,
) -> sqlx::Result<Option<Dados>> {
    let caso = dono.unwrap_or(registro);
    if caso.kind != Kind::Assistencia {
        return Ok(None);
    }
    let contrato = match caso.valor("contrato").texto() {
        Some(codigo) => nomes::dados(tx, "contrato", codigo).await?,
        None => None,
    };
    Ok(Some(preenchimento::endereco(caso, contrato.as_ref())))
}

/// The ocorrências and agendas that belong to a record, of those that the person may see: of an
/// assistência's agendas those that its screen shows (R12, R42).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn filhos(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    registro: &Registro,
) -> sqlx::Result<(Vec<Filho>, Vec<Filho>)> {
    let id = registro.id.uuid();
    let ocorrencias = match registro.kind {
        Kind::Assistencia => record::ocorrencias(tx, viewer, id).await?,
        _ => Vec::new(),
    };
    let agendas = match registro.kind {
        Kind::Assistencia | Kind::Ocorrencia => record::agendas(tx, viewer, id).await?,
        _ => Vec::new(),
    };
    let filhos = |children: Vec<Child>| children.into_iter().map(Filho::from).collect();
    Ok((filhos(ocorrencias), filhos(agendas)))
}
