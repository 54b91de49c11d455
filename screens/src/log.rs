//! How the log and a conflict name a field, and the values that the log keeps as text.

use campo_domain::{
    ids::ItemId,
    kind::Kind,
    parte::Colecao,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono::{DateTime, Utc};

/// The value that the log has as text (`campo_sync::history::plain`).
pub fn kept(campo: &Campo, text: &str) -> Valor {
    let valor = match campo.tipo {
        TipoCampo::Referencia(Alvo::Usuario | Alvo::Documento(_) | Alvo::Qualquer) => {
            text.parse().ok().map(Valor::Id)
        }
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            text.parse().ok().map(Valor::Inteiro)
        }
        TipoCampo::Logico => text.parse().ok().map(Valor::Logico),
        TipoCampo::Data => text.parse().ok().map(Valor::Data),
        TipoCampo::Instante => text.parse::<DateTime<Utc>>().ok().map(Valor::Instante),
        TipoCampo::Texto { .. }
        | TipoCampo::TextoLongo { .. }
        | TipoCampo::Escolha(_)
        | TipoCampo::Referencia(Alvo::Catalogo(_)) => None,
    };
    // What cannot be read as a value of its type is shown as it was kept.
    valor.unwrap_or_else(|| Valor::Texto(text.to_owned()))
}

/// Where a field is that the log or a conflict names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The field.
    pub campo: &'static Campo,
    /// The part that it belongs to; none for a field of the record itself.
    pub part: Option<(Colecao, ItemId)>,
}

impl Located {
    /// What a person reads of it beside the fields of the record.
    pub fn label(&self, tipo: &Tipo) -> String {
        match self.part {
            Some((collection, _)) => part_label(self.campo, collection),
            None => tipo.rotulo(self.campo.nome).to_owned(),
        }
    }
}

/// A field by the name that the log or a conflict has for it: `CAMPO`, or `COLECAO/ID/CAMPO` of a
/// part.
pub fn located(kind: Kind, name: &str) -> Option<Located> {
    match name.split('/').collect::<Vec<_>>()[..] {
        [collection, id, name] => {
            let collection: Colecao = collection.parse().ok()?;
            let campo = kind.campo_de(collection, name)?;
            Some(Located { campo, part: Some((collection, id.parse().ok()?)) })
        }
        _ => Some(Located { campo: kind.campo(name)?, part: None }),
    }
}

/// What a field of a part is called beside those of the record: `Quantidade do item`.
fn part_label(campo: &Campo, collection: Colecao) -> String {
    let of = if collection == Colecao::Despesas { "da" } else { "do" };
    format!("{} {of} {}", campo.rotulo, collection.rotulo().to_lowercase())
}
