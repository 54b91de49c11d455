//! The rows of a list: one builder of SQL for every kind, driven by the table of its fields. An
//! identifier comes from that table or is not in the query, and every value is bound.

use super::{
    columns,
    filter::{Filter, client, late},
    order::{Key, Order, Part},
};
use crate::{
    projection::table,
    visibility::{Viewer, visible},
};
use campo_domain::{
    kind::Kind,
    registro::{Campos, Registro},
    valor::Valor,
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::{
    Arguments, PgTransaction, Postgres, QueryBuilder, Row,
    postgres::{PgArguments, PgRow},
};
use uuid::Uuid;

/// One record of a list, by the names that its columns have.
#[derive(Clone, Debug)]
pub struct Linha {
    /// Its id.
    pub id: Uuid,
    /// The number, once the server minted it.
    pub numero: Option<String>,
    /// Code and version of its tipo.
    pub tipo: (String, u32),
    /// What the tipo is called.
    pub tipo_nome: Option<String>,
    /// Code of its situação.
    pub situacao: String,
    /// What the situação is called.
    pub situacao_nome: String,
    /// The fase of the situação.
    pub fase: String,
    /// The beginning of its main text.
    pub titulo: String,
    /// Who made it.
    pub criado_por: Uuid,
    /// When, by the clock of the device.
    pub criado_em: DateTime<Utc>,
    /// When it reached the server.
    pub recebido_em: Option<DateTime<Utc>>,
    /// Its last change, by the server's clock.
    pub atualizado_em: DateTime<Utc>,
    /// Since when it is in its situação.
    pub etapa_desde: Option<DateTime<Utc>>,
    /// Until when it should leave it.
    pub etapa_ate: Option<DateTime<Utc>>,
    /// Whether it is late, and work may still happen.
    pub atrasado: bool,
    /// Its client, or that of the record that it belongs to.
    pub cliente_id: Option<Uuid>,
    /// The name of that client.
    pub cliente_nome: Option<String>,
    /// The name of its responsável.
    pub responsavel_nome: Option<String>,
    /// Whether a field has several values.
    pub conflito: bool,
    /// Whether held work waits for a decision.
    pub retido: bool,
    /// Its fields; those that are not filled in are absent.
    pub campos: Campos,
    /// Its place in the order.
    pub chave: Vec<Option<String>>,
}

impl Linha {
    /// Number, or the provisional label.
    pub fn rotulo(&self) -> String {
        self.numero.clone().unwrap_or_else(|| Registro::rotulo_provisorio(self.id.into()))
    }

    /// The day by which it should be done, if one was set.
    pub fn prazo(&self) -> Option<NaiveDate> {
        match self.campos.get("prazo") {
            Some(Valor::Data(day)) => Some(*day),
            _ => None,
        }
    }

    /// Code of its priority, if one was set.
    pub fn prioridade(&self) -> Option<&str> {
        self.campos.get("prioridade").and_then(Valor::texto)
    }
}

/// Which list is asked for.
pub struct List<'a> {
    /// Of which kind.
    pub kind: Kind,
    /// Who reads.
    pub viewer: Viewer,
    /// The company's time zone.
    pub zone: Tz,
    /// What it is narrowed to.
    pub filter: &'a Filter,
    /// In which order.
    pub order: &'a Order,
}

/// At most `rows` rows of the list, after the row of that key.
///
/// # Errors
/// PostgreSQL refuses; with a data exception (class 22) where the key was tampered with.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    list: &List<'_>,
    after: Option<&Key>,
    rows: i64,
) -> sqlx::Result<Vec<Linha>> {
    let mut found = Vec::new();
    for part in list.order.parts(after) {
        let missing = rows - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if missing > 0 {
            let mut sql = build(list, &part, "")?;
            sql.push(" LIMIT ").push_bind(missing);
            for row in sql.build().fetch_all(&mut **tx).await? {
                found.push(read(list.kind, &row)?);
            }
        }
    }
    Ok(found)
}

/// How many rows the list has, up to `max`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn count(tx: &mut PgTransaction<'_>, list: &List<'_>, max: i64) -> sqlx::Result<i64> {
    let mut sql = begin(list.viewer, list.zone)?;
    sql.push("SELECT count(*) FROM (SELECT 1 FROM ");
    rows_seen(&mut sql, list.kind, list.viewer, "1");
    list.filter.push(&mut sql, list.kind);
    sql.push(" LIMIT ").push_bind(max).push(") t) counted");
    sql.build_query_scalar().fetch_one(&mut **tx).await
}

/// A query that begins with its first three arguments: `$1` and `$2` as `visible!` wants them, `$3`
/// the company's time zone.
///
/// # Errors
/// An argument cannot be encoded.
pub fn begin(viewer: Viewer, zone: Tz) -> sqlx::Result<QueryBuilder<Postgres>> {
    let mut args = PgArguments::default();
    args.add(viewer.id).map_err(sqlx::Error::Encode)?;
    args.add(viewer.all).map_err(sqlx::Error::Encode)?;
    args.add(zone.name()).map_err(sqlx::Error::Encode)?;
    Ok(QueryBuilder::with_arguments("", args))
}

/// How PostgreSQL would read each part of a page.
#[cfg(test)]
pub async fn plans(
    tx: &mut PgTransaction<'_>,
    list: &List<'_>,
    after: Option<&Key>,
) -> sqlx::Result<Vec<String>> {
    let mut plans = Vec::new();
    for part in list.order.parts(after) {
        let mut sql = build(list, &part, "EXPLAIN ")?;
        sql.push(" LIMIT 51");
        let rows = sql.build().fetch_all(&mut **tx).await?;
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        plans.push(lines.join("\n"));
    }
    Ok(plans)
}

/// A part of the list, without a limit; `prefix` goes before the query, for its plan to be looked
/// at.
fn build(list: &List<'_>, part: &Part, prefix: &str) -> sqlx::Result<QueryBuilder<Postgres>> {
    let mut sql = begin(list.viewer, list.zone)?;
    sql.push(prefix);
    select(&mut sql, list.kind, list.order);
    sql.push(" FROM ");
    rows_seen(&mut sql, list.kind, list.viewer, "*");
    list.filter.push(&mut sql, list.kind);
    sql.push(") t");
    join(&mut sql, list.kind);
    part.push(&mut sql);
    Ok(sql)
}

fn select(sql: &mut QueryBuilder<Postgres>, kind: Kind, order: &Order) {
    let keys: Vec<String> =
        order.columns.iter().map(|sorted| format!("({})::text", sorted.column.sql)).collect();
    let number = if kind.numerado() { "t.numero" } else { "NULL::text" };
    sql.push(format!(
        "SELECT t.id, {number} AS numero, t.tipo, t.tipo_versao, tp.data->>'nome' AS tipo_nome, \
         t.situacao, t.situacao_nome, t.fase, t.titulo, t.criado_por, t.criado_em, t.recebido_em, \
         t.atualizado_em, t.etapa_desde, t.etapa_ate, {late} AS atrasado, \
         {client} AS cliente_id, c.nome AS cliente_nome, u.nome AS responsavel_nome, \
         t.conflitos NOT IN ('[]', '{{}}', 'null') AS conflito, \
         EXISTS (SELECT 1 FROM held h WHERE h.tenant = t.tenant AND h.document = t.id \
             AND h.status = 'aguardando') AS retido, ARRAY[{keys}] AS chave",
        late = late(kind),
        client = client(kind, "t"),
        keys = keys.join(", "),
    ));
    for campo in kind.campos() {
        sql.push(format!(", {}", columns::selected(campo)));
    }
}

/// Opens the subquery of the rows of `t` that the viewer sees: conditions on them may follow.
fn rows_seen(sql: &mut QueryBuilder<Postgres>, kind: Kind, viewer: Viewer, selected: &str) {
    sql.push(format!("(SELECT {selected} FROM {} t WHERE ", table(kind)));
    sql.push(match kind {
        Kind::Cliente => "$1 IS NOT NULL",
        _ => visible!("t"),
    });
    if kind != Kind::Cliente && !viewer.all {
        // Once more and alone, for a list to be read from a person's few cases.
        sql.push(
            " AND EXISTS (SELECT 1 FROM envolvido e WHERE e.tenant = t.tenant \
             AND e.raiz = t.raiz AND e.usuario = $1)",
        );
    }
}

/// Joins what is shown with the rows.
fn join(sql: &mut QueryBuilder<Postgres>, kind: Kind) {
    if matches!(kind, Kind::Ocorrencia | Kind::Agenda) {
        sql.push(" LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia");
    }
    if kind == Kind::Agenda {
        sql.push(" LEFT JOIN ocorrencias o ON o.tenant = t.tenant AND o.id = t.ocorrencia");
    }
    let responsible = match kind {
        Kind::Cliente => "NULL::uuid",
        _ => "t.responsavel",
    };
    sql.push(format!(
        " LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {client} \
         LEFT JOIN usuario u ON u.tenant = t.tenant AND u.id = {responsible} \
         LEFT JOIN referencia tp ON tp.tenant = t.tenant AND tp.collection = 'tipo' \
             AND tp.key = t.tipo || '@' || t.tipo_versao WHERE true",
        client = client(kind, "t"),
    ));
}

fn read(kind: Kind, row: &PgRow) -> sqlx::Result<Linha> {
    let mut campos = Campos::new();
    for campo in kind.campos() {
        let valor = columns::value(campo, row)?;
        if valor != Valor::Nulo {
            campos.insert(campo.nome.to_owned(), valor);
        }
    }
    Ok(Linha {
        id: row.try_get("id")?,
        numero: row.try_get("numero")?,
        tipo: (row.try_get("tipo")?, row.try_get::<i32, _>("tipo_versao")?.unsigned_abs()),
        tipo_nome: row.try_get("tipo_nome")?,
        situacao: row.try_get("situacao")?,
        situacao_nome: row.try_get("situacao_nome")?,
        fase: row.try_get("fase")?,
        titulo: row.try_get("titulo")?,
        criado_por: row.try_get("criado_por")?,
        criado_em: row.try_get("criado_em")?,
        recebido_em: row.try_get("recebido_em")?,
        atualizado_em: row.try_get("atualizado_em")?,
        etapa_desde: row.try_get("etapa_desde")?,
        etapa_ate: row.try_get("etapa_ate")?,
        atrasado: row.try_get("atrasado")?,
        cliente_id: row.try_get("cliente_id")?,
        cliente_nome: row.try_get("cliente_nome")?,
        responsavel_nome: row.try_get("responsavel_nome")?,
        conflito: row.try_get("conflito")?,
        retido: row.try_get("retido")?,
        campos,
        chave: row.try_get("chave")?,
    })
}
