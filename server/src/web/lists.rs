//! `/assistencias` and `/ocorrencias`: what there is, newest first, narrowed by the query string.

use super::{
    form::Choice,
    format::{self, Moment},
    page::{self, PageResult, Shell, Visit},
};
use crate::{
    app::App,
    reading::{
        self, People,
        lists::{self, After, Filter},
        record::label,
    },
    search,
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use campo_domain::{
    assistencia::PRIORIDADES, kind::Kind, pessoa::Permissao, tipo::Tipo, tipo::Tipos,
};
use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Filter value for every situação in which work may still happen. No situação has a hyphen.
const OPEN: &str = "em-aberto";
/// Filter value for records without a responsável.
const UNASSIGNED: &str = "sem";
/// Filter value for what is past its time.
const LATE: &str = "atrasados";

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
    let after = cursor(&asked.antes);
    let filter = filter(&asked, visit);
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let shell = visit.shell(&mut tx, title, path).await?;
    let people = People::load(&mut tx).await?;
    let tipos = reading::tipos(&mut tx, kind).await?;
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

fn filter(asked: &Asked, visit: &Visit) -> Filter {
    let code = |text: &str| Some(text.replace('\0', "")).filter(|code| !code.is_empty());
    let today = visit.now.with_timezone(&visit.auth.fuso).date_naive();
    Filter {
        tipo: code(&asked.tipo),
        situacao: code(&asked.situacao).filter(|code| code != OPEN),
        open: asked.situacao == OPEN,
        responsavel: asked.responsavel.parse().ok(),
        unassigned: asked.responsavel == UNASSIGNED,
        late: (asked.prazo == LATE).then_some((visit.now, today)),
        words: search::query(&asked.texto),
    }
}

fn cursor(text: &str) -> Option<After> {
    let (micros, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    Some(After { at, id: id.parse().ok()? })
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

fn view(visit: &Visit, row: lists::Row) -> RowView {
    let fuso = visit.auth.fuso;
    let open = !matches!(row.fase.as_str(), "concluido" | "cancelado" | "negado");
    let today: NaiveDate = visit.now.with_timezone(&fuso).date_naive();
    let of_record = row.prazo.filter(|prazo| *prazo < today);
    let of_record = of_record.map(|prazo| format!("Prazo: {}", format::day(prazo)));
    let of_stage = row.etapa_ate.filter(|until| *until < visit.now);
    let of_stage =
        of_stage.map(|until| format!("Prazo da etapa: {}", format::instant(until, fuso)));
    RowView {
        id: row.id,
        label: label(row.id, row.numero.as_deref()),
        provisional: row.numero.is_none(),
        prioridade: priority(row.prioridade.as_deref()),
        prazo: row.prazo.map(format::day),
        late: of_record.or(of_stage).filter(|_| open),
        updated: Moment::new(row.atualizado_em, visit.now, fuso),
        row,
    }
}

/// The label of a priority worth showing: a normal one says nothing.
pub fn priority(code: Option<&str>) -> Option<&'static str> {
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
