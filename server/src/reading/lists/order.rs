//! In which order a list is read (R91), and the parts that it is read in: each part can be served
//! by an index.

use super::columns::{self, Column};
use campo_domain::kind::Kind;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// Order of a list when nobody asks for another.
pub const DEFAULT: &str = "-atualizado_em";
/// Most columns of one order.
pub const COLUMNS_MAX: usize = 3;

/// Where a page ended: the kind of the list, the order as it was asked for, the values of the
/// order's columns as text, the id of the last row.
pub type Key = (Kind, String, Vec<Option<String>>, Uuid);

/// An order of a list of one kind.
pub struct Order {
    /// As it was asked for.
    pub name: String,
    /// What decides first is first.
    pub(super) columns: Vec<Sorted>,
}

/// Why an order cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOrder {
    /// More than [`COLUMNS_MAX`] columns.
    TooMany,
    /// There is no such column; [`columns::names`] has those that there are.
    Unknown,
}

/// A column of an order, and whether the greatest comes first.
#[derive(Clone)]
pub(super) struct Sorted {
    pub column: Column,
    pub descending: bool,
}

impl Sorted {
    const fn sql(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    /// Whether it may be empty, and is a plain column: an index may have it in this order.
    fn indexed(&self) -> bool {
        let column = self.column.sql.strip_prefix("t.");
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        self.column.nullable && column.is_some_and(plain)
    }

    /// What comes after is on this side.
    const fn sign(&self) -> &'static str {
        if self.descending { "<" } else { ">" }
    }
}

impl Order {
    /// Up to three columns, separated by commas, the first decides before; `-` before a column
    /// means the greatest first. None or an empty text is [`DEFAULT`].
    ///
    /// # Errors
    /// Too many columns, or one that the kind does not have.
    pub fn read(kind: Kind, text: Option<&str>) -> Result<Self, BadOrder> {
        let name = text.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
        if name.split(',').count() > COLUMNS_MAX {
            return Err(BadOrder::TooMany);
        }
        let one = |name: &str| {
            let (descending, name) = match name.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, name),
            };
            let column = columns::column(kind, name).ok_or(BadOrder::Unknown)?;
            Ok(Sorted { column, descending })
        };
        let columns = name.split(',').map(one).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), columns })
    }

    /// Whether the key is of a list in this order.
    pub fn has(&self, key: &Key) -> bool {
        key.1 == self.name && key.2.len() == self.columns.len()
    }

    /// What is read one after the other: the rows that have a value in the first column, and those
    /// that have none, which come last either way. One index then serves both directions.
    pub(super) fn parts(&self, after: Option<&Key>) -> Vec<Part> {
        let after = after.map(|(_, _, values, id)| (values.clone(), *id));
        let (first, columns) = (&self.columns[0], self.columns.clone());
        let id = Sorted {
            column: Column { sql: "t.id".into(), pg: "uuid", nullable: false },
            descending: first.descending,
        };
        if !first.indexed() {
            return vec![Part { condition: None, columns, id, after }];
        }
        let sql = &first.column.sql;
        let mut filled = Part { condition: Some(format!("{sql} IS NOT NULL")), columns, id, after };
        filled.columns[0].column.nullable = false;
        let empty = Part {
            condition: Some(format!("{sql} IS NULL")),
            columns: self.columns[1..].to_vec(),
            id: filled.id.clone(),
            after: None,
        };
        match &filled.after {
            Some((values, id)) if values[0].is_none() => {
                let after = Some((values[1..].to_vec(), *id));
                vec![Part { after, ..empty }]
            }
            _ => vec![filled, empty],
        }
    }
}

/// A part of a list, in its own order.
pub(super) struct Part {
    /// Which rows are in it.
    condition: Option<String>,
    columns: Vec<Sorted>,
    /// What decides last.
    id: Sorted,
    /// The row that it comes after: the values of `columns`, and its id.
    after: Option<(Vec<Option<String>>, Uuid)>,
}

impl Part {
    /// Adds which rows these are, and their order.
    pub fn push(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(condition) = &self.condition {
            sql.push(format!(" AND {condition}"));
        }
        self.push_after(sql);
        self.push_order(sql);
    }

    /// Only what comes after the last row of the page before.
    fn push_after(&self, sql: &mut QueryBuilder<Postgres>) {
        let Some((values, id)) = &self.after else { return };
        let sign = self.id.sign();
        let alike =
            |sorted: &Sorted| !sorted.column.nullable && sorted.descending == self.id.descending;
        sql.push(" AND ");
        if self.columns.iter().all(alike) && values.iter().all(Option::is_some) {
            // One comparison, for an index to serve it.
            sql.push("(");
            for sorted in &self.columns {
                sql.push(format!("{}, ", sorted.column.sql));
            }
            sql.push(format!("t.id) {sign} ("));
            for (sorted, value) in self.columns.iter().zip(values) {
                sql.push_bind(value.clone()).push(format!("::{}, ", sorted.column.pg));
            }
            sql.push_bind(*id).push(")");
            return;
        }
        for (sorted, value) in self.columns.iter().zip(values) {
            let Column { sql: column, pg, nullable } = &sorted.column;
            sql.push("(");
            match value {
                Some(value) => {
                    sql.push(format!("{column} {} ", sorted.sign())).push_bind(value.clone());
                    let empty =
                        if *nullable { format!(" OR {column} IS NULL") } else { String::new() };
                    sql.push(format!("::{pg}{empty} OR ({column} = ")).push_bind(value.clone());
                    sql.push(format!("::{pg} AND "));
                }
                None => {
                    sql.push(format!("({column} IS NULL AND "));
                }
            }
        }
        sql.push(format!("t.id {sign} ")).push_bind(*id);
        sql.push("))".repeat(values.len()));
    }

    /// Empty values come last either way. What is never empty says nothing of them, for an index
    /// to serve it.
    fn push_order(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" ORDER BY ");
        for sorted in &self.columns {
            let empty = if sorted.column.nullable { " NULLS LAST" } else { "" };
            sql.push(format!("{} {}{empty}, ", sorted.column.sql, sorted.sql()));
        }
        sql.push(format!("t.id {}", self.id.sql()));
    }
}
