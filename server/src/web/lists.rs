//! `/assistencias` and `/ocorrencias`: what there is, newest first, narrowed by the query string.

use super::{
    form::Choice,
    format::{self, Moment},
    page::{self, PageError, PageResult, Shell, Visit},
};
use crate::{
    app::App,
    reading::{
        self, People,
        lists::{self, Filter, Key, Linha, List, Order, Responsible, columns},
    },
    search,
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use campo_domain::{
    kind::Kind,
    pessoa::Permissao,
    pt_br,
    tipo::{Tipo, Tipos},
};
use campo_screens::{Column, late, priority_label};
use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Rows of a page.
const PAGE: usize = 50;
/// Up to how many rows are counted; beyond it the page says "mais de".
const COUNT_MAX: i64 = 1_000;
/// Filter value for every situação in which work may still happen. No situação has a hyphen.
const OPEN: &str = "em-aberto";
/// Filter value for records without a responsável.
const UNASSIGNED: &str = "sem";
/// Filter value for what is past its time.
const LATE: &str = "atrasados";

/// The columns that the page shows, in this order; each is called as everywhere else.
const SHOWN: [&str; 7] =
    ["numero", "titulo", "cliente", "situacao", "responsavel", "prazo", "atualizado_em"];

/// The query string.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    tipo: String,
    #[serde(default)]
    prazo: String,
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
    /// The filters, as the query string of other pages of the list.
    query: String,
    may_create: bool,
    tipos: Vec<Choice>,
    prazos: Vec<Choice>,
    situacoes: Vec<Choice>,
    responsaveis: Vec<Choice>,
    columns: Vec<Column>,
    rows: Vec<RowView>,
    shown: String,
    next: Option<String>,
    filtered: bool,
}

struct RowView {
    id: uuid::Uuid,
    label: String,
    provisional: bool,
    row: Linha,
    prioridade: Option<&'static str>,
    prazo: Option<String>,
    late: Option<String>,
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
    let after = cursor(kind, &asked.antes);
    let filter = filter(&asked);
    let order = newest_first(kind)?;
    let (viewer, zone) = (visit.viewer(), visit.auth.fuso);
    let list = List { kind, viewer, zone, filter: &filter, order: &order };
    let mut tx = app.db.snapshot(visit.auth.tenant).await?;
    let shell = visit.shell(&mut tx, title, path).await?;
    let people = People::load(&mut tx).await?;
    let tipos = reading::tipos(&mut tx, kind).await?;
    let rows_max = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = lists::page(&mut tx, &list, after.as_ref(), rows_max).await?;
    let total = lists::count(&mut tx, &list, COUNT_MAX + 1).await?;
    tx.commit().await?;

    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| format!("{}.{}", row.atualizado_em.timestamp_micros(), row.id));
    let all = match total > COUNT_MAX {
        true => format!("mais de {} {many}", pt_br::thousands(COUNT_MAX)),
        false => format::count(total, one, many),
    };
    let whole = after.is_none() && !more;
    let shown = if whole { all } else { format!("{} de {all}", rows.len()) };
    // A select of one tipo would say nothing.
    let several = newest(&tipos, kind).count() > 1;
    let page = ListPage {
        path,
        kind: kind.codigo(),
        title,
        query: asked.query(),
        may_create: visit.auth.pessoa.pode(Permissao::Ver) && shell.kinds.contains(&kind),
        tipos: if several { tipo_choices(&tipos, kind, &asked.tipo) } else { Vec::new() },
        prazos: vec![
            Choice::new("", "Todos", &asked.prazo),
            Choice::new(LATE, "Atrasados", &asked.prazo),
        ],
        situacoes: situacoes(&tipos, &asked.situacao),
        responsaveis: responsaveis(&people, &asked.responsavel),
        columns: columns_of(kind),
        rows: rows.into_iter().map(|row| view(visit, row)).collect(),
        shown,
        next,
        filtered: asked.is_narrow(),
        shell,
        asked,
    };
    page::answer_shell(StatusCode::OK, &page.shell, &page)
}

impl Asked {
    fn filters(&self) -> [(&'static str, &String); 5] {
        [
            ("tipo", &self.tipo),
            ("situacao", &self.situacao),
            ("prazo", &self.prazo),
            ("responsavel", &self.responsavel),
            ("texto", &self.texto),
        ]
    }

    fn is_narrow(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.is_empty())
    }

    fn query(&self) -> String {
        let filled = self.filters().into_iter().filter(|(_, value)| !value.is_empty());
        let pairs = filled.map(|(name, value)| format!("{name}={}", format::escape(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// The columns of the page; one that the kind does not have is left out, heading and cells.
fn columns_of(kind: Kind) -> Vec<Column> {
    let columns = campo_screens::columns(kind);
    let column = |name: &&str| columns.iter().find(|column| column.name == *name).copied();
    SHOWN.iter().filter_map(column).collect()
}

fn filter(asked: &Asked) -> Filter {
    let code = |text: &str| Some(text.replace('\0', "")).filter(|code| !code.is_empty());
    let situacao = code(&asked.situacao).filter(|code| code != OPEN);
    let open = asked.situacao == OPEN;
    Filter {
        tipos: code(&asked.tipo).map(|code| vec![code]),
        situacoes: situacao.map(|code| vec![code]),
        fases: open.then(|| columns::OPEN.map(str::to_owned).into()),
        responsible: match asked.responsavel.as_str() {
            UNASSIGNED => Some(Responsible::Nobody),
            id => id.parse().ok().map(Responsible::Person),
        },
        late: (asked.prazo == LATE).then_some(true),
        words: search::query(&asked.texto),
        ..Filter::default()
    }
}

/// The only order of the page.
fn newest_first(kind: Kind) -> Result<Order, PageError> {
    Order::read(kind, None).map_err(|_| PageError::not_found())
}

/// Where a page begins: after the row of that moment and id.
fn cursor(kind: Kind, text: &str) -> Option<Key> {
    let (micros, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    Some((kind, lists::DEFAULT.to_owned(), vec![Some(at)], id.parse().ok()?))
}

/// The newest version of each tipo.
fn newest(tipos: &[Tipo], kind: Kind) -> impl Iterator<Item = (String, String)> + use<> {
    let tipos: Tipos = tipos.iter().cloned().collect();
    let newest = tipos.do_kind(kind).map(|tipo| (tipo.codigo.clone(), tipo.nome.clone()));
    newest.collect::<Vec<_>>().into_iter()
}

fn tipo_choices(tipos: &[Tipo], kind: Kind, current: &str) -> Vec<Choice> {
    let all = Choice::new("", "Todos", current);
    let each = newest(tipos, kind).map(|(code, name)| Choice::new(code, name, current));
    std::iter::once(all).chain(each).collect()
}

fn situacoes(tipos: &[Tipo], current: &str) -> Vec<Choice> {
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

fn view(visit: &Visit, row: Linha) -> RowView {
    let zone = visit.auth.fuso;
    let open = columns::OPEN.contains(&row.fase.as_str());
    let day = row.prazo();
    RowView {
        id: row.id,
        label: row.rotulo(),
        provisional: row.numero.is_none(),
        prioridade: priority_label(row.prioridade()),
        prazo: day.map(pt_br::day),
        late: late(open, day, row.etapa_ate, visit.now, zone),
        updated: Moment::new(row.atualizado_em, visit.now, zone),
        row,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_was_tampered_with_is_the_beginning() {
        let id = "0199d3a0-0000-7000-8000-000000000001";
        let after = cursor(Kind::Assistencia, &format!("1790000000000001.{id}")).unwrap();
        let at: DateTime<chrono::Utc> = after.2[0].as_deref().unwrap().parse().unwrap();
        assert_eq!(at.timestamp_micros(), 1_790_000_000_000_001);
        for bad in ["", ".", "1.2", "x.y", "99999999999999999999.a"] {
            assert_eq!(cursor(Kind::Assistencia, bad), None, "{bad}");
        }
    }
}
