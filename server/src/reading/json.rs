//! Values between JSON and the domain: money and quantities as decimal text and never as floats,
//! dates as ISO, instants as RFC 3339. Nothing here decides what may be written.

use crate::schemas;
use campo_domain::{
    ids::UserId,
    refusal::{Codigo, Refusal},
    registro::Campos,
    valor::{Campo, TipoCampo, Valor},
};
use campo_screens::{Names, Part};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma pessoa.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Quem)]
pub struct PersonRef {
    /// O identificador.
    id: Uuid,
    /// O nome.
    #[serde(rename = "nome")]
    name: Option<String>,
}

impl PersonRef {
    /// Somebody whose name is known, or not.
    pub const fn new(id: Uuid, name: Option<String>) -> Self {
        Self { id, name }
    }

    /// Somebody by the names that were read.
    pub fn of(id: UserId, names: &Names) -> Self {
        Self::new(id.uuid(), names.person(id).map(str::to_owned))
    }
}

/// O tipo de um registro, na versão com que foi criado.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TipoLinha {
    /// O código.
    pub codigo: String,
    /// A versão.
    pub versao: u32,
    /// O nome.
    pub nome: Option<String>,
}

/// Uma situação do fluxo.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Situacao {
    /// O código.
    pub codigo: String,
    /// O nome.
    pub nome: String,
    /// A fase, igual em todos os fluxos.
    #[schema(value_type = schemas::Fase)]
    pub fase: String,
}

impl From<&campo_domain::fluxo::Situacao> for Situacao {
    fn from(situacao: &campo_domain::fluxo::Situacao) -> Self {
        Self {
            codigo: situacao.codigo.clone(),
            nome: situacao.nome.clone(),
            fase: situacao.fase.codigo().to_owned(),
        }
    }
}

/// A value as the API writes it.
pub fn valor(campo: &Campo, valor: &Valor) -> Value {
    match (valor, &campo.tipo) {
        (Valor::Nulo, _) => Value::Null,
        (Valor::Inteiro(n), TipoCampo::Centavos { .. }) => decimal(*n, 2).into(),
        (Valor::Inteiro(n), TipoCampo::Milesimos { .. }) => quantidade(*n).into(),
        (Valor::Inteiro(n), _) => json!(n),
        (Valor::Texto(texto), _) => json!(texto),
        (Valor::Logico(sim), _) => json!(sim),
        (Valor::Data(data), _) => json!(data),
        (Valor::Instante(instante), _) => instante_json(*instante),
        (Valor::Id(id), _) => json!(id),
    }
}

/// An instant as RFC 3339 in UTC.
fn instante_json(instante: DateTime<Utc>) -> Value {
    instante.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

/// A quantity in thousandths as decimal text, without zeros at its end.
pub fn quantidade(milesimos: i64) -> String {
    let texto = decimal(milesimos, 3);
    texto.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An integer scaled by 10^casas as decimal text.
pub fn decimal(valor: i64, casas: u32) -> String {
    let escala = 10_u64.pow(casas);
    let (inteiro, resto) = (valor.unsigned_abs() / escala, valor.unsigned_abs() % escala);
    let sinal = if valor < 0 { "-" } else { "" };
    format!("{sinal}{inteiro}.{resto:0largura$}", largura = casas as usize)
}

/// Every one of the fields, empty ones as null.
pub fn campos(definicoes: &[Campo], campos: &Campos) -> Map<String, Value> {
    let nulo = Valor::Nulo;
    let um = |campo: &Campo| {
        let lido = campos.get(campo.nome).unwrap_or(&nulo);
        (campo.nome.to_owned(), valor(campo, lido))
    };
    definicoes.iter().map(um).collect()
}

/// Every one of the fields of a part, empty ones as null.
pub fn part(definicoes: &[Campo], part: &Part) -> Map<String, Value> {
    let one = |campo: &Campo| {
        let shown = part.fields.iter().find(|field| field.campo.nome == campo.nome);
        let value = shown.map_or(Value::Null, |field| valor(campo, &field.value));
        (campo.nome.to_owned(), value)
    };
    definicoes.iter().map(one).collect()
}

/// Reads what a caller sent for a field. `null` and blank text clear it. Text is read as a person
/// types it, so a time without an offset is one of the company's time zone.
///
/// # Errors
/// As [`Campo::validar`].
pub fn ler(campo: &Campo, enviado: &Value, fuso: Tz) -> Result<Valor, Refusal> {
    let lido = match (enviado, &campo.tipo) {
        (Value::Null, _) => Valor::Nulo,
        (Value::Bool(sim), TipoCampo::Logico) => Valor::Logico(*sim),
        // A fraction would have been a float on its way here: money travels as text.
        (Value::Number(n), TipoCampo::Centavos { .. }) if n.is_u64() || n.is_i64() => {
            campo.ler(&n.to_string(), fuso)?
        }
        (Value::Number(n), TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. })
            if n.is_u64() || n.is_i64() =>
        {
            campo.ler(&n.to_string(), fuso)?
        }
        // Programs write decimals with a point; `1.500` is one and a half here.
        (Value::String(texto), TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. })
            if !texto.trim().is_empty() && !texto.contains(',') =>
        {
            campo.ler_decimal_exato(texto.trim())?
        }
        (Value::String(texto), _) => campo.ler(texto, fuso)?,
        _ => return Err(invalido(campo)),
    };
    campo.validar(&lido)?;
    Ok(lido)
}

fn invalido(campo: &Campo) -> Refusal {
    Refusal { codigo: Codigo::ValorInvalido, detalhes: vec![campo.rotulo.to_owned()] }
}

/// Reads an object of fields.
///
/// # Errors
/// `campo_desconhecido`, or as [`ler`].
pub fn ler_campos(
    definicoes: &'static [Campo],
    enviados: &Map<String, Value>,
    fuso: Tz,
) -> Result<Vec<(&'static Campo, Valor)>, Refusal> {
    let um = |(nome, enviado): (&String, &Value)| {
        let campo = definicoes.iter().find(|campo| campo.nome == nome);
        let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        Ok((campo, ler(campo, enviado, fuso)?))
    };
    enviados.iter().map(um).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use campo_domain::kind::Kind;

    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    fn campo(kind: Kind, nome: &str) -> &'static Campo {
        kind.campo(nome).unwrap()
    }

    #[test]
    fn money_and_quantities_travel_as_exact_text() {
        assert_eq!(decimal(123_456, 2), "1234.56");
        assert_eq!(decimal(5, 2), "0.05");
        assert_eq!(decimal(-150, 2), "-1.50");
        assert_eq!(quantidade(1_500), "1.5");
        assert_eq!(quantidade(2_000_000), "2000");
        assert_eq!(quantidade(1), "0.001");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let agenda = |nome| campo(Kind::Agenda, nome);
        let cases = [
            (agenda("inicio"), json!("2026-11-21T12:00:00Z")),
            (agenda("assunto"), json!("Visita")),
            (campo(Kind::Assistencia, "prazo"), json!("2026-12-01")),
            (campo(Kind::Cliente, "so_assistencia"), json!(true)),
            (agenda("responsavel"), json!("0197a3c1-0000-7000-8000-000000000001")),
            (agenda("assunto"), Value::Null),
        ];
        for (campo, enviado) in cases {
            let lido = ler(campo, &enviado, FUSO).unwrap();
            assert_eq!(valor(campo, &lido), enviado, "{}", campo.nome);
        }
        // Without an offset it is the company's time.
        let lido = ler(agenda("inicio"), &json!("2026-11-21T09:00"), FUSO).unwrap();
        assert_eq!(valor(agenda("inicio"), &lido), json!("2026-11-21T12:00:00Z"));
    }

    #[test]
    fn a_float_a_wrong_type_and_an_unknown_field_are_refused() {
        let prazo = campo(Kind::Assistencia, "prazo");
        for errado in [json!(1.5), json!(true), json!([1]), json!({}), json!("amanhã")] {
            assert_eq!(ler(prazo, &errado, FUSO).unwrap_err().codigo, Codigo::ValorInvalido);
        }
        let enviados = json!({ "cor": "azul" });
        let lidos = ler_campos(Kind::Cliente.campos(), enviados.as_object().unwrap(), FUSO);
        assert_eq!(lidos.unwrap_err().codigo, Codigo::CampoDesconhecido);
    }
}
