//! The scalar values of fields, and what a field accepts. Money and quantities are exact integers.

use crate::{
    kind::Kind,
    pt_br,
    refusal::{Codigo, Refusal},
    texto,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The value of one field. Absent and `Nulo` mean the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "t", content = "v", rename_all = "snake_case")]
pub enum Valor {
    /// Nothing filled in.
    Nulo,
    /// Text, short or long, or the code of a catalogue entry or of a choice.
    Texto(String),
    /// A whole number; money in centavos, quantities in thousandths.
    Inteiro(i64),
    /// Yes or no.
    Logico(bool),
    /// A day without a time.
    Data(NaiveDate),
    /// An instant, to the millisecond.
    Instante(DateTime<Utc>),
    /// The id of a document or of a person.
    Id(Uuid),
}

impl Valor {
    /// Whether nothing is filled in (blank text counts as nothing).
    pub fn vazio(&self) -> bool {
        match self {
            Valor::Nulo => true,
            Valor::Texto(texto) => texto.trim().is_empty(),
            _ => false,
        }
    }

    /// The text, if it is one.
    pub fn texto(&self) -> Option<&str> {
        match self {
            Valor::Texto(texto) => Some(texto),
            _ => None,
        }
    }

    /// The id, if it is one.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Valor::Id(id) => Some(*id),
            _ => None,
        }
    }

    /// The instant, if it is one.
    pub fn instante(&self) -> Option<DateTime<Utc>> {
        match self {
            Valor::Instante(instante) => Some(*instante),
            _ => None,
        }
    }

    /// How a person in the given time zone reads it. Ids stay ids: who shows them knows names.
    pub fn exibir(&self, campo: &Campo, fuso: Tz) -> String {
        match (self, &campo.tipo) {
            (Valor::Nulo, _) => String::new(),
            (Valor::Texto(codigo), TipoCampo::Escolha(opcoes)) => opcoes
                .iter()
                .find(|(opcao, _)| opcao == codigo)
                .map_or_else(|| codigo.clone(), |(_, rotulo)| (*rotulo).to_owned()),
            (Valor::Texto(texto), _) => texto.clone(),
            (Valor::Inteiro(n), TipoCampo::Centavos { .. }) => {
                format!("R$ {}", pt_br::decimal(*n, 2))
            }
            (Valor::Inteiro(n), TipoCampo::Milesimos { .. }) => {
                let texto = pt_br::decimal(*n, 3);
                texto.trim_end_matches('0').trim_end_matches(',').to_owned()
            }
            (Valor::Inteiro(n), _) => n.to_string(),
            (Valor::Logico(sim), _) => if *sim { "Sim" } else { "Não" }.to_owned(),
            (Valor::Data(data), _) => pt_br::day(*data),
            (Valor::Instante(instante), _) => pt_br::moment(*instante, fuso),
            (Valor::Id(id), _) => id.to_string(),
        }
    }
}

/// What a reference field points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alvo {
    /// A document of this kind.
    Documento(Kind),
    /// A document of any kind.
    Qualquer,
    /// A person of the company.
    Usuario,
    /// An entry of the company's catalogue of this name, by its code.
    Catalogo(&'static str),
}

/// What a field accepts. Bounds are inclusive; text is bounded in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TipoCampo {
    /// One line; the last writer wins and the conflict stays visible.
    Texto {
        /// Longest text, in characters.
        chars_max: usize,
    },
    /// Collaborative text: concurrent edits are merged, never overwritten.
    TextoLongo {
        /// Longest text, in characters.
        chars_max: usize,
    },
    /// Money, in centavos of real.
    Centavos {
        /// Largest value.
        max: i64,
    },
    /// A quantity, in thousandths of its unit.
    Milesimos {
        /// Largest value.
        max: i64,
    },
    /// A whole number.
    Inteiro {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Yes or no.
    Logico,
    /// A day.
    Data,
    /// An instant.
    Instante,
    /// One of these codes, each with its label.
    Escolha(&'static [(&'static str, &'static str)]),
    /// A reference.
    Referencia(Alvo),
}

/// One field of a kind of document: its name, label, type, and the requirement that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campo {
    /// Stable name, in the document and on the wire.
    pub nome: &'static str,
    /// What a person reads.
    pub rotulo: &'static str,
    /// What it accepts.
    pub tipo: TipoCampo,
    /// Set when the document is created and never again (links between documents).
    pub fixo: bool,
    /// The rule's source, such as `R10`.
    pub fonte: &'static str,
}

impl Campo {
    pub(crate) const fn novo(
        nome: &'static str,
        rotulo: &'static str,
        tipo: TipoCampo,
        fonte: &'static str,
    ) -> Self {
        Campo { nome, rotulo, tipo, fixo: false, fonte }
    }

    pub(crate) const fn fixo(mut self) -> Self {
        self.fixo = true;
        self
    }

    /// Whether it is a long text, of several lines.
    pub const fn longo(&self) -> bool {
        matches!(self.tipo, TipoCampo::TextoLongo { .. })
    }

    /// What it accepts, by a stable name.
    pub const fn codigo_do_tipo(&self) -> &'static str {
        match self.tipo {
            TipoCampo::Texto { .. } => "texto",
            TipoCampo::TextoLongo { .. } => "texto_longo",
            TipoCampo::Centavos { .. } => "dinheiro",
            TipoCampo::Milesimos { .. } => "quantidade",
            TipoCampo::Inteiro { .. } => "inteiro",
            TipoCampo::Logico => "logico",
            TipoCampo::Data => "data",
            TipoCampo::Instante => "instante",
            TipoCampo::Escolha(_) => "escolha",
            TipoCampo::Referencia(Alvo::Catalogo(_)) => "catalogo",
            TipoCampo::Referencia(Alvo::Usuario) => "usuario",
            TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer) => "registro",
        }
    }

    /// The catalogue, or the kind of record, that it points at.
    pub const fn alvo(&self) -> Option<&'static str> {
        match self.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(catalogo)) => Some(catalogo),
            TipoCampo::Referencia(Alvo::Documento(kind)) => Some(kind.codigo()),
            _ => None,
        }
    }

    /// Its choices, each code with its label.
    pub const fn escolhas(&self) -> &'static [(&'static str, &'static str)] {
        match self.tipo {
            TipoCampo::Escolha(opcoes) => opcoes,
            _ => &[],
        }
    }

    /// Whether the value may stand in this field. `Nulo` always may; what is required is another
    /// question.
    ///
    /// # Errors
    /// `valor_invalido` (wrong type, out of bounds, unknown choice) or `texto_longo_demais`.
    pub fn validar(&self, valor: &Valor) -> Result<(), Refusal> {
        let certo = match (&self.tipo, valor) {
            (_, Valor::Nulo) => true,
            (
                TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max },
                Valor::Texto(texto),
            ) => {
                if texto.chars().count() > *chars_max {
                    let detalhes = [self.rotulo.to_owned(), chars_max.to_string()];
                    return Err(Refusal::with(Codigo::TextoLongoDemais, detalhes));
                }
                texto.chars().all(|c| !c.is_control() || (self.longo() && matches!(c, '\n' | '\t')))
            }
            (TipoCampo::Centavos { max } | TipoCampo::Milesimos { max }, Valor::Inteiro(n)) => {
                (0..=*max).contains(n)
            }
            (TipoCampo::Inteiro { min, max }, Valor::Inteiro(n)) => (*min..=*max).contains(n),
            (TipoCampo::Logico, Valor::Logico(_)) => true,
            (TipoCampo::Data, Valor::Data(data)) => dia_plausivel(*data),
            (TipoCampo::Instante, Valor::Instante(instante)) => {
                dia_plausivel(instante.date_naive())
            }
            (TipoCampo::Escolha(opcoes), Valor::Texto(codigo)) => {
                opcoes.iter().any(|(opcao, _)| opcao == codigo)
            }
            (TipoCampo::Referencia(Alvo::Catalogo(_)), Valor::Texto(codigo)) => {
                !codigo.is_empty() && codigo.len() <= 64 && !codigo.chars().any(char::is_control)
            }
            (
                TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer | Alvo::Usuario),
                Valor::Id(_),
            ) => true,
            _ => false,
        };
        if certo { Ok(()) } else { Err(self.invalido()) }
    }

    fn invalido(&self) -> Refusal {
        let exemplo = match self.tipo {
            TipoCampo::Centavos { .. } => Some("1.500,00 ou 1500"),
            TipoCampo::Milesimos { .. } => Some("1.500 ou 1,5"),
            TipoCampo::Data => Some("01/12/2026"),
            TipoCampo::Instante => Some("01/12/2026 09:00"),
            _ => None,
        };
        let detalhes = [Some(self.rotulo), exemplo].into_iter().flatten().map(str::to_owned);
        Refusal::with(Codigo::ValorInvalido, detalhes)
    }

    /// Reads a number that a program sends: decimal text with a point, `1500.5`.
    ///
    /// # Errors
    /// As [`Campo::validar`].
    pub fn ler_decimal_exato(&self, texto: &str) -> Result<Valor, Refusal> {
        let casas = match self.tipo {
            TipoCampo::Centavos { .. } => 2,
            TipoCampo::Milesimos { .. } => 3,
            _ => return Err(self.invalido()),
        };
        let (inteiro, fracao) = texto.split_once('.').unwrap_or((texto, ""));
        let valor = escalado(inteiro, fracao, casas).map(Valor::Inteiro);
        let valor = valor.ok_or_else(|| self.invalido())?;
        self.validar(&valor)?;
        Ok(valor)
    }

    /// Reads what a person typed, in the given time zone; blank means `Nulo`. Dates are
    /// `AAAA-MM-DD` or `DD/MM/AAAA`; instants add `HH:MM`, or are RFC 3339. A point
    /// before three digits separates thousands, `1.234,56` and `1.500`; before one or two it begins
    /// the decimals, `1234.5`.
    ///
    /// # Errors
    /// As [`Campo::validar`].
    pub fn ler(&self, texto: &str, fuso: Tz) -> Result<Valor, Refusal> {
        let texto = if self.longo() { texto::linhas(texto) } else { texto::linha(texto) };
        let texto = texto.as_str();
        if texto.is_empty() {
            return Ok(Valor::Nulo);
        }
        let valor = match &self.tipo {
            TipoCampo::TextoLongo { .. }
            | TipoCampo::Texto { .. }
            | TipoCampo::Escolha(_)
            | TipoCampo::Referencia(Alvo::Catalogo(_)) => Some(Valor::Texto(texto.to_owned())),
            TipoCampo::Centavos { .. } => {
                ler_decimal(texto.trim_start_matches("R$").trim(), 2).map(Valor::Inteiro)
            }
            TipoCampo::Milesimos { .. } => ler_decimal(texto, 3).map(Valor::Inteiro),
            TipoCampo::Inteiro { .. } => texto.parse().ok().map(Valor::Inteiro),
            TipoCampo::Logico => match texto.to_lowercase().as_str() {
                "sim" | "s" | "true" | "1" | "on" => Some(Valor::Logico(true)),
                "não" | "nao" | "n" | "false" | "0" => Some(Valor::Logico(false)),
                _ => None,
            },
            TipoCampo::Data => ler_data(texto).map(Valor::Data),
            TipoCampo::Instante => ler_instante(texto, fuso).map(Valor::Instante),
            TipoCampo::Referencia(_) => Uuid::parse_str(texto).ok().map(Valor::Id),
        };
        let valor = valor.ok_or_else(|| self.invalido())?;
        self.validar(&valor)?;
        Ok(valor)
    }
}

/// Whether the text is one e-mail address that can be written to: of at most 254 ASCII characters,
/// with a domain that has a point, without a quoted local part.
pub fn email_valido(texto: &str) -> bool {
    let options = email_address::Options::default().with_required_tld().without_domain_literal();
    let options = options.without_display_text();
    texto.len() <= 254
        && texto.is_ascii()
        && !texto.starts_with('"')
        && email_address::EmailAddress::parse_with_options(texto, options).is_ok()
}

fn dia_plausivel(data: NaiveDate) -> bool {
    use chrono::Datelike;
    (1900..=2200).contains(&data.year())
}

fn ler_data(texto: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(texto, "%Y-%m-%d")
        .or_else(|_| NaiveDate::parse_from_str(texto, "%d/%m/%Y"))
        .ok()
}

fn ler_instante(texto: &str, fuso: Tz) -> Option<DateTime<Utc>> {
    if let Ok(instante) = DateTime::parse_from_rfc3339(texto) {
        return Some(instante.with_timezone(&Utc));
    }
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M"]
        .iter()
        .find_map(|formato| NaiveDateTime::parse_from_str(texto, formato).ok())?;
    // A time that a change of offset repeats means its first occurrence; one that it skips, as much
    // later.
    let instante = (0..=3).find_map(|horas| {
        fuso.from_local_datetime(&(local + TimeDelta::hours(horas))).earliest()
    })?;
    Some(instante.with_timezone(&Utc))
}

/// A number as a person in Brazil writes it, times 10^`casas`. What could be read in two ways is
/// not read.
fn ler_decimal(texto: &str, casas: u32) -> Option<i64> {
    let sem_milhares = |texto: &str| -> Option<String> {
        let mut grupos = texto.split('.');
        let primeiro = grupos.next()?;
        let resto: Vec<&str> = grupos.collect();
        let agrupado = (1..=3).contains(&primeiro.len()) && !primeiro.starts_with('0');
        let tres = resto.iter().all(|grupo| grupo.len() == 3);
        (resto.is_empty() || (agrupado && tres)).then(|| format!("{primeiro}{}", resto.concat()))
    };
    if let Some((inteiro, fracao)) = texto.split_once(',') {
        return escalado(&sem_milhares(inteiro)?, fracao, casas);
    }
    match texto.split_once('.') {
        Some((inteiro, fracao)) if fracao.len() < 3 => escalado(inteiro, fracao, casas),
        _ => escalado(&sem_milhares(texto)?, "", casas),
    }
}

fn escalado(inteiro: &str, fracao: &str, casas: u32) -> Option<i64> {
    let digitos = |parte: &str| parte.bytes().all(|b| b.is_ascii_digit());
    if inteiro.is_empty() || !digitos(inteiro) || !digitos(fracao) || fracao.len() > casas as usize
    {
        return None;
    }
    format!("{inteiro}{fracao:0<largura$}", largura = casas as usize).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALOR: Campo =
        Campo::novo("valor", "Valor", TipoCampo::Centavos { max: 99_999_999 }, "R33");
    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    #[test]
    fn money_is_read_and_shown_in_brazilian_form_without_floats() {
        for (texto, centavos) in [("1.234,56", 123_456), ("1234.5", 123_450), ("R$ 10", 1_000)] {
            assert_eq!(VALOR.ler(texto, FUSO).unwrap(), Valor::Inteiro(centavos), "{texto}");
        }
        assert_eq!(Valor::Inteiro(123_456_789).exibir(&VALOR, FUSO), "R$ 1.234.567,89");
        for texto in ["-1", "1,234", "abc", "1,2,3", "999999999"] {
            assert_eq!(VALOR.ler(texto, FUSO).unwrap_err().codigo.codigo(), "valor_invalido");
        }
    }

    #[test]
    fn a_point_before_three_digits_separates_thousands() {
        let quantidade =
            Campo::novo("quantidade", "Quantidade", TipoCampo::Milesimos { max: i64::MAX }, "R33");
        for (texto, milesimos) in [
            ("1.500", 1_500_000),
            ("1.000.000", 1_000_000_000),
            ("10.000", 10_000_000),
            ("1.500,5", 1_500_500),
            ("1,5", 1_500),
            ("1.5", 1_500),
            ("12.50", 12_500),
            ("0,5", 500),
            ("1,500", 1_500),
        ] {
            assert_eq!(quantidade.ler(texto, FUSO).unwrap(), Valor::Inteiro(milesimos), "{texto}");
        }
        assert_eq!(VALOR.ler("1.500", FUSO).unwrap(), Valor::Inteiro(150_000));
        assert_eq!(VALOR.ler("R$ 1.500", FUSO).unwrap(), Valor::Inteiro(150_000));
        // What has two meanings, and what is no number, is asked for again with an example.
        for texto in ["0.500", "1.50,5", "1.5000", "1 500", ",5", "2 un", "R$ 1.500", "1.500.5"] {
            let refusal = quantidade.ler(texto, FUSO).unwrap_err();
            assert!(refusal.mensagem().contains("1.500 ou 1,5"), "{texto}: {}", refusal.mensagem());
        }
        for n in [0, 5, 500, 1_500, 1_500_000, 123_456_789, 1_000_000_000_000] {
            let shown = Valor::Inteiro(n).exibir(&quantidade, FUSO);
            assert_eq!(quantidade.ler(&shown, FUSO).unwrap(), Valor::Inteiro(n), "{shown}");
        }
    }

    #[test]
    fn a_time_that_a_change_of_offset_skips_is_as_much_later() {
        let campo = Campo::novo("inicio", "Início", TipoCampo::Instante, "R44");
        let valor = campo.ler("04/11/2018 00:30", FUSO).unwrap();
        assert_eq!(valor.exibir(&campo, FUSO), "04/11/2018 01:30");
        let refusal = campo.ler("01/12/2026", FUSO).unwrap_err();
        assert!(refusal.mensagem().contains("01/12/2026 09:00"), "{}", refusal.mensagem());
    }

    #[test]
    fn an_instant_typed_in_sao_paulo_is_stored_in_utc_and_shown_back() {
        let campo = Campo::novo("inicio", "Início", TipoCampo::Instante, "R44");
        let valor = campo.ler("2026-11-21 09:30", FUSO).unwrap();
        assert_eq!(valor.instante().unwrap().to_rfc3339(), "2026-11-21T12:30:00+00:00");
        assert_eq!(valor.exibir(&campo, FUSO), "21/11/2026 09:30");
    }

    #[test]
    fn an_e_mail_is_one_address_that_can_be_written_to() {
        for certo in ["ana@exemplo.com.br", "a.b+c@x.io", "joao_silva@sub.empresa.net"] {
            assert!(email_valido(certo), "{certo}");
        }
        let errados =
            ["nao eh", "a@b.c, d@e.f", "ana@exemplo", "\"a b\"@x.br", "josé@x.br", "Ana <a@x.br>"];
        for errado in errados.into_iter().chain(["a@[127.0.0.1]", "a@x.br\n", "@x.br", ""]) {
            assert!(!email_valido(errado), "{errado}");
        }
    }

    #[test]
    fn lines_that_windows_ended_are_kept_as_lines() {
        let campo = Campo::novo("relato", "R", TipoCampo::TextoLongo { chars_max: 20 }, "R31");
        let valor = campo.ler("um\r\ndois\rtrês\n", FUSO).unwrap();
        assert_eq!(valor, Valor::Texto("um\ndois\ntrês".into()));
    }

    #[test]
    fn a_text_over_its_bound_is_refused_by_its_label() {
        let campo = Campo::novo("assunto", "Assunto", TipoCampo::Texto { chars_max: 5 }, "R44");
        assert!(campo.validar(&Valor::Texto("ação!".into())).is_ok());
        let refusal = campo.validar(&Valor::Texto("ações!".into())).unwrap_err();
        assert!(refusal.mensagem().contains("Assunto"), "{}", refusal.mensagem());
    }
}
