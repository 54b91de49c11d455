//! Fields as a page shows them and as a form offers them.

use super::load::{Loaded, Names};
use crate::web::form::{Choice, Draft};
use campo_domain::{
    pessoa::Pessoa,
    policy::{self, Parte},
    registro::{Campos, Registro},
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;
use uuid::Uuid;

/// A value, ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text; empty when nothing is filled in.
    pub text: String,
    /// Where it leads, if it names a record.
    pub href: Option<String>,
}

/// The value as people read it: ids and codes become names.
pub fn show(campo: &Campo, valor: &Valor, names: &Names, fuso: Tz) -> Shown {
    let plain = |text: String| Shown { text, href: None };
    match (&campo.tipo, valor) {
        (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => {
            plain(names.people.name_or_unknown(*id))
        }
        (TipoCampo::Referencia(Alvo::Documento(_)), Valor::Id(id)) => {
            match names.documents.get(id) {
                Some(named) => Shown { text: named.label(), href: Some(named.href()) },
                None => plain("Registro não disponível".into()),
            }
        }
        (TipoCampo::Referencia(Alvo::Catalogo(catalogue)), Valor::Texto(code)) => {
            plain(names.catalogues.name(catalogue, code).unwrap_or(code).to_owned())
        }
        _ => plain(valor.exibir(campo, fuso)),
    }
}

/// A value that the acompanhamento or a held branch keeps as plain text
/// (`campo_sync::history::plain`), as people read it.
pub fn show_kept(campo: Option<&Campo>, kept: &str, names: &Names, fuso: Tz) -> String {
    let Some(campo) = campo else {
        // Without a field an id is that of a person.
        let person = kept.parse().ok().map(|id| names.people.name_or_unknown(id));
        return person.unwrap_or_else(|| kept.to_owned());
    };
    let valor = match campo.tipo {
        TipoCampo::Referencia(Alvo::Usuario | Alvo::Documento(_)) => {
            kept.parse().ok().map(Valor::Id)
        }
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            kept.parse().ok().map(Valor::Inteiro)
        }
        TipoCampo::Logico => kept.parse().ok().map(Valor::Logico),
        TipoCampo::Data => kept.parse().ok().map(Valor::Data),
        TipoCampo::Instante => kept.parse().ok().map(Valor::Instante),
        TipoCampo::Texto { .. }
        | TipoCampo::TextoLongo { .. }
        | TipoCampo::Escolha(_)
        | TipoCampo::Referencia(Alvo::Catalogo(_)) => Some(Valor::Texto(kept.to_owned())),
    };
    valor.map_or_else(|| kept.to_owned(), |valor| show(campo, &valor, names, fuso).text)
}

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
    pub label: &'static str,
    pub control: Control,
    pub value: String,
    pub required: bool,
    pub chars_max: Option<usize>,
}

/// A field of the record.
pub struct FieldView {
    pub name: &'static str,
    pub label: &'static str,
    pub shown: Shown,
    pub long: bool,
    pub conflict: bool,
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

/// Every field of the record, in the order of a form.
pub fn fields(pessoa: &Pessoa, loaded: &Loaded, fuso: Tz, draft: Option<&Draft>) -> Vec<FieldView> {
    let registro = &loaded.registro;
    let view = |campo: &'static Campo| FieldView {
        name: campo.nome,
        label: campo.rotulo,
        shown: show(campo, registro.valor(campo.nome), &loaded.names, fuso),
        long: campo.longo(),
        conflict: registro.conflitos.iter().any(|conflito| conflito.campo == campo.nome),
        edit: edit(pessoa, loaded, campo, fuso, draft),
    };
    // A link that was not made at creation never will be.
    let told = |campo: &&Campo| !(campo.fixo && registro.valor(campo.nome).vazio());
    registro.kind.campos().iter().filter(told).map(view).collect()
}

fn edit(
    pessoa: &Pessoa,
    loaded: &Loaded,
    campo: &'static Campo,
    fuso: Tz,
    draft: Option<&Draft>,
) -> Option<EditView> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    policy::pode_alterar_registro(pessoa, registro, tipo, Parte::Campo(campo)).ok()?;
    let draft = Draft::of(draft, &format!("campo-{}", campo.nome));
    let current = typed(campo, registro.valor(campo.nome), fuso);
    // A form that was refused keeps what it was changed from, as it keeps what was typed.
    let seen = Draft::text(draft, "visto", || current.clone());
    let mut input = input(campo, Draft::text(draft, "valor", || current), &loaded.names);
    input.required = tipo.obrigatorios.iter().any(|nome| nome == campo.nome);
    Some(EditView { input, seen, error: Draft::error(draft) })
}

/// The inputs of an item's form.
pub fn item_inputs(
    registro: &Registro,
    campos: &Campos,
    names: &Names,
    fuso: Tz,
    draft: Option<&Draft>,
) -> Vec<Input> {
    let build = |campo: &'static Campo| {
        let valor = campos.get(campo.nome).unwrap_or(&Valor::Nulo);
        let value = Draft::text(draft, campo.nome, || typed(campo, valor, fuso));
        let mut input = input(campo, value, names);
        input.required = campo.nome == "produto";
        input
    };
    registro.kind.campos_item().iter().map(build).collect()
}

/// An input that asks for the field, holding `value`.
fn input(campo: &'static Campo, value: String, names: &Names) -> Input {
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
            let options = options.iter().map(|(code, label)| Choice::new(*code, *label, &value));
            Control::Select(with_none(options, &value))
        }
        TipoCampo::Referencia(Alvo::Usuario) => {
            let people = names.people.eligible(value.parse().ok());
            let people = people.map(|(id, name)| Choice::new(id.to_string(), name, &value));
            Control::Select(with_none(people, &value))
        }
        TipoCampo::Referencia(Alvo::Catalogo(catalogue)) => {
            let entries = names.catalogues.entries(catalogue).iter();
            let entries = entries.filter(|entry| entry.active || entry.code == value);
            let entries = entries.map(|entry| Choice::new(&entry.code, &entry.name, &value));
            Control::Select(with_none(entries, &value))
        }
        TipoCampo::Referencia(Alvo::Documento(_)) => Control::Cliente,
    };
    let chars_max = match campo.tipo {
        TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max } => Some(chars_max),
        _ => None,
    };
    let (name, label) = (campo.nome, campo.rotulo);
    Input { name, label, control, value, required: false, chars_max }
}

fn with_none(choices: impl Iterator<Item = Choice>, current: &str) -> Vec<Choice> {
    std::iter::once(Choice::new("", "—", current)).chain(choices).collect()
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
    use campo_domain::kind::Kind;

    #[test]
    fn what_an_input_holds_reads_back_as_the_same_value() {
        let fuso = chrono_tz::America::Sao_Paulo;
        let item = |nome| Kind::Ocorrencia.campo_item(nome).unwrap();
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
