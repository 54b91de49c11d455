//! The log of a record, as `campo_screens` reads it.

use super::timeline::Visao;
use campo_domain::{
    ids::{DocumentId, NotaId},
    registro::Visibilidade,
};
use campo_screens::{Entry, Handover};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgTransaction};
use uuid::Uuid;

/// A line of the log, with its place in the company's log.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// The position in the company's log, and the place within it.
    pub place: (i64, i32),
    /// When it arrived, by the server's clock.
    pub at: DateTime<Utc>,
    /// The line.
    pub entry: Entry,
}

#[derive(FromRow)]
struct Stored {
    seq: i64,
    ordem: i32,
    tipo: String,
    parte: Option<Uuid>,
    campo: Option<String>,
    rotulo: Option<String>,
    de: Option<String>,
    para: Option<String>,
    texto: String,
    visibilidade: String,
    resposta_a: Option<Uuid>,
    por: Uuid,
    dispositivo: Uuid,
    no_aparelho: DateTime<Utc>,
    no_servidor: DateTime<Utc>,
}

impl From<Stored> for LogRow {
    fn from(stored: Stored) -> Self {
        // Whatever is not said to be for the client is the company's own.
        let for_client = stored.visibilidade == Visibilidade::Cliente.codigo();
        Self {
            place: (stored.seq, stored.ordem),
            at: stored.no_servidor,
            entry: Entry {
                tipo: stored.tipo,
                part: stored.parte,
                field: stored.campo,
                label: stored.rotulo,
                before: stored.de,
                after: stored.para,
                text: stored.texto,
                visibility: match for_client {
                    true => Visibilidade::Cliente,
                    false => Visibilidade::Interna,
                },
                answers: stored.resposta_a.map(NotaId::from),
                by: stored.por.into(),
                device: stored.dispositivo.into(),
                on_device: stored.no_aparelho,
                on_server: Some(stored.no_servidor),
            },
        }
    }
}

/// Up to `limit` lines of a view that stand before a place, the newest first. The caller has asked
/// whether the person may see the record.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    document: DocumentId,
    view: Visao,
    before: (i64, i32),
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let sql = format!(
        "SELECT seq, ordem, tipo, parte, campo, rotulo, de, para, texto, visibilidade, \
             resposta_a, por, dispositivo, no_aparelho, no_servidor \
         FROM acompanhamentos WHERE document = $1 AND (seq, ordem) < ($2, $3) AND {} \
         ORDER BY seq DESC, ordem DESC LIMIT $4",
        view.condicao()
    );
    let stored: Vec<Stored> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(document.uuid())
        .bind(before.0)
        .bind(before.1)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    Ok(stored.into_iter().map(LogRow::from).collect())
}

/// When somebody else became responsible for the record, the oldest first. The caller has asked
/// whether the person may see the record.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn handovers(
    tx: &mut PgTransaction<'_>,
    document: DocumentId,
) -> sqlx::Result<Vec<Handover>> {
    let found: Vec<(DateTime<Utc>, Uuid, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT no_servidor, por, de, para FROM acompanhamentos \
         WHERE document = $1 AND tipo = 'campo' AND campo = 'responsavel' ORDER BY seq, ordem",
    )
    .bind(document.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let person = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let handover = |(at, by, from, to): (_, Uuid, _, _)| Handover {
        at,
        by: by.into(),
        from: person(from),
        to: person(to),
    };
    Ok(found.into_iter().map(handover).collect())
}
