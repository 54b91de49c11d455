//! A client's own cases. For many rows at once, as `policy::alcanca` has it of one.

use super::lists::columns;
use campo_domain::{
    busca,
    tipo::{Tipo, Tipos},
};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction, Postgres, QueryBuilder};
use uuid::Uuid;

/// A case of a client.
#[derive(Clone, Debug, FromRow)]
pub struct ClientCase {
    pub id: Uuid,
    pub numero: Option<String>,
    pub tipo: String,
    pub tipo_versao: i32,
    pub titulo: String,
    pub criado_em: DateTime<Utc>,
    pub situacao: String,
    /// The last situação that the client may know of.
    pub situacao_cliente: Option<String>,
    /// The field that the title is taken from.
    pub campo_do_titulo: String,
}

/// Which cases.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Of this client.
    pub client: Uuid,
    /// Only those in which work may still happen, or only the others.
    pub open: Option<bool>,
    /// Part of the title, or of the code.
    pub text: Option<&'a str>,
}

/// At most `rows` cases that the client sees, the newest first, after that one.
///
/// # Errors
/// PostgreSQL refuses; with a data exception (class 22) where the place was tampered with.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    tipos: &Tipos,
    wanted: &Wanted<'_>,
    after: Option<(DateTime<Utc>, Uuid)>,
    rows: i64,
) -> sqlx::Result<Vec<ClientCase>> {
    let mut sql = select(tipos, wanted);
    if let Some((at, id)) = after {
        sql.push(" AND (t.criado_em, t.id) < (").push_bind(at).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY t.criado_em DESC, t.id DESC LIMIT ").push_bind(rows);
    sql.build_query_as().fetch_all(&mut **tx).await
}

fn select(tipos: &Tipos, wanted: &Wanted<'_>) -> QueryBuilder<Postgres> {
    let (mut shown, mut internal) = (Vec::new(), Vec::new());
    for tipo in tipos.todos().filter(|tipo| tipo.visivel_no_portal) {
        let key = key(tipo);
        let categorias = tipo.categorias.iter().filter(|categoria| categoria.interna);
        internal.extend(categorias.map(|categoria| format!("{key}/{}", categoria.codigo)));
        shown.push(key);
    }
    let mut sql = QueryBuilder::new(
        "SELECT t.id, t.numero, t.tipo, t.tipo_versao, t.titulo, t.criado_em, t.situacao, \
             t.situacao_cliente, ",
    );
    sql.push(FIELD_OF_TITLE).push(
        " AS campo_do_titulo \
         FROM (SELECT *, tipo || '@' || tipo_versao AS chave FROM ocorrencias) t \
         WHERE t.cliente = ",
    );
    sql.push_bind(wanted.client).push(" AND t.interno IS NOT TRUE AND t.chave = ANY(");
    sql.push_bind(shown).push(") AND (t.categoria IS NULL OR t.chave || '/' || t.categoria ");
    sql.push("<> ALL(").push_bind(internal).push("))");
    if let Some(open) = wanted.open {
        let closed = columns::CLOSED;
        sql.push(format!(" AND (t.fase NOT IN ({closed})) = ")).push_bind(open);
    }
    if let Some(text) = wanted.text {
        search(&mut sql, text, tipos);
    }
    sql
}

/// As `Registro::titulo` chooses it.
const FIELD_OF_TITLE: &str =
    "CASE WHEN btrim(coalesce(t.assunto, '')) = '' THEN 'relato' ELSE 'assunto' END";

fn key(tipo: &Tipo) -> String {
    format!("{}@{}", tipo.codigo, tipo.versao)
}

/// By the code, and by the title where the client may read what it is taken from. Not in the full
/// text: either would tell letter by letter what is in a field that the client may not read.
fn search(sql: &mut QueryBuilder<Postgres>, text: &str, tipos: &Tipos) {
    let mut read = Vec::new();
    for tipo in tipos.todos().filter(|tipo| tipo.visivel_no_portal) {
        for situacao in &tipo.fluxo.situacoes {
            let fields = ["assunto", "relato"].into_iter();
            let fields = fields.filter(|campo| tipo.le_no_portal(campo, Some(situacao)));
            let place = format!("{}/{}", key(tipo), situacao.codigo);
            read.extend(fields.map(|campo| format!("{place}/{campo}")));
        }
    }
    let pattern = columns::pattern(&busca::dobrar(text));
    sql.push(format!(" AND ({} LIKE ", columns::text("t.titulo"))).push_bind(pattern.clone());
    sql.push(format!(" AND t.chave || '/' || t.situacao || '/' || {FIELD_OF_TITLE} = ANY("));
    sql.push_bind(read).push(") OR t.numero LIKE ").push_bind(pattern).push(")");
}
