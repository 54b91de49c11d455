//! What a list is narrowed to, and the conditions of it on the rows `t`. Identifiers come from the
//! table of fields or stand here; every value is bound.

use super::columns::CLOSED;
use crate::projection::table;
use campo_domain::{agenda::NA_ASSISTENCIA, kind::Kind};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// Whose records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responsible {
    /// This person's.
    Person(Uuid),
    /// Nobody's, or of somebody who is no longer active.
    Nobody,
}

/// One end of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// From this moment on.
    From(DateTime<Utc>),
    /// Before this moment.
    Before(DateTime<Utc>),
}

/// What a list is narrowed to. Every field narrows further; the default is the whole list. Names of
/// fields are those of the kind: the caller has checked that it has them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Codes of situações.
    pub situacoes: Option<Vec<String>>,
    /// Fases.
    pub fases: Option<Vec<String>>,
    /// Codes of tipos.
    pub tipos: Option<Vec<String>>,
    /// Whose records.
    pub responsible: Option<Responsible>,
    /// The client, of the record or of the case that it belongs to.
    pub client: Option<Uuid>,
    /// Whether it is late.
    pub late: Option<bool>,
    /// Codes that a field may have, by the field's name.
    pub codes: Vec<(&'static str, Vec<String>)>,
    /// The record that it belongs to, by the field's name.
    pub parents: Vec<(&'static str, Uuid)>,
    /// Of agendas: whether the assistência's screen lists its type (R42).
    pub on_case_screen: Option<bool>,
    /// In the plan from this day on and before that one.
    pub planned: Option<(NaiveDate, NaiveDate)>,
    /// Stretches of time, by the column's name.
    pub moments: Vec<(&'static str, Bound)>,
    /// What is looked for, as `search::query` has it.
    pub words: Option<Value>,
}

impl Filter {
    /// Adds the conditions.
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>, kind: Kind) {
        let lists = [("situacao", &self.situacoes), ("tipo", &self.tipos), ("fase", &self.fases)];
        for (column, codes) in lists {
            if let Some(codes) = codes {
                sql.push(format!(" AND t.{column} = ANY(")).push_bind(codes.clone()).push(")");
            }
        }
        for (column, codes) in &self.codes {
            sql.push(format!(" AND t.{column} = ANY(")).push_bind(codes.clone()).push(")");
        }
        for (column, id) in &self.parents {
            sql.push(format!(" AND t.{column} = ")).push_bind(*id);
        }
        if let Some(listed) = self.on_case_screen {
            // R42: the catalogue says which.
            sql.push(format!(
                " AND EXISTS (SELECT 1 FROM referencia x WHERE x.tenant = t.tenant \
                 AND x.collection = 'tipo_agenda' AND x.key = t.tipo_agenda \
                 AND x.data->'dados'->>'{NA_ASSISTENCIA}' = 'sim') = "
            ));
            sql.push_bind(listed);
        }
        if let Some((from, before)) = self.planned {
            sql.push(" AND t.plano_mensal >= ").push_bind(from);
            sql.push(" AND t.plano_mensal < ").push_bind(before);
        }
        match self.responsible {
            Some(Responsible::Nobody) => {
                sql.push(
                    " AND NOT EXISTS (SELECT 1 FROM usuario x WHERE x.tenant = t.tenant \
                     AND x.id = t.responsavel AND x.ativo)",
                );
            }
            Some(Responsible::Person(id)) => {
                sql.push(" AND t.responsavel = ").push_bind(id);
            }
            None => {}
        }
        if let Some(id) = self.client {
            of_client(sql, kind, id);
        }
        if let Some(is_late) = self.late {
            sql.push(format!(" AND {} = ", late(kind))).push_bind(is_late);
        }
        for (column, bound) in &self.moments {
            let (sign, moment) = match bound {
                Bound::From(moment) => (">=", moment),
                Bound::Before(moment) => ("<", moment),
            };
            sql.push(format!(" AND t.{column} {sign} ")).push_bind(*moment);
        }
        if let Some(words) = &self.words {
            sql.push(format!(" AND t.id IN (SELECT busca_{}(", table(kind)));
            sql.push_bind(words.clone()).push("))");
        }
    }
}

/// The client of a row of that name: its own, or that of the record that it belongs to, `a` or `o`.
/// Not `coalesce`: behind row-level security PostgreSQL looks nothing up in an index by one.
pub fn client(kind: Kind, row: &str) -> String {
    match kind {
        Kind::Assistencia => format!("{row}.cliente"),
        Kind::Ocorrencia => {
            format!("CASE WHEN {row}.cliente IS NULL THEN a.cliente ELSE {row}.cliente END")
        }
        Kind::Agenda => "CASE WHEN a.cliente IS NULL THEN o.cliente ELSE a.cliente END".to_owned(),
        Kind::Cliente => format!("{row}.id"),
    }
}

/// Adds the condition that [`client`] is this one, from the client's side.
fn of_client(sql: &mut QueryBuilder<Postgres>, kind: Kind, id: Uuid) {
    let (own, of_case) = match kind {
        Kind::Assistencia | Kind::Cliente => {
            sql.push(format!(" AND {} = ", client(kind, "t"))).push_bind(id);
            return;
        }
        Kind::Ocorrencia => (
            "SELECT x.id FROM ocorrencias x WHERE x.cliente = ",
            "SELECT x.id FROM assistencias y JOIN ocorrencias x ON x.tenant = y.tenant \
                 AND x.assistencia = y.id WHERE x.cliente IS NULL AND y.cliente = ",
        ),
        Kind::Agenda => (
            "SELECT x.id FROM assistencias y JOIN agendas x ON x.tenant = y.tenant \
                 AND x.assistencia = y.id WHERE y.cliente = ",
            "SELECT x.id FROM ocorrencias y JOIN agendas x ON x.tenant = y.tenant \
                 AND x.ocorrencia = y.id LEFT JOIN assistencias z ON z.tenant = x.tenant \
                 AND z.id = x.assistencia WHERE z.cliente IS NULL AND y.cliente = ",
        ),
    };
    sql.push(format!(" AND t.id IN ({own}")).push_bind(id);
    sql.push(format!(" UNION ALL {of_case}")).push_bind(id).push(")");
}

/// Whether a row is late: past the day of the record, or of its situação, while work may still
/// happen. `$3` is the company's time zone. As `campo_screens::late` says it of a record.
pub fn late(kind: Kind) -> String {
    let day = match kind.campo("prazo") {
        Some(_) => " OR t.prazo < (now() AT TIME ZONE $3)::date",
        None => "",
    };
    format!("(t.fase NOT IN ({CLOSED}) AND coalesce(t.etapa_ate <= now(){day}, false))")
}
