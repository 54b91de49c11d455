//! What changed, in the order of the company's log, for whoever keeps a copy: nothing is missed,
//! and what is no longer seen is said. Who may know of what is as for a device (`ledger::pull`).

use super::fonte::Filtro;
use crate::{
    app::App,
    error::ApiResult,
    http::{
        page::{self, Folha, Pagina},
        principal::Principal,
    },
    reading::{
        changes::{self, Change, Window},
        sources::Fonte,
    },
    visibility::Viewer,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Positions that one page looks at: most of them may be of cases that the person does not see.
const POSICOES: i64 = 50_000;

/// Um registro que mudou.
#[derive(Debug, Serialize, ToSchema)]
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
    let fim = changes::end(&mut tx).await?;
    // Beyond the end: of a log that is no longer there.
    if de > fim {
        return Err(page::bad_cursor());
    }
    let ate = fim.min(de.saturating_add(POSICOES));
    let window = Window { after: (de, id), until: ate };
    let mudaram = changes::page(&mut tx, viewer, window, filtro.kind, folha.rows()).await?;
    let linhas = mudaram.into_iter().map(Mudanca::from).collect();
    let adiante = (ate < fim).then_some((Fonte::Mudancas, ate, Uuid::max()));
    Ok(folha.close_at(linhas, |ultima| (Fonte::Mudancas, ultima.seq, ultima.registro), adiante))
}

impl From<Change> for Mudanca {
    fn from(change: Change) -> Self {
        let Change { seq, kind, registro, removido } = change;
        Self { seq, kind, registro, removido }
    }
}
