//! Fields as a page shows them and as a form offers them, by what the record's tipo says of them.

use super::load::Loaded;
use crate::{
    reading::values::{Reader, Shown},
    web::form::{Choice, Draft},
};
use campo_domain::{
    assistencia::PRIORIDADES,
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;
use uuid::Uuid;

/// How a form asks for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// An `<input>` of this type and `inputmode`.
    Line { kind: &'static str, mode: &'static str },
    /// A `<textarea>`.
    Long,
    /// A `<select>`.
    Select(Vec<Choice>),
    /// A search for a cliente, then a choice.
    Cliente,
}

/// An input of a form, with its label.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: &'static str,
    pub label: String,
    pub control: Control,
    pub value: String,
    pub required: bool,
    pub chars_max: Option<usize>,
    /// What the form says beside the field (R25).
    pub hint: Option<String>,
    /// What may be typed, where that is known (R6).
    pub suggestions: Vec<String>,
}

impl Input {
    /// Whether it takes a line of its own.
    pub fn wide(&self) -> bool {
        matches!(self.control, Control::Long | Control::Cliente)
    }
}

/// How the fields of a record are asked for.
impl Reader<'_> {
    /// An input that asks for a field of a part, holding `value`.
    pub fn input(&self, campo: &'static Campo, value: String) -> Input {
        let line = |kind, mode| Control::Line { kind, mode };
        let control = match campo.tipo {
            TipoCampo::Texto { .. } => line("text", "text"),
            TipoCampo::TextoLongo { .. } => Control::Long,
            TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } => line("text", "decimal"),
            TipoCampo::Inteiro { .. } => line("text", "numeric"),
            TipoCampo::Data => line("date", "text"),
            TipoCampo::Instante => line("datetime-local", "text"),
            TipoCampo::Logico => Control::Select(vec![
                Choice::new("", "—", &value),
                Choice::new("sim", "Sim", &value),
                Choice::new("não", "Não", &value),
            ]),
            TipoCampo::Escolha(options) => {
                let taken =
                    options.iter().filter(|(code, _)| self.tipo.aceita_escolha(campo.nome, code));
                let taken = taken.map(|(code, label)| Choice::new(*code, *label, &value));
                Control::Select(with_none(taken, &value))
            }
            TipoCampo::Referencia(Alvo::Usuario) => {
                let people = self.names.people.eligible(value.parse().ok());
                let people = people.map(|(id, name)| Choice::new(id.to_string(), name, &value));
                Control::Select(with_none(people, &value))
            }
            TipoCampo::Referencia(Alvo::Catalogo(catalogue)) => {
                self.catalogue(campo, catalogue, &value)
            }
            TipoCampo::Referencia(Alvo::Qualquer) => line("text", "text"),
            TipoCampo::Referencia(Alvo::Documento(_)) => Control::Cliente,
        };
        let chars_max = match campo.tipo {
            TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max } => Some(chars_max),
            _ => None,
        };
        let hint = matches!(campo.tipo, TipoCampo::Referencia(Alvo::Qualquer))
            .then(|| "Número, nome do cliente ou endereço da página do registro.".to_owned());
        Input {
            name: campo.nome,
            label: campo.rotulo.to_owned(),
            control,
            value,
            required: false,
            chars_max,
            hint,
            suggestions: Vec::new(),
        }
    }

    /// As [`Reader::input`], for a field of the record itself: as the tipo calls it, with what the
    /// tipo says of it.
    pub fn own_input(&self, campo: &'static Campo, value: String) -> Input {
        let mut input = self.input(campo, value);
        input.label = self.tipo.rotulo(campo.nome).to_owned();
        input.required = self.tipo.obrigatorios.iter().any(|nome| nome == campo.nome);
        input.hint = self.tipo.orientacoes.get(campo.nome).cloned().or(input.hint);
        input
    }

    fn catalogue(&self, campo: &Campo, catalogue: &str, value: &str) -> Control {
        let of_tipo = campo.nome == "categoria" && !self.tipo.categorias.is_empty();
        let mut choices: Vec<Choice> = if of_tipo {
            let each = self.tipo.categorias.iter();
            each.map(|c| Choice::new(&c.codigo, &c.nome, value)).collect()
        } else {
            let entries = self.names.catalogues.entries(catalogue).iter();
            let entries = entries.filter(|entry| entry.active || entry.code == value);
            entries.map(|entry| Choice::new(&entry.code, &entry.name, value)).collect()
        };
        if choices.is_empty() {
            // A catalogue that the company does not keep: the code itself.
            return Control::Line { kind: "text", mode: "text" };
        }
        if !value.is_empty() && !choices.iter().any(|choice| choice.selected) {
            choices.push(Choice::new(value, value, value));
        }
        Control::Select(with_none(choices.into_iter(), value))
    }
}

fn with_none(choices: impl Iterator<Item = Choice>, current: &str) -> Vec<Choice> {
    std::iter::once(Choice::new("", "—", current)).chain(choices).collect()
}

/// A field of the record.
pub struct FieldView {
    pub name: &'static str,
    pub label: String,
    pub shown: Shown,
    pub long: bool,
    pub conflict: bool,
    /// What is to be known of the value besides.
    pub remark: Option<String>,
    /// The form, where the person may alter the field now.
    pub edit: Option<EditView>,
}

/// The form of a field.
pub struct EditView {
    pub input: Input,
    /// The text as the page showed it: what the person changed it from.
    pub seen: String,
    pub error: Option<String>,
}

/// The fields that the tipo has, and what is filled in besides, in the order of the form.
pub fn of_form(loaded: &Loaded) -> Vec<&'static Campo> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let told = |campo: &&Campo| {
        let filled = !registro.valor(campo.nome).vazio();
        // A link that was not made at creation never will be.
        filled || (tipo.tem_campo(campo.nome) && !campo.fixo && uses(tipo, campo.nome))
    };
    let mut campos: Vec<_> = registro.kind.campos().iter().filter(told).collect();
    campos.sort_by_key(|campo| place(tipo, campo.nome));
    campos
}

/// Where the tipo's form has the field: what it does not list comes last.
pub fn place(tipo: &Tipo, nome: &str) -> usize {
    tipo.formulario.iter().position(|campo| campo == nome).unwrap_or(usize::MAX)
}

/// Whether the tipo has a use for what it lists.
pub fn uses(tipo: &Tipo, nome: &str) -> bool {
    match nome {
        "procedencia" => tipo.analisa_procedencia,
        "valor_indenizado" => tipo.indenizacao.is_some(),
        _ => true,
    }
}

/// Every field of the record.
pub fn fields(pessoa: &Pessoa, loaded: &Loaded, draft: Option<&Draft>) -> Vec<FieldView> {
    let (registro, reader) = (&loaded.registro, loaded.reader());
    let view = |campo: &'static Campo| FieldView {
        name: campo.nome,
        label: reader.tipo.rotulo(campo.nome).to_owned(),
        shown: reader.show(campo, registro.valor(campo.nome)),
        long: campo.longo(),
        conflict: registro.conflitos.iter().any(|conflito| conflito.campo == campo.nome),
        remark: remark(loaded, campo),
        edit: edit(pessoa, loaded, campo, draft),
    };
    of_form(loaded).into_iter().map(view).collect()
}

fn remark(loaded: &Loaded, campo: &Campo) -> Option<String> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    match campo.nome {
        "prioridade" if registro.valor("prioridade").vazio() => {
            let code = registro.prioridade(tipo)?;
            let label = PRIORIDADES.iter().find(|(known, _)| *known == code)?.1;
            Some(format!("{label}, pela categoria"))
        }
        // Where there are several items, each says it for itself (R62).
        "procedencia" if registro.vivos(Colecao::Itens).count() > 1 => {
            Some("Havendo mais de um item, vale a procedência de cada um.".into())
        }
        _ => None,
    }
}

fn edit(
    pessoa: &Pessoa,
    loaded: &Loaded,
    campo: &'static Campo,
    draft: Option<&Draft>,
) -> Option<EditView> {
    let (registro, reader) = (&loaded.registro, loaded.reader());
    policy::pode_alterar_registro(pessoa, registro, reader.tipo, Parte::Campo(campo)).ok()?;
    let draft = Draft::of(draft, &format!("campo-{}", campo.nome));
    let current = typed(campo, registro.valor(campo.nome), reader.fuso);
    // A form that was refused keeps what it was changed from, as it keeps what was typed.
    let seen = Draft::text(draft, "visto", || current.clone());
    let input = reader.own_input(campo, Draft::text(draft, "valor", || current));
    Some(EditView { input, seen, error: Draft::error(draft) })
}

/// The value as an input of its type holds it; `Campo::ler` reads it back.
pub fn typed(campo: &Campo, valor: &Valor, fuso: Tz) -> String {
    match valor {
        Valor::Nulo => String::new(),
        Valor::Texto(text) => text.clone(),
        Valor::Data(data) => data.format("%Y-%m-%d").to_string(),
        Valor::Instante(at) => at.with_timezone(&fuso).format("%Y-%m-%dT%H:%M").to_string(),
        Valor::Id(id) => id.to_string(),
        Valor::Logico(true) => "sim".into(),
        Valor::Logico(false) => "não".into(),
        // Without the points: `1.000` would read back as one.
        Valor::Inteiro(_) => valor.exibir(campo, fuso).trim_start_matches("R$ ").replace('.', ""),
    }
}

/// A person as a choice.
pub fn person(id: Uuid, name: &str) -> Choice {
    Choice { value: id.to_string(), label: name.to_owned(), selected: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_input_holds_reads_back_as_the_same_value() {
        let fuso = chrono_tz::America::Sao_Paulo;
        let item = |nome| Kind::Ocorrencia.campo_de(Colecao::Itens, nome).unwrap();
        for (campo, texto) in [
            (item("valor_indenizado"), "1.234,56"),
            (item("quantidade"), "2,5"),
            (item("quantidade"), "1000"),
            (Kind::Ocorrencia.campo("prazo").unwrap(), "2026-11-21"),
            (Kind::Agenda.campo("inicio").unwrap(), "2026-11-21T09:30"),
            (Kind::Cliente.campo("so_assistencia").unwrap(), "não"),
        ] {
            let valor = campo.ler(texto, fuso).unwrap();
            let held = typed(campo, &valor, fuso);
            assert_eq!(campo.ler(&held, fuso).unwrap(), valor, "{}: {held}", campo.nome);
        }
    }
}
