//! The texts of e-mails: those that Campo brings, those a company writes, and how they are filled
//! in.
//!
//! A template may name a variable and ask `if`; nothing else. With no loops, no arithmetic and no
//! filters, what a template costs is bounded by its length.

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
pub const CHARS_MAX: usize = 20_000;
/// Longest subject, in characters; a longer one is cut.
const ASSUNTO_CHARS_MAX: usize = 200;
/// Longest e-mail, in bytes.
const BYTES_MAX: usize = 256 * 1024;
/// Instructions of one rendering.
const FUEL: u64 = 50_000;

/// What a template may name, with an example of each: what a new template is tried on.
pub const VARIAVEIS: &[(&str, &str)] = &[
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

/// Values of [`VARIAVEIS`]; blank where the record has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contexto {
    /// The company's name.
    pub empresa: String,
    /// Whom the e-mail is for.
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
    /// What it is about, in a line.
    pub assunto: String,
    /// What was told.
    pub relato: String,
    /// The parecer in force.
    pub parecer: String,
}

impl Contexto {
    fn exemplo() -> Self {
        let de = |nome: &str| {
            let found = VARIAVEIS.iter().find(|(variavel, _)| *variavel == nome);
            found.map_or("", |(_, exemplo)| exemplo).to_owned()
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
pub const PADROES: &[&str] = &["abertura", "encerramento"];

const ABERTURA: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }}{% if cliente %} para {{ cliente }}{% endif %} foi aberto.
{% if relato %}

{{ relato }}
{% endif %}

{{ empresa }}
";

const ENCERRAMENTO: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }} foi encerrado. Situação: {{ situacao }}.
{% if parecer %}

{{ parecer }}
{% endif %}

{{ empresa }}
";

const ANDAMENTO: &str = "\
Olá{% if destinatario %}, {{ destinatario }}{% endif %}.

O atendimento {{ numero }} está agora em: {{ situacao }}.

{{ empresa }}
";

/// The text that Campo brings; a plain notice for a name that it does not know.
pub(super) fn padrao(codigo: &str) -> Texto {
    let (assunto, corpo) = match codigo {
        "abertura" => ("{{ tipo }} {{ numero }}: atendimento aberto", ABERTURA),
        "encerramento" => ("{{ tipo }} {{ numero }}: {{ situacao }}", ENCERRAMENTO),
        _ => ("{{ tipo }} {{ numero }}: {{ situacao }}", ANDAMENTO),
    };
    Texto { assunto: assunto.to_owned(), corpo: corpo.to_owned() }
}

/// Fills in the company's template, else the one that Campo brings. Also says, in pt-BR, why the
/// company's could not be used.
///
/// # Errors
/// None that is known: the templates that Campo brings are tested.
pub(super) fn preencher(
    codigo: &str,
    da_empresa: Option<&Texto>,
    contexto: &Contexto,
) -> Result<(Texto, Option<String>)> {
    let erro = match da_empresa.map(|texto| render(texto, contexto)) {
        Some(Ok(texto)) => return Ok((texto, None)),
        Some(Err(error)) => {
            Some(format!("saiu o texto padrão, porque o da empresa falhou: {error}"))
        }
        None => None,
    };
    Ok((render(&padrao(codigo), contexto)?, erro))
}

/// Whether a template serves: tried on examples, filled in and blank.
///
/// # Errors
/// 422 `modelo_invalido`, with where and why.
pub(super) fn validar(codigo: &str, texto: &Texto) -> ApiResult<()> {
    let recusa = |mensagem: String| Err(ApiError::recusado("modelo_invalido", mensagem));
    let nome = codigo.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !nome || !(1..=60).contains(&codigo.len()) {
        return recusa("O código do modelo usa letras minúsculas, dígitos e _.".to_owned());
    }
    if texto.assunto.trim().is_empty() || texto.corpo.trim().is_empty() {
        return recusa("O modelo precisa de assunto e de corpo.".to_owned());
    }
    for contexto in [Contexto::exemplo(), Contexto::default()] {
        if let Err(error) = render(texto, &contexto) {
            let nomes: Vec<&str> = VARIAVEIS.iter().map(|(nome, _)| *nome).collect();
            let nomes = nomes.join(", ");
            return recusa(format!("O modelo não serve: {error}. Variáveis: {nomes}."));
        }
    }
    Ok(())
}

fn render(texto: &Texto, contexto: &Contexto) -> Result<Texto> {
    let assunto = fill("assunto", &texto.assunto, contexto)?;
    // A subject is one line, whatever the record holds.
    let assunto: Vec<&str> = assunto.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let assunto: Vec<&str> = assunto.into_iter().filter(|parte| !parte.is_empty()).collect();
    let assunto = assunto.join(" ").chars().take(ASSUNTO_CHARS_MAX).collect();
    Ok(Texto { assunto, corpo: fill("corpo", &texto.corpo, contexto)? })
}

fn fill(nome: &str, modelo: &str, contexto: &Contexto) -> Result<String> {
    ensure!(modelo.chars().count() <= CHARS_MAX, "{nome}: passa de {CHARS_MAX} caracteres");
    plain(modelo).map_err(|error| anyhow!("{nome}: {error}"))?;
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_keep_trailing_newline(true);
    let at = |error: minijinja::Error| {
        anyhow!("{nome}, linha {}: {}", error.line().unwrap_or(1), error.kind())
    };
    let modelo = environment.template_from_str(modelo).map_err(at)?;
    let mut filled = Bounded(Vec::new());
    modelo.render_captured_to(contexto, &mut filled).map_err(at)?;
    Ok(String::from_utf8(filled.0)?)
}

/// A buffer that refuses to grow without end.
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

/// Refuses everything but `{{ variable }}`, `{% if … %}`, comments and text. A list of what may
/// stand in a block, since an engine's own limits do not bound what one instruction may allocate.
fn plain(modelo: &str) -> Result<()> {
    let mut chars = modelo.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let Some(end) = (c == '{').then(|| chars.peek().copied()).flatten() else { continue };
        let linha = modelo[..at].lines().count().max(1);
        match end.1 {
            '#' => match modelo[at..].find("#}") {
                Some(length) => while chars.next_if(|(i, _)| *i < at + length + 2).is_some() {},
                None => bail!("linha {linha}: comentário sem fim"),
            },
            '{' | '%' => {
                chars.next();
                let words = block(&mut chars, if end.1 == '{' { '}' } else { '%' })
                    .ok_or_else(|| anyhow!("linha {linha}: só variáveis e if"))?;
                let first = words.first().map(String::as_str);
                let tag = matches!(first, Some("if" | "elif" | "else" | "endif"));
                ensure!((end.1 == '%') == tag, "linha {linha}: só variáveis e if");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The words of a block up to its end (`close` and `}`); `None` where something else stands in it.
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
        let exemplo = serde_json::to_value(Contexto::exemplo()).unwrap();
        for (nome, valor) in VARIAVEIS {
            assert_eq!(exemplo[nome], *valor);
        }
        assert_eq!(exemplo.as_object().unwrap().len(), VARIAVEIS.len());
        for codigo in PADROES.iter().copied().chain(["outro"]) {
            validar(codigo, &padrao(codigo)).unwrap();
        }
        let (pronto, erro) = preencher("encerramento", None, &Contexto::exemplo()).unwrap();
        assert_eq!(pronto.assunto, "Ocorrência 2026/123: Concluída");
        assert_eq!(
            pronto.corpo,
            "Olá, João Ação.\n\nO atendimento 2026/123 foi encerrado. Situação: Concluída.\n\n\
             Peça trocada em garantia.\n\nMóveis Aurora\n"
        );
        assert_eq!(erro, None);
    }

    #[test]
    fn a_template_may_name_variables_and_ask_if_and_nothing_else() {
        let serve = texto(
            "{{ numero }} {{ assunto or 'sem assunto' }}",
            "{# nota #}{%- if parecer and not (situacao == \"x\") -%}{{ parecer }}{% else %}-\
             {% endif %} * custa R$ 10 + 2 {chaves} {{ empresa }}",
        );
        validar("abertura", &serve).unwrap();
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
            let error = validar("abertura", &texto("x", corpo)).unwrap_err();
            assert_eq!(error.codigo, "modelo_invalido", "{corpo}");
        }
        assert!(validar("abertura", &texto("x", &"a".repeat(CHARS_MAX + 1))).is_err());
        assert!(validar("abertura", &texto(" ", "x")).is_err());
        assert!(validar("Abertura!", &texto("x", "x")).is_err());
    }

    #[test]
    fn a_template_that_fails_on_a_record_falls_back_and_says_so() {
        let contexto = Contexto { relato: "r".repeat(20_000), ..Contexto::exemplo() };
        let grande = texto("x", &"{{ relato }}".repeat(100));
        let (pronto, erro) = preencher("abertura", Some(&grande), &contexto).unwrap();
        assert!(pronto.corpo.starts_with("Olá, João Ação."));
        assert!(erro.unwrap().contains("corpo, linha 1"));
    }

    #[test]
    fn a_subject_is_one_line_whatever_the_record_holds() {
        let contexto =
            Contexto { relato: "a\r\nBcc: x@y\n\u{85}b".to_owned(), ..Contexto::default() };
        let modelo = texto("{{ relato }}", "x");
        let (pronto, _) = preencher("abertura", Some(&modelo), &contexto).unwrap();
        assert_eq!(pronto.assunto, "a Bcc: x@y b");
    }
}
