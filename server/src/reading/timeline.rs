//! The log of a record as lines of the acompanhamento: one log, five views of it (R78–R82).

use campo_domain::{ids::UserId, registro::Visibilidade};
use campo_screens::{Entry, Handover, View};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgTransaction};
use uuid::Uuid;

/// Most handovers of one record that are read, the newest of them.
const HANDOVERS_MAX: i64 = 5_000;

/// Where a line is in the log: the change, and the place within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Position of the change in the company's log.
    pub seq: i64,
    /// Place among the lines of that change.
    pub order: i32,
}

/// Which rows of the log a view has, as [`View::shows`] says of a line; a test compares both.
pub const fn condition(view: View) -> &'static str {
    match view {
        View::Tudo => "true",
        View::Tramite => {
            "(tipo IN ('criacao', 'pedido', 'veredito') \
             OR (tipo = 'campo' AND campo = 'responsavel') \
             OR (tipo = 'analise' AND para IS NOT NULL))"
        }
        View::Historico => {
            "tipo NOT IN ('campo', 'texto') AND \
             NOT (tipo IN ('item', 'despesa', 'anexo', 'vinculo') AND campo IS NOT NULL)"
        }
        View::Conversas => "tipo = 'nota'",
        View::Alteracoes => {
            "(tipo IN ('campo', 'texto', 'item', 'despesa', 'anexo', 'vinculo', \
                 'participante', 'interessado') \
             OR (tipo = 'veredito' AND de IS DISTINCT FROM para))"
        }
    }
}

/// A row, under the names of its columns.
#[derive(FromRow)]
struct Row {
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

impl From<Row> for (Place, Entry) {
    fn from(row: Row) -> Self {
        let place = Place { seq: row.seq, order: row.ordem };
        let for_client = row.visibilidade == Visibilidade::Cliente.codigo();
        let entry = Entry {
            tipo: row.tipo,
            part: row.parte,
            field: row.campo,
            label: row.rotulo,
            before: row.de,
            after: row.para,
            text: row.texto,
            visibility: match for_client {
                true => Visibilidade::Cliente,
                false => Visibilidade::Interna,
            },
            answers: row.resposta_a.map(Into::into),
            by: row.por.into(),
            device: row.dispositivo.into(),
            on_device: row.no_aparelho,
            on_server: Some(row.no_servidor),
        };
        (place, entry)
    }
}

/// Up to `limit` lines of a view of a record that the person may see, the newest first; those that
/// stand before a place, where one is given.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn history(
    tx: &mut PgTransaction<'_>,
    document: Uuid,
    view: View,
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Place, Entry)>> {
    let before = before.unwrap_or(Place { seq: i64::MAX, order: i32::MAX });
    let sql = format!(
        "SELECT seq, ordem, tipo, parte, campo, rotulo, de, para, texto, visibilidade, \
             resposta_a, por, dispositivo, no_aparelho, no_servidor \
         FROM acompanhamentos WHERE document = $1 AND (seq, ordem) < ($2, $3) AND {} \
         ORDER BY seq DESC, ordem DESC LIMIT $4",
        condition(view)
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(document)
        .bind(before.seq)
        .bind(before.order)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Every change of the responsável of a record that the person may see, the oldest first: with the
/// record's own transitions it makes the stages of the trâmite (R79).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn handovers(tx: &mut PgTransaction<'_>, document: Uuid) -> sqlx::Result<Vec<Handover>> {
    type Row = (DateTime<Utc>, Uuid, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT no_servidor, por, de, para FROM acompanhamentos \
         WHERE document = $1 AND tipo = 'campo' AND campo = 'responsavel' \
         ORDER BY seq DESC, ordem DESC LIMIT $2",
    )
    .bind(document)
    .bind(HANDOVERS_MAX)
    .fetch_all(&mut **tx)
    .await?;
    let person = |text: Option<String>| text.and_then(|id| id.parse::<UserId>().ok());
    let handover = |(at, by, from, to): Row| Handover {
        at,
        by: by.into(),
        from: person(from),
        to: person(to),
    };
    Ok(rows.into_iter().rev().map(handover).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::accounts::{self, NewCompany},
        testing,
    };

    const TYPES: [&str; 19] = [
        "criacao",
        "campo",
        "texto",
        "item",
        "despesa",
        "anexo",
        "vinculo",
        "participante",
        "interessado",
        "nota",
        "pedido",
        "analise",
        "veredito",
        "numero",
        "acao",
        "restricao",
        "corretiva",
        "arquivo",
        "unknown to this version",
    ];

    #[tokio::test]
    async fn the_database_selects_for_each_view_what_the_screens_say_that_it_shows() {
        let test = testing::database().await.unwrap();
        let new =
            NewCompany { nome: "Aurora", slug: "aurora", fuso: "America/Belem", preset: None };
        let tenant = accounts::create_company(&test.db, new).await.unwrap();
        let document = Uuid::from_u128(1);
        let mut tx = test.db.tenant(tenant).await.unwrap();
        let mut seq = 0_i64;
        for tipo in TYPES {
            for field in [None, Some("responsavel"), Some("itens/7/quantidade")] {
                for before in [None, Some("a")] {
                    for after in [None, Some("a"), Some("b")] {
                        seq += 1;
                        sqlx::query(
                            "INSERT INTO acompanhamentos (tenant, document, seq, ordem, raiz, \
                                 tipo, campo, de, para, texto, por, dispositivo, no_aparelho, \
                                 no_servidor) \
                             VALUES ($1, $2, $3, 0, $2, $4, $5, $6, $7, '', $2, $2, now(), now())",
                        )
                        .bind(tenant.uuid())
                        .bind(document)
                        .bind(seq)
                        .bind(tipo)
                        .bind(field)
                        .bind(before)
                        .bind(after)
                        .execute(&mut *tx)
                        .await
                        .unwrap();
                    }
                }
            }
        }
        let all = history(&mut tx, document, View::Tudo, None, seq).await.unwrap();
        assert_eq!(all.len(), usize::try_from(seq).unwrap());
        for view in View::ALL {
            let shown: Vec<_> =
                all.iter().filter(|(_, entry)| view.shows(entry)).cloned().collect();
            let selected = history(&mut tx, document, view, None, seq).await.unwrap();
            assert!(!shown.is_empty(), "{view:?}");
            assert_eq!(selected, shown, "{view:?}");
        }
    }
}
