//! Fields as inputs of a form, with the people and entries of catalogues that may be chosen.

use crate::{
    reading::{Catalogues, People},
    web::form::Choice,
};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    valor::{Alvo, Campo, TipoCampo},
};
use campo_screens::Field;
use sqlx::PgTransaction;

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
    /// What stands there: what the form was drawn from.
    pub seen: String,
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

/// What may be chosen besides the fixed choices of a field.
#[derive(Debug, Default)]
pub struct Pickers {
    /// The company's people.
    pub people: People,
    /// The catalogues that fields of the kind refer to, and the groups.
    pub catalogues: Catalogues,
}

impl Pickers {
    /// What forms about records of the kind offer.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn load(tx: &mut PgTransaction<'_>, kind: Kind) -> sqlx::Result<Self> {
        let parts = Colecao::TODAS.into_iter().flat_map(|collection| kind.campos_de(collection));
        let catalogues = kind.campos().iter().chain(parts).filter_map(|campo| match campo.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(name)) => Some(name),
            _ => None,
        });
        let catalogues = catalogues.chain(["grupo"]).collect();
        Ok(Self {
            people: People::load(tx).await?,
            catalogues: Catalogues::load(tx, &catalogues).await?,
        })
    }

    /// The input that asks for a field, holding `value`.
    pub fn input(&self, field: &Field, value: String) -> Input {
        let campo = field.campo;
        let of_link = points(campo)
            .then(|| "Número, nome do cliente ou endereço da página do registro.".to_owned());
        Input {
            name: campo.nome,
            label: field.label.clone(),
            control: self.control(field, &value),
            value,
            seen: field.typed.clone(),
            required: field.required,
            chars_max: field.chars_max(),
            hint: field.hint.clone().or(of_link),
            suggestions: Vec::new(),
        }
    }

    fn control(&self, field: &Field, value: &str) -> Control {
        let line = |kind, mode| Control::Line { kind, mode };
        match field.campo.tipo {
            TipoCampo::Texto { .. } => line("text", "text"),
            TipoCampo::TextoLongo { .. } => Control::Long,
            TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } => line("text", "decimal"),
            TipoCampo::Inteiro { .. } => line("text", "numeric"),
            TipoCampo::Data => line("date", "text"),
            TipoCampo::Instante => line("datetime-local", "text"),
            TipoCampo::Logico => {
                let both = [("sim", "Sim"), ("não", "Não")];
                Control::Select(select(both.into_iter(), value))
            }
            TipoCampo::Escolha(_) => Control::Select(select(fixed(field), value)),
            TipoCampo::Referencia(Alvo::Usuario) => {
                let people = self.people.eligible(value.parse().ok());
                let people = people.map(|(id, name)| (id.to_string(), name));
                Control::Select(select(people, value))
            }
            TipoCampo::Referencia(Alvo::Catalogo(catalogue)) => {
                self.catalogue(field, catalogue, value)
            }
            TipoCampo::Referencia(Alvo::Qualquer) => line("text", "text"),
            TipoCampo::Referencia(Alvo::Documento(_)) => Control::Cliente,
        }
    }

    fn catalogue(&self, field: &Field, catalogue: &str, value: &str) -> Control {
        let entries = self.catalogues.entries(catalogue).iter();
        let entries = entries.filter(|entry| entry.active || entry.code == value);
        let entries = entries.map(|entry| (entry.code.as_str(), entry.name.as_str()));
        let mut choices = match field.choices.is_empty() {
            true => select(entries, value),
            false => select(fixed(field), value),
        };
        // A catalogue that the company does not keep: the code itself.
        if choices.len() == 1 {
            return Control::Line { kind: "text", mode: "text" };
        }
        if !choices.iter().any(|choice| choice.selected) {
            choices.push(Choice::new(value, value, value));
        }
        Control::Select(choices)
    }

    /// Whether a form of a part asks for the field: a catalogue that the company does not keep
    /// offers nothing to choose.
    pub fn offers(&self, field: &Field) -> bool {
        match field.campo.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(name)) => {
                field.required || !self.catalogues.entries(name).is_empty()
            }
            _ => true,
        }
    }
}

/// Whether the field names any record, by what a person types.
pub const fn points(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(Alvo::Qualquer))
}

fn fixed(field: &Field) -> impl Iterator<Item = (&str, &str)> {
    field.choices.iter().map(|choice| (choice.code.as_str(), choice.label.as_str()))
}

/// The options of a select: nothing first, then each.
fn select<C: Into<String>, L: Into<String>>(
    offered: impl Iterator<Item = (C, L)>,
    value: &str,
) -> Vec<Choice> {
    let each = offered.map(|(code, label)| Choice::new(code, label, value));
    std::iter::once(Choice::new("", "—", value)).chain(each).collect()
}

/// A person as a choice that was not made.
pub fn person(id: impl ToString, name: &str) -> Choice {
    Choice { value: id.to_string(), label: name.to_owned(), selected: false }
}
