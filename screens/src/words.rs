//! Values as words, and texts of the log as values.

use crate::names::{Link, Names};
use campo_domain::{
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;

/// A value, ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The text; empty where nothing is filled in.
    pub text: String,
    /// The record that it names, where it names one that the person may see.
    pub link: Option<Link>,
    /// Whether it refers to something whose name is not known here, or not to this person. `text`
    /// says so in words then.
    pub unknown: bool,
}

impl Words {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn unknown(text: &str) -> Self {
        Self { text: text.to_owned(), unknown: true, ..Self::default() }
    }

    /// The text, where something is filled in and its name is known.
    pub fn known(self) -> Option<String> {
        (!self.unknown && !self.text.is_empty()).then_some(self.text)
    }
}

/// The value of a field as people read it: ids and codes become names. `tipo` is that of the
/// record, whose own categories come before the catalogue (R27); none for a part's field.
pub fn words(campo: &Campo, valor: &Valor, tipo: Option<&Tipo>, names: &Names, zone: Tz) -> Words {
    match (campo.tipo, valor) {
        (_, Valor::Nulo) => Words::default(),
        (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => match names.person((*id).into()) {
            Some(name) => Words::plain(name),
            None => Words::unknown(names.person_or_unknown((*id).into())),
        },
        (TipoCampo::Referencia(_), Valor::Id(id)) => match names.document((*id).into()) {
            Some(link) => {
                Words { text: link.label.clone(), link: Some(link.clone()), unknown: false }
            }
            None => Words::unknown("Registro não disponível"),
        },
        (TipoCampo::Referencia(Alvo::Catalogo(catalogue)), Valor::Texto(code)) => {
            let of_tipo = tipo.filter(|_| campo.nome == "categoria");
            let of_tipo = of_tipo.and_then(|tipo| tipo.categoria(code));
            let name = of_tipo.map(|categoria| categoria.nome.as_str());
            Words::plain(name.or_else(|| names.entry(catalogue, code)).unwrap_or(code))
        }
        (_, valor) => Words::plain(valor.exibir(campo, zone)),
    }
}

/// The value as one types it: `Campo::ler` reads it back as the same value.
pub fn typed(campo: &Campo, valor: &Valor, zone: Tz) -> String {
    match valor {
        Valor::Nulo => String::new(),
        Valor::Texto(text) => text.clone(),
        Valor::Data(day) => day.format("%Y-%m-%d").to_string(),
        Valor::Instante(at) => at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string(),
        Valor::Id(id) => id.to_string(),
        Valor::Logico(true) => "sim".into(),
        Valor::Logico(false) => "não".into(),
        // Without the points between thousands: `1.000` would be read back as one.
        Valor::Inteiro(_) => valor.exibir(campo, zone).trim_start_matches("R$ ").replace('.', ""),
    }
}
