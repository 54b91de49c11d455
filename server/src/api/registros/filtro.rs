//! What a list of records may be narrowed to, as an address asks for it, and what is told where it
//! asks for what there is not.

use crate::{
    error::{ApiError, ApiResult},
    reading::lists::{Bound, Filter, Responsible, columns},
    search,
};
use campo_domain::{kind::Kind, tipo::Tipos};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
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

impl Filtro {
    /// What the list is narrowed to.
    ///
    /// # Errors
    /// 400: the kind has no such field, or no such value can be in it.
    pub fn read(&self, kind: Kind, tipos: &Tipos, me: Uuid, zone: Tz) -> ApiResult<Filter> {
        let situacoes = self.situacao.as_deref().map(codes).transpose()?;
        let fases = self.fase.as_deref().map(codes).transpose()?;
        Ok(Filter {
            situacoes: situacoes.map(|codes| known(kind, codes, tipos)).transpose()?,
            fases: fases.map(|asked| spelt_out(&asked)).transpose()?,
            tipos: self.tipo.as_deref().map(codes).transpose()?,
            responsible: self.responsible(kind, me)?,
            client: self.cliente,
            late: self.atrasado,
            codes: self.codes(kind)?,
            parents: self.parents(kind)?,
            on_case_screen: match self.na_assistencia {
                Some(listed) => has(kind, "tipo_agenda").map(|_| Some(listed))?,
                None => None,
            },
            planned: self.planned(kind)?,
            moments: self.moments(kind, zone)?,
            words: self.q.as_deref().map(words).transpose()?.flatten(),
        })
    }

    fn responsible(&self, kind: Kind, me: Uuid) -> ApiResult<Option<Responsible>> {
        let Some(asked) = self.responsavel.as_deref() else { return Ok(None) };
        has(kind, "responsavel")?;
        Ok(Some(match asked {
            "nenhum" => Responsible::Nobody,
            "eu" => Responsible::Person(me),
            id => Responsible::Person(id.parse().map_err(|_| {
                ApiError::invalido("O parâmetro responsavel é um id, “eu” ou “nenhum”.")
            })?),
        }))
    }

    fn codes(&self, kind: Kind) -> ApiResult<Vec<(&'static str, Vec<String>)>> {
        let asked = [
            ("categoria", &self.categoria),
            ("modulo", &self.modulo),
            ("setor", &self.setor),
            ("filial", &self.filial),
            ("tipo_ocorrencia", &self.tipo_ocorrencia),
            ("produto", &self.produto),
            ("fornecedor", &self.fornecedor),
            ("tipo_agenda", &self.tipo_agenda),
        ];
        let asked = asked.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?)));
        asked.map(|(field, text)| Ok((has(kind, field)?, codes(text)?))).collect()
    }

    fn parents(&self, kind: Kind) -> ApiResult<Vec<(&'static str, Uuid)>> {
        let asked = [("assistencia", self.assistencia), ("ocorrencia", self.ocorrencia)];
        let asked = asked.into_iter().filter_map(|(field, id)| Some((field, id?)));
        asked.map(|(field, id)| Ok((has(kind, field)?, id))).collect()
    }

    fn planned(&self, kind: Kind) -> ApiResult<Option<(NaiveDate, NaiveDate)>> {
        let Some(month) = &self.plano_mensal else { return Ok(None) };
        has(kind, "plano_mensal")?;
        let day = NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok();
        let day = day.filter(|day| month.len() == 7 && (1..=9999).contains(&day.year()));
        let months = day.and_then(|day| Some((day, day.checked_add_months(Months::new(1))?)));
        let bad = || ApiError::invalido("O parâmetro plano_mensal é um mês (2026-12).");
        Ok(Some(months.ok_or_else(bad)?))
    }

    fn moments(&self, kind: Kind, zone: Tz) -> ApiResult<Vec<(&'static str, Bound)>> {
        if self.inicio_de.is_some() || self.inicio_ate.is_some() {
            has(kind, "inicio")?;
        }
        let asked = [
            ("inicio", "inicio_de", &self.inicio_de, "inicio_ate", &self.inicio_ate),
            ("criado_em", "criado_de", &self.criado_de, "criado_ate", &self.criado_ate),
            (
                "atualizado_em",
                "atualizado_de",
                &self.atualizado_de,
                "atualizado_ate",
                &self.atualizado_ate,
            ),
        ];
        let mut moments = Vec::new();
        for (column, from_name, from, before_name, before) in asked {
            if let Some(text) = from {
                moments.push((column, Bound::From(momento(from_name, text, zone, false)?)));
            }
            if let Some(text) = before {
                moments.push((column, Bound::Before(momento(before_name, text, zone, true)?)));
            }
        }
        Ok(moments)
    }
}

/// A code that no tipo of the kind ever had is a slip, not an empty list.
fn known(kind: Kind, codigos: Vec<String>, tipos: &Tipos) -> ApiResult<Vec<String>> {
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
fn spelt_out(pedidas: &[String]) -> ApiResult<Vec<String>> {
    let mut fases = Vec::new();
    for fase in pedidas {
        match fase.as_str() {
            "aberta" => fases.extend(columns::OPEN.map(str::to_owned)),
            _ if columns::FASES.contains(&fase.as_str()) => fases.push(fase.clone()),
            _ => {
                let mensagem = "Não há essa fase. Veja as que há em “fases”.";
                let todas: Vec<&str> = ["aberta"].into_iter().chain(columns::FASES).collect();
                return Err(ApiError::invalido(mensagem).with("fases", todas));
            }
        }
    }
    Ok(fases)
}

/// The name of a field that the kind has.
fn has(kind: Kind, name: &'static str) -> ApiResult<&'static str> {
    match kind.campo(name) {
        Some(campo) => Ok(campo.nome),
        None => {
            let mensagem = format!("{} não tem o campo {name} para filtrar.", kind.rotulo());
            Err(ApiError::invalido(mensagem))
        }
    }
}

fn codes(text: &str) -> ApiResult<Vec<String>> {
    let codes: Vec<String> = text.split(',').map(|code| code.trim().to_owned()).collect();
    if codes.len() > CODIGOS_MAX {
        return Err(ApiError::invalido(format!("Um filtro aceita até {CODIGOS_MAX} códigos.")));
    }
    Ok(codes)
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

/// What is looked for: every word is in the record, or in its client. Nothing where there is no
/// word.
fn words(q: &str) -> ApiResult<Option<serde_json::Value>> {
    if q.chars().count() > BUSCA_CHARS_MAX {
        let mensagem = format!("A busca aceita até {BUSCA_CHARS_MAX} caracteres.");
        return Err(ApiError::invalido(mensagem));
    }
    Ok(search::query(q))
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
