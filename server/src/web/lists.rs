//! `/assistencias` and `/ocorrencias`: what there is, newest first, narrowed by the query string.

use super::{
    form::Choice,
    format::{self, Moment},
    page::{self, PageResult, Shell, Visit},
    queries::{
        self, People,
        lists::{self, After, Filter},
        record::label,
    },
};
use crate::app::App;
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use campo_domain::{assistencia::PRIORIDADES, kind::Kind};
use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Filter value for every situação in which work may still happen. No situação has a hyphen.
const OPEN: &str = "em-aberto";
/// Filter value for records without a responsável.
const UNASSIGNED: &str = "sem";

/// The query string.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    situacao: String,
    #[serde(default)]
    responsavel: String,
    #[serde(default)]
    texto: String,
    #[serde(default)]
    antes: String,
}

#[derive(Template)]
#[template(path = "lista.html")]
struct ListPage {
    shell: Shell,
    path: &'static str,
    kind: &'static str,
    title: &'static str,
    asked: Asked,
    situacoes: Vec<Choice>,
    responsaveis: Vec<Choice>,
    rows: Vec<RowView>,
    shown: String,
    next: Option<String>,
    filtered: bool,
}

struct RowView {
    id: uuid::Uuid,
    label: String,
    provisional: bool,
    row: lists::Row,
    prioridade: Option<&'static str>,
    prazo: Option<String>,
    late: bool,
    updated: Moment,
}

/// `GET /assistencias`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn assistencias(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> PageResult {
    list(&app, &visit, Kind::Assistencia, asked).await
}

/// `GET /ocorrencias`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn ocorrencias(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> PageResult {
    list(&app, &visit, Kind::Ocorrencia, asked).await
}

async fn list(app: &App, visit: &Visit, kind: Kind, asked: Asked) -> PageResult {
    let (path, title, one, many) = match kind {
        Kind::Ocorrencia => ("/ocorrencias", "Ocorrências", "ocorrência", "ocorrências"),
        _ => ("/assistencias", "Assistências", "assistência", "assistências"),
    };
    let after = cursor(&asked.antes);
    let filter = filter(&asked);
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let shell = visit.shell(&mut tx, title, path).await?;
    let people = People::load(&mut tx).await?;
    let tipos = queries::tipos(&mut tx, kind).await?;
    let (mut rows, total) = lists::page(&mut tx, visit.viewer(), kind, &filter, after).await?;
    tx.commit().await?;

    let more = rows.len() > lists::PAGE;
    rows.truncate(lists::PAGE);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| format!("{}.{}", row.atualizado_em.timestamp_micros(), row.id));
    let all = match total > lists::COUNT_MAX {
        true => format!("mais de {} {many}", format::thousands(lists::COUNT_MAX)),
        false => format::count(total, one, many),
    };
    let whole = after.is_none() && !more;
    let shown = if whole { all } else { format!("{} de {all}", rows.len()) };
    let page = ListPage {
        shell,
        path,
        kind: kind.codigo(),
        title,
        situacoes: situacoes(&tipos, &asked.situacao),
        responsaveis: responsaveis(&people, &asked.responsavel),
        rows: rows.into_iter().map(|row| view(visit, row)).collect(),
        shown,
        next,
        filtered: asked.is_narrow(),
        asked,
    };
    page::answer_shell(StatusCode::OK, &page.shell, &page)
}

impl Asked {
    fn is_narrow(&self) -> bool {
        [&self.situacao, &self.responsavel, &self.texto].iter().any(|value| !value.is_empty())
    }
}

fn filter(asked: &Asked) -> Filter {
    let situacao = asked.situacao.replace('\0', "");
    Filter {
        situacao: Some(situacao).filter(|code| !code.is_empty() && code != OPEN),
        open: asked.situacao == OPEN,
        responsavel: asked.responsavel.parse().ok(),
        unassigned: asked.responsavel == UNASSIGNED,
        words: queries::patterns(&asked.texto),
    }
}

fn cursor(text: &str) -> Option<After> {
    let (micros, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    Some(After { at, id: id.parse().ok()? })
}

fn situacoes(tipos: &[campo_domain::tipo::Tipo], current: &str) -> Vec<Choice> {
    let mut choices =
        vec![Choice::new("", "Todas", current), Choice::new(OPEN, "Em aberto", current)];
    let mut known = BTreeSet::new();
    for situacao in tipos.iter().flat_map(|tipo| &tipo.fluxo.situacoes) {
        if known.insert(&situacao.codigo) {
            choices.push(Choice::new(&situacao.codigo, &situacao.nome, current));
        }
    }
    choices
}

fn responsaveis(people: &People, current: &str) -> Vec<Choice> {
    let mut choices = vec![
        Choice::new("", "Qualquer pessoa", current),
        Choice::new(UNASSIGNED, "Sem responsável", current),
    ];
    let eligible = people.eligible(current.parse().ok());
    choices.extend(eligible.map(|(id, name)| Choice::new(id.to_string(), name, current)));
    choices
}

fn view(visit: &Visit, row: lists::Row) -> RowView {
    let fuso = visit.auth.fuso;
    let open = !matches!(row.fase.as_str(), "concluido" | "cancelado" | "negado");
    let today: NaiveDate = visit.now.with_timezone(&fuso).date_naive();
    RowView {
        id: row.id,
        label: label(row.id, row.numero.as_deref()),
        provisional: row.numero.is_none(),
        prioridade: priority(row.prioridade.as_deref()),
        prazo: row.prazo.map(format::day),
        late: open && row.prazo.is_some_and(|prazo| prazo < today),
        updated: Moment::new(row.atualizado_em, visit.now, fuso),
        row,
    }
}

/// The label of a priority worth showing: a normal one says nothing.
fn priority(code: Option<&str>) -> Option<&'static str> {
    let found = PRIORIDADES.iter().find(|(known, _)| Some(*known) == code);
    found.filter(|(known, _)| *known != "normal").map(|(_, label)| *label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_was_tampered_with_is_the_beginning() {
        let id = "0199d3a0-0000-7000-8000-000000000001";
        let after = cursor(&format!("1790000000000001.{id}")).unwrap();
        assert_eq!(after.at.timestamp_micros(), 1_790_000_000_000_001);
        for bad in ["", ".", "1.2", "x.y", "99999999999999999999.a"] {
            assert_eq!(cursor(bad), None, "{bad}");
        }
    }
}
