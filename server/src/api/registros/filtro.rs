//! What a list of records may be narrowed to. An identifier comes from the tables of fields or is
//! not in the query, and every value is bound.

use super::colunas;
use crate::{
    error::{ApiError, ApiResult},
    projection::table,
    search,
};
use campo_domain::{agenda::NA_ASSISTENCIA, kind::Kind, tipo::Tipos};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use sqlx::{Postgres, QueryBuilder};
use std::collections::BTreeSet;
use utoipa::IntoParams;
use uuid::Uuid;

/// Most codes in one filter.
const CODIGOS_MAX: usize = 50;
/// Longest search, in characters.
const BUSCA_CHARS_MAX: usize = 200;

/// What a list is narrowed to, and how it is ordered.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Códigos de situação, separados por vírgula.
    situacao: Option<String>,
    /// Fases, separadas por vírgula; `aberta` vale por todas em que ainda há trabalho.
    fase: Option<String>,
    /// Códigos de tipo, separados por vírgula.
    tipo: Option<String>,
    /// Id de quem é responsável; `eu` para quem pergunta, `nenhum` para registros sem responsável
    /// ou de quem não está mais ativo.
    responsavel: Option<String>,
    /// Id do cliente.
    #[param(value_type = Option<Uuid>)]
    cliente: Option<Uuid>,
    /// Só os que passaram do prazo, da etapa ou do registro, e ainda estão abertos.
    atrasado: Option<bool>,
    /// Códigos de categoria, separados por vírgula.
    categoria: Option<String>,
    /// Códigos de módulo, separados por vírgula.
    modulo: Option<String>,
    /// Códigos de processo ou setor, separados por vírgula.
    setor: Option<String>,
    /// Códigos de filial, separados por vírgula.
    filial: Option<String>,
    /// Códigos de tipo de ocorrência, separados por vírgula.
    tipo_ocorrencia: Option<String>,
    /// Códigos de produto, separados por vírgula.
    produto: Option<String>,
    /// Códigos de fornecedor, separados por vírgula.
    fornecedor: Option<String>,
    /// Só o que está no plano deste mês (`AAAA-MM`).
    plano_mensal: Option<String>,
    /// De ocorrências e agendas: id da assistência a que pertencem.
    #[param(value_type = Option<Uuid>)]
    assistencia: Option<Uuid>,
    /// De agendas: id da ocorrência a que pertencem.
    #[param(value_type = Option<Uuid>)]
    ocorrencia: Option<Uuid>,
    /// De agendas: códigos de tipo de agenda, separados por vírgula.
    tipo_agenda: Option<String>,
    /// De agendas: se o tipo de agenda aparece na tela da assistência, como diz o catálogo.
    na_assistencia: Option<bool>,
    /// De agendas: que começam a partir deste dia ou instante.
    inicio_de: Option<String>,
    /// De agendas: que começam até este dia, inclusive, ou antes deste instante.
    inicio_ate: Option<String>,
    /// Criado a partir deste dia (`AAAA-MM-DD`) ou instante (RFC 3339).
    criado_de: Option<String>,
    /// Criado até este dia, inclusive, ou antes deste instante.
    criado_ate: Option<String>,
    /// Alterado a partir deste dia ou instante.
    atualizado_de: Option<String>,
    /// Alterado até este dia, inclusive, ou antes deste instante.
    atualizado_ate: Option<String>,
    /// Texto livre: número, cliente, telefone, série ou lote, qualquer texto. Acentos não importam.
    q: Option<String>,
    /// Até três colunas, separadas por vírgula, a primeira decide antes; com `-` na frente, uma
    /// coluna é decrescente. Padrão: `-atualizado_em`.
    pub(super) ordenar: Option<String>,
    /// Linhas por página, até 200.
    pub(super) limite: Option<u16>,
    /// O `proximo` da página anterior.
    pub(super) cursor: Option<String>,
}

/// The client of a row of that name: its own, or that of the record that it belongs to, `a` or `o`.
/// Not `coalesce`: behind row-level security PostgreSQL looks nothing up in an index by one.
pub fn cliente(kind: Kind, row: &str) -> String {
    match kind {
        Kind::Assistencia => format!("{row}.cliente"),
        Kind::Ocorrencia => {
            format!("CASE WHEN {row}.cliente IS NULL THEN a.cliente ELSE {row}.cliente END")
        }
        Kind::Agenda => "CASE WHEN a.cliente IS NULL THEN o.cliente ELSE a.cliente END".to_owned(),
        Kind::Cliente => format!("{row}.id"),
    }
}

/// Adds the condition that [`cliente`] is this one, from the client's side.
fn do_cliente(sql: &mut QueryBuilder<Postgres>, kind: Kind, id: Uuid) {
    let (proprios, do_caso) = match kind {
        Kind::Assistencia | Kind::Cliente => {
            sql.push(format!(" AND {} = ", cliente(kind, "t"))).push_bind(id);
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
    sql.push(format!(" AND t.id IN ({proprios}")).push_bind(id);
    sql.push(format!(" UNION ALL {do_caso}")).push_bind(id).push(")");
}

/// Late: past the day of the record, or of its situação, while work may still happen.
pub fn atrasado(kind: Kind) -> String {
    let prazo = match kind.campo("prazo") {
        Some(_) => " OR t.prazo < (now() AT TIME ZONE $3)::date",
        None => "",
    };
    let fase = colunas::FECHADAS;
    format!("(t.fase NOT IN ({fase}) AND coalesce(t.etapa_ate < now(){prazo}, false))")
}

/// Adds the conditions of a filter, on `t` alone.
///
/// # Errors
/// 400: the kind has no such field, or no such value can be in it.
pub fn filtrar(
    sql: &mut QueryBuilder<Postgres>,
    kind: Kind,
    filtro: &Filtro,
    tipos: &Tipos,
    (eu, fuso): (Uuid, Tz),
) -> ApiResult<()> {
    if let Some(situacoes) = &filtro.situacao {
        let situacoes = conhecidas(kind, lista(situacoes)?, tipos)?;
        sql.push(" AND t.situacao = ANY(").push_bind(situacoes).push(")");
    }
    if let Some(codigos) = &filtro.tipo {
        sql.push(" AND t.tipo = ANY(").push_bind(lista(codigos)?).push(")");
    }
    if let Some(fases) = &filtro.fase {
        sql.push(" AND t.fase = ANY(").push_bind(das_fases(&lista(fases)?)?).push(")");
    }
    do_campo(sql, kind, filtro)?;
    if let Some(quem) = &filtro.responsavel {
        tem(kind, "responsavel")?;
        match quem.as_str() {
            "nenhum" => {
                sql.push(
                    " AND NOT EXISTS (SELECT 1 FROM usuario x WHERE x.tenant = t.tenant \
                     AND x.id = t.responsavel AND x.ativo)",
                );
            }
            quem => {
                let eu = (quem == "eu").then_some(eu);
                let id = eu.or_else(|| quem.parse().ok()).ok_or_else(|| {
                    ApiError::invalido("O parâmetro responsavel é um id, “eu” ou “nenhum”.")
                })?;
                sql.push(" AND t.responsavel = ").push_bind(id);
            }
        }
    }
    if let Some(id) = filtro.cliente {
        do_cliente(sql, kind, id);
    }
    if let Some(late) = filtro.atrasado {
        sql.push(format!(" AND {} = ", atrasado(kind))).push_bind(late);
    }
    let momentos = [
        ("t.inicio >= ", "inicio_de", &filtro.inicio_de, false),
        ("t.inicio < ", "inicio_ate", &filtro.inicio_ate, true),
        ("t.criado_em >= ", "criado_de", &filtro.criado_de, false),
        ("t.criado_em < ", "criado_ate", &filtro.criado_ate, true),
        ("t.atualizado_em >= ", "atualizado_de", &filtro.atualizado_de, false),
        ("t.atualizado_em < ", "atualizado_ate", &filtro.atualizado_ate, true),
    ];
    for (condicao, nome, texto, fim) in momentos {
        if let Some(texto) = texto {
            let momento = momento(nome, texto, fuso, fim)?;
            sql.push(format!(" AND {condicao}")).push_bind(momento);
        }
    }
    if let Some(q) = &filtro.q {
        procurar(sql, kind, q)?;
    }
    Ok(())
}

/// What only some kinds have: codes of a field, the record that it belongs to, a month.
fn do_campo(sql: &mut QueryBuilder<Postgres>, kind: Kind, filtro: &Filtro) -> ApiResult<()> {
    let codigos = [
        ("categoria", &filtro.categoria),
        ("modulo", &filtro.modulo),
        ("setor", &filtro.setor),
        ("filial", &filtro.filial),
        ("tipo_ocorrencia", &filtro.tipo_ocorrencia),
        ("produto", &filtro.produto),
        ("fornecedor", &filtro.fornecedor),
        ("tipo_agenda", &filtro.tipo_agenda),
    ];
    for (campo, codigos) in codigos {
        if let Some(codigos) = codigos {
            tem(kind, campo)?;
            sql.push(format!(" AND t.{campo} = ANY(")).push_bind(lista(codigos)?).push(")");
        }
    }
    if filtro.inicio_de.is_some() || filtro.inicio_ate.is_some() {
        tem(kind, "inicio")?;
    }
    for (campo, id) in [("assistencia", filtro.assistencia), ("ocorrencia", filtro.ocorrencia)] {
        if let Some(id) = id {
            tem(kind, campo)?;
            sql.push(format!(" AND t.{campo} = ")).push_bind(id);
        }
    }
    if let Some(na_tela) = filtro.na_assistencia {
        tem(kind, "tipo_agenda")?;
        // R42: the catalogue says which.
        sql.push(format!(
            " AND EXISTS (SELECT 1 FROM referencia x WHERE x.tenant = t.tenant \
             AND x.collection = 'tipo_agenda' AND x.key = t.tipo_agenda \
             AND x.data->'dados'->>'{NA_ASSISTENCIA}' = 'sim') = "
        ));
        sql.push_bind(na_tela);
    }
    if let Some(mes) = &filtro.plano_mensal {
        tem(kind, "plano_mensal")?;
        let dia = NaiveDate::parse_from_str(&format!("{mes}-01"), "%Y-%m-%d").ok();
        let dia = dia.filter(|dia| mes.len() == 7 && (1..=9999).contains(&dia.year()));
        let meses = dia.and_then(|dia| Some((dia, dia.checked_add_months(Months::new(1))?)));
        let (de, ate) = meses
            .ok_or_else(|| ApiError::invalido("O parâmetro plano_mensal é um mês (2026-12)."))?;
        sql.push(" AND t.plano_mensal >= ").push_bind(de);
        sql.push(" AND t.plano_mensal < ").push_bind(ate);
    }
    Ok(())
}

/// A code that no tipo of the kind ever had is a slip, not an empty list.
fn conhecidas(kind: Kind, codigos: Vec<String>, tipos: &Tipos) -> ApiResult<Vec<String>> {
    let do_kind = tipos.todos().filter(|tipo| tipo.kind == kind);
    let situacoes: BTreeSet<&str> = do_kind
        .flat_map(|tipo| tipo.fluxo.situacoes.iter().map(|situacao| situacao.codigo.as_str()))
        .collect();
    if codigos.iter().all(|codigo| situacoes.contains(codigo.as_str())) {
        return Ok(codigos);
    }
    let mensagem = "Não há essa situação. Veja as que há em “situacoes”.";
    Err(ApiError::invalido(mensagem).with("situacoes", Vec::from_iter(situacoes)))
}

/// The fases of a filter, `aberta` spelt out.
fn das_fases(pedidas: &[String]) -> ApiResult<Vec<String>> {
    let mut fases = Vec::new();
    for fase in pedidas {
        match fase.as_str() {
            "aberta" => fases.extend(colunas::ABERTAS.map(str::to_owned)),
            _ if colunas::FASES.contains(&fase.as_str()) => fases.push(fase.clone()),
            _ => {
                let mensagem = "Não há essa fase. Veja as que há em “fases”.";
                let todas: Vec<&str> = ["aberta"].into_iter().chain(colunas::FASES).collect();
                return Err(ApiError::invalido(mensagem).with("fases", todas));
            }
        }
    }
    Ok(fases)
}

fn tem(kind: Kind, campo: &str) -> ApiResult<()> {
    if kind.campo(campo).is_some() {
        return Ok(());
    }
    let mensagem = format!("{} não tem o campo {campo} para filtrar.", kind.rotulo());
    Err(ApiError::invalido(mensagem))
}

fn lista(codigos: &str) -> ApiResult<Vec<String>> {
    let codigos: Vec<String> = codigos.split(',').map(|codigo| codigo.trim().to_owned()).collect();
    if codigos.len() > CODIGOS_MAX {
        return Err(ApiError::invalido(format!("Um filtro aceita até {CODIGOS_MAX} códigos.")));
    }
    Ok(codigos)
}

/// A day of the company, or an instant. A day as an end is included: the next one begins there.
pub fn momento(nome: &str, texto: &str, fuso: Tz, fim: bool) -> ApiResult<DateTime<Utc>> {
    if let Ok(instante) = DateTime::parse_from_rfc3339(texto) {
        return Ok(instante.with_timezone(&Utc));
    }
    let dia = NaiveDate::parse_from_str(texto, "%Y-%m-%d").ok();
    let dia = dia.filter(|dia| (1..=9999).contains(&dia.year()));
    let dia = if fim { dia.and_then(|dia| dia.checked_add_days(Days::new(1))) } else { dia };
    // Where a day begins at 1 because of summer time, midnight is not in it.
    let inicio = dia.and_then(|dia| {
        let meia_noite = dia.and_time(NaiveTime::MIN);
        fuso.from_local_datetime(&meia_noite).earliest().or_else(|| {
            let uma = meia_noite + chrono::TimeDelta::hours(1);
            fuso.from_local_datetime(&uma).earliest()
        })
    });
    inicio.map(|inicio| inicio.with_timezone(&Utc)).ok_or_else(|| {
        let mensagem = format!(
            "O parâmetro {nome} é um dia (2026-11-21) ou um instante (2026-11-21T09:00:00-03:00)."
        );
        ApiError::invalido(mensagem)
    })
}

/// Adds the condition of a search: every word is in the record, or in its client.
fn procurar(sql: &mut QueryBuilder<Postgres>, kind: Kind, q: &str) -> ApiResult<()> {
    if q.chars().count() > BUSCA_CHARS_MAX {
        let mensagem = format!("A busca aceita até {BUSCA_CHARS_MAX} caracteres.");
        return Err(ApiError::invalido(mensagem));
    }
    if let Some(palavras) = search::query(q) {
        sql.push(format!(" AND t.id IN (SELECT busca_{}(", table(kind)));
        sql.push_bind(palavras).push("))");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    #[test]
    fn a_day_is_one_of_the_company_and_its_end_is_included() {
        let at = |texto, fim| momento("criado_de", texto, FUSO, fim).unwrap().to_rfc3339();
        assert_eq!(at("2026-11-21", false), "2026-11-21T03:00:00+00:00");
        assert_eq!(at("2026-11-21", true), "2026-11-22T03:00:00+00:00");
        assert_eq!(at("2026-11-21T09:00:00-03:00", true), "2026-11-21T12:00:00+00:00");
        // The night on which summer time began has no midnight.
        assert_eq!(at("2018-11-04", false), "2018-11-04T03:00:00+00:00");
        assert!(momento("criado_de", "ontem", FUSO, false).is_err());
    }
}
