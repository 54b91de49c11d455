//! E-mail templates: the built-in ones, the check of those that a company writes, and how they are
//! filled in.
//!
//! A template may have variables and `if`, nothing else. Without loops, arithmetic and filters, the
//! cost of a template is bounded by its length.

use crate::error::{ApiError, ApiResult};
use anyhow::{Result, anyhow, bail, ensure};
use chrono::{DateTime, Utc};
use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    iter::Peekable,
    str::CharIndices,
};
use utoipa::ToSchema;

/// Longest template, in characters.
const CHARS_MAX: usize = 20_000;
/// Longest subject, in characters; a longer one is cut.
const SUBJECT_CHARS_MAX: usize = 200;
/// Longest e-mail, in bytes of UTF-8; a longer one is an error.
const BYTES_MAX: usize = 256 * 1024;
/// Most instructions of one rendering.
const FUEL: u64 = 50_000;

/// The variables of a template, each with an example for trying a new template.
const VARIABLES: &[(&str, &str)] = &[
    ("empresa", "Móveis Aurora"),
    ("destinatario", "João Ação"),
    ("tipo", "Ocorrência"),
    ("numero", "2026/123"),
    ("situacao", "Concluída"),
    ("cliente", "Maria da Conceição"),
    ("contato", "José"),
    ("assunto", "Porta desalinhada"),
    ("relato", "A porta do armário não fecha."),
    ("parecer", "Peça trocada em garantia."),
];

/// Values of [`VARIABLES`]; blank where the record has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contexto {
    /// The company's name.
    pub empresa: String,
    /// The recipient's name.
    pub destinatario: String,
    /// The name of the record's tipo.
    pub tipo: String,
    /// Its number, or the provisional label.
    pub numero: String,
    /// The name of its situação.
    pub situacao: String,
    /// The client's name.
    pub cliente: String,
    /// The contact's name.
    pub contato: String,
    /// The record's title.
    pub assunto: String,
    /// What the client reported.
    pub relato: String,
    /// The parecer in force.
    pub parecer: String,
}

impl Contexto {
    fn example() -> Self {
        let de = |nome: &str| {
            let found = VARIABLES.iter().find(|(variable, _)| *variable == nome);
            found.map_or("", |(_, example)| example).to_owned()
        };
        Contexto {
            empresa: de("empresa"),
            destinatario: de("destinatario"),
            tipo: de("tipo"),
            numero: de("numero"),
            situacao: de("situacao"),
            cliente: de("cliente"),
            contato: de("contato"),
            assunto: de("assunto"),
            relato: de("relato"),
            parecer: de("parecer"),
        }
    }
}

/// A template as it is used now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Modelo {
    /// Its name: what the fluxo's transitions call it.
    pub codigo: String,
    /// Subject.
    pub assunto: String,
    /// Text.
    pub corpo: String,
    /// Whether it is the one that Campo brings.
    pub padrao: bool,
    /// When the company wrote it.
    pub alterado_em: Option<DateTime<Utc>>,
}

/// Subject and text, as a template or filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Texto {
    /// Subject.
    pub assunto: String,
    /// Text.
    pub corpo: String,
}

/// The names of the templates that Campo brings.
pub const BUILTIN: &[&str] = &["abertura", "encerramento"];

const OPENING: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }}{% if cliente %} para {{ cliente }}{% endif %} foi aberto.
{% if relato %}

{{ relato }}
{% endif %}

{{ empresa }}
";

const CLOSING: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }} foi encerrado. Situação: {{ situacao }}.
{% if parecer %}

{{ parecer }}
{% endif %}

{{ empresa }}
";

const PROGRESS: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }} está agora em: {{ situacao }}.

{{ empresa }}
";

/// The built-in template of that name; a general notice where there is none.
pub(super) fn builtin(codigo: &str) -> Texto {
    let (assunto, corpo) = match codigo {
        "abertura" => ("{{ tipo }} {{ numero }}: atendimento aberto", OPENING),
        "encerramento" => ("{{ tipo }} {{ numero }}: {{ situacao }}", CLOSING),
        _ => ("{{ tipo }} {{ numero }}: {{ situacao }}", PROGRESS),
    };
    Texto { assunto: assunto.to_owned(), corpo: corpo.to_owned() }
}

/// Fills in the company's own template, else the built-in one. If the own one fails, the second
/// value says why, in pt-BR.
///
/// # Errors
/// The built-in template fails, which a test excludes.
pub(super) fn fill_in(
    codigo: &str,
    own: Option<&Texto>,
    contexto: &Contexto,
) -> Result<(Texto, Option<String>)> {
    let erro = match own.map(|texto| render(texto, contexto)) {
        Some(Ok(texto)) => return Ok((texto, None)),
        Some(Err(error)) => {
            Some(format!("saiu o texto padrão, porque o da empresa falhou: {error}"))
        }
        None => None,
    };
    Ok((render(&builtin(codigo), contexto)?, erro))
}

/// Checks a template by filling it in, once with examples and once with blanks.
///
/// # Errors
/// 422 `modelo_invalido`, with where and why.
pub(super) fn validate(codigo: &str, texto: &Texto) -> ApiResult<()> {
    let refuse = |message: String| Err(ApiError::recusado("modelo_invalido", message));
    let nome = codigo.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !nome || !(1..=60).contains(&codigo.len()) {
        return refuse("O código do modelo usa letras minúsculas, dígitos e _.".to_owned());
    }
    if texto.assunto.trim().is_empty() || texto.corpo.trim().is_empty() {
        return refuse("O modelo precisa de assunto e de corpo.".to_owned());
    }
    for contexto in [Contexto::example(), Contexto::default()] {
        if let Err(error) = render(texto, &contexto) {
            let names: Vec<&str> = VARIABLES.iter().map(|(nome, _)| *nome).collect();
            let names = names.join(", ");
            return refuse(format!("O modelo não serve: {error}. Variáveis: {names}."));
        }
    }
    Ok(())
}

fn render(texto: &Texto, contexto: &Contexto) -> Result<Texto> {
    let assunto = fill("assunto", &texto.assunto, contexto)?;
    // A line break in a subject would allow header injection.
    let assunto: Vec<&str> = assunto.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let assunto: Vec<&str> = assunto.into_iter().filter(|parte| !parte.is_empty()).collect();
    let assunto = assunto.join(" ").chars().take(SUBJECT_CHARS_MAX).collect();
    Ok(Texto { assunto, corpo: fill("corpo", &texto.corpo, contexto)? })
}

fn fill(nome: &str, template: &str, contexto: &Contexto) -> Result<String> {
    ensure!(template.chars().count() <= CHARS_MAX, "{nome}: passa de {CHARS_MAX} caracteres");
    plain(template).map_err(|error| anyhow!("{nome}: {error}"))?;
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_keep_trailing_newline(true);
    let at = |error: minijinja::Error| {
        anyhow!("{nome}, linha {}: {}", error.line().unwrap_or(1), error.kind())
    };
    let template = environment.template_from_str(template).map_err(at)?;
    let mut filled = Bounded(Vec::new());
    template.render_captured_to(contexto, &mut filled).map_err(at)?;
    Ok(String::from_utf8(filled.0)?)
}

/// A buffer of at most [`BYTES_MAX`].
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Refuses everything but `{{ variable }}`, `{% if … %}`, comments and text. The engine's own limit
/// on instructions does not bound the memory of one instruction (`'x' * 999999999`).
fn plain(template: &str) -> Result<()> {
    let mut chars = template.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let Some(end) = (c == '{').then(|| chars.peek().copied()).flatten() else { continue };
        let line = template[..at].lines().count().max(1);
        match end.1 {
            '#' => match template[at..].find("#}") {
                Some(length) => while chars.next_if(|(i, _)| *i < at + length + 2).is_some() {},
                None => bail!("linha {line}: comentário sem fim"),
            },
            '{' | '%' => {
                chars.next();
                let words = block(&mut chars, if end.1 == '{' { '}' } else { '%' })
                    .ok_or_else(|| anyhow!("linha {line}: só variáveis e if"))?;
                let first = words.first().map(String::as_str);
                let tag = matches!(first, Some("if" | "elif" | "else" | "endif"));
                ensure!((end.1 == '%') == tag, "linha {line}: só variáveis e if");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The words of a block up to its end (`close` and `}`); `None` if it has anything else in it.
fn block(chars: &mut Peekable<CharIndices<'_>>, close: char) -> Option<Vec<String>> {
    let mut words = Vec::new();
    loop {
        match chars.next()?.1 {
            c if c == close => return chars.next_if(|(_, c)| *c == '}').map(|_| words),
            quote @ ('"' | '\'') => {
                while chars.next_if(|(_, c)| *c != quote && *c != '\\').is_some() {}
                chars.next_if(|(_, c)| *c == quote)?;
                words.push(String::new());
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                let more = |(_, c): &(usize, char)| c.is_ascii_alphanumeric() || *c == '_';
                while let Some((_, c)) = chars.next_if(more) {
                    word.push(c);
                }
                words.push(word);
            }
            c if c.is_whitespace() || matches!(c, '(' | ')' | '=' | '!' | '-') => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texto(assunto: &str, corpo: &str) -> Texto {
        Texto { assunto: assunto.to_owned(), corpo: corpo.to_owned() }
    }

    #[test]
    fn every_variable_is_in_the_context_and_the_templates_of_campo_serve() {
        let example = serde_json::to_value(Contexto::example()).unwrap();
        for (nome, valor) in VARIABLES {
            assert_eq!(example[nome], *valor);
        }
        assert_eq!(example.as_object().unwrap().len(), VARIABLES.len());
        for codigo in BUILTIN.iter().copied().chain(["outro"]) {
            validate(codigo, &builtin(codigo)).unwrap();
        }
        let (filled, erro) = fill_in("encerramento", None, &Contexto::example()).unwrap();
        assert_eq!(filled.assunto, "Ocorrência 2026/123: Concluída");
        assert_eq!(
            filled.corpo,
            "Olá, João Ação.\n\nO atendimento 2026/123 foi encerrado. Situação: Concluída.\n\n\
             Peça trocada em garantia.\n\nMóveis Aurora\n"
        );
        assert_eq!(erro, None);
    }

    #[test]
    fn a_template_may_name_variables_and_ask_if_and_nothing_else() {
        let valid = texto(
            "{{ numero }} {{ assunto or 'sem assunto' }}",
            "{# nota #}{%- if parecer and not (situacao == \"x\") -%}{{ parecer }}{% else %}-\
             {% endif %} * custa R$ 10 + 2 {chaves} {{ empresa }}",
        );
        validate("abertura", &valid).unwrap();
        for corpo in [
            "{{ clinete }}",
            "{{ numero",
            "{% if numero %}",
            "{# nota",
            "{{ 'x' * 99 }}",
            "{{ numero ~ numero }}",
            "{{ numero|upper }}",
            "{{ numero[0] }}",
            "{{ \"}}\" * 999999999 }}",
            "{{ 'a\\'' * 999999999 }}",
            "{% for a in relato %}{{ a }}{% endfor %}",
            "{% set a = numero %}",
            "{% raw %}{{ x }}{% endraw %}",
            "{% include 'x' %}",
            "{{ if }}",
        ] {
            let error = validate("abertura", &texto("x", corpo)).unwrap_err();
            assert_eq!(error.codigo, "modelo_invalido", "{corpo}");
        }
        assert!(validate("abertura", &texto("x", &"a".repeat(CHARS_MAX + 1))).is_err());
        assert!(validate("abertura", &texto(" ", "x")).is_err());
        assert!(validate("Abertura!", &texto("x", "x")).is_err());
    }

    #[test]
    fn a_template_that_fails_on_a_record_falls_back_and_says_so() {
        let contexto = Contexto { relato: "r".repeat(20_000), ..Contexto::example() };
        let large = texto("x", &"{{ relato }}".repeat(100));
        let (filled, erro) = fill_in("abertura", Some(&large), &contexto).unwrap();
        assert!(filled.corpo.starts_with("Olá, João Ação."));
        assert!(erro.unwrap().contains("corpo, linha 1"));
    }

    #[test]
    fn a_subject_is_one_line_whatever_the_record_holds() {
        let contexto =
            Contexto { relato: "a\r\nBcc: x@y\n\u{85}b".to_owned(), ..Contexto::default() };
        let template = texto("{{ relato }}", "x");
        let (filled, _) = fill_in("abertura", Some(&template), &contexto).unwrap();
        assert_eq!(filled.assunto, "a Bcc: x@y b");
    }
}
