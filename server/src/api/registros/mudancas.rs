//! What changed, in the order of the company's log, for whoever keeps a copy: nothing is missed,
//! and what is no longer seen is said. Who may know of what is as for a device (`ledger::pull`).

use super::fonte::{Filtro, Fonte};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        page::{self, Folha, Pagina},
        principal::Principal,
    },
    visibility::{Viewer, visible},
};
use campo_domain::kind::Kind;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// Positions that one page looks at: most of them may be of cases that the person does not see.
const POSICOES: i64 = 50_000;

/// The rows of a branch that a page may show.
macro_rules! pagina {
    () => {
        " AND (l.seq, d.id) > ($3, $5) AND ($6::text IS NULL OR d.kind = $6) \
          ORDER BY l.seq, d.id LIMIT $7"
    };
}

/// Um registro que mudou.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct Mudanca {
    /// A posição da última mudança: cresce sempre.
    seq: i64,
    /// assistencia, ocorrencia, agenda ou cliente.
    kind: String,
    /// O identificador.
    registro: Uuid,
    /// Se deixou de existir ou de ser visto: quem tem uma cópia a remove.
    removido: bool,
}

/// Where a page ended.
type Chave = (Fonte, i64, Uuid);

/// A page: each record at its last change. One that came into sight or left it is there for that,
/// whenever it changed.
///
/// # Errors
/// 400 `cursor_invalido`; PostgreSQL refuses.
pub async fn ler(app: &App, quem: &Principal, filtro: &Filtro) -> ApiResult<Pagina<Mudanca>> {
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    let inicio = filtro.depois_de.unwrap_or_default();
    let (_, de, id) = folha.depois.unwrap_or((Fonte::Mudancas, inicio, Uuid::max()));
    let viewer = Viewer::of(&quem.pessoa);
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let fim: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM tenant_clock")
        .fetch_one(&mut *tx)
        .await?;
    // Beyond the end: of a log that is no longer there.
    if de > fim {
        return Err(page::bad_cursor());
    }
    let ate = fim.min(de.saturating_add(POSICOES));
    let linhas = sqlx::query_as(concat!(
        // In each, the first rows of the page: a window may hold very many.
        "SELECT m.seq, m.kind, m.id AS registro, m.removido FROM ( \
             (SELECT l.seq, d.kind, d.id, false AS removido \
             FROM change_log l JOIN document d ON d.tenant = l.tenant AND d.id = l.document \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.kind = 'change' AND NOT d.erased AND NOT EXISTS ( \
                     SELECT 1 FROM change_log y WHERE y.tenant = l.tenant \
                     AND y.document = l.document AND y.kind = 'change' AND y.seq > l.seq) \
                 AND ",
        visible!("d", with kind),
        pagina!(),
        ") UNION ALL \
             (SELECT l.seq, d.kind, d.id, d.erased OR NOT ",
        visible!("d", with kind),
        "    FROM change_log l JOIN document d ON d.tenant = l.tenant \
                 AND (d.raiz = l.document OR d.id = l.document) \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.addressee = $1 AND l.kind IN ('granted', 'revoked', 'erased')",
        pagina!(),
        ") UNION ALL \
             (SELECT l.seq, d.kind, d.id, false \
             FROM change_log l JOIN document d ON d.tenant = l.tenant AND NOT d.erased \
             WHERE l.tenant = campo_tenant() AND l.seq >= $3 AND l.seq <= $4 \
                 AND l.addressee = $1 AND l.kind = 'granted' AND l.document IS NULL AND ",
        visible!("d", with kind),
        pagina!(),
        ")) m ORDER BY m.seq, m.id LIMIT $7",
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(de)
    .bind(ate)
    .bind(id)
    .bind(filtro.kind.map(Kind::codigo))
    .bind(folha.rows())
    .fetch_all(&mut *tx)
    .await?;
    let adiante = (ate < fim).then_some((Fonte::Mudancas, ate, Uuid::max()));
    Ok(folha.close_at(linhas, |ultima| (Fonte::Mudancas, ultima.seq, ultima.registro), adiante))
}
