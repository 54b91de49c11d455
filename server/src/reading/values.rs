//! Values of a record's fields as people read them, as they are now and as the log keeps them.

use super::names::Names;
use campo_domain::{
    ids::ItemId,
    kind::Kind,
    parte::Colecao,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;

/// A value, ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text; empty when nothing is filled in.
    pub text: String,
    /// Where it leads, if it names a record.
    pub href: Option<String>,
}

/// Reads the fields of one record.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Names beside ids and codes.
    pub names: &'a Names,
    /// The record's tipo.
    pub tipo: &'a Tipo,
    /// The company's time zone.
    pub fuso: Tz,
}

impl Reader<'_> {
    /// The value as people read it: ids and codes become names.
    pub fn show(&self, campo: &Campo, valor: &Valor) -> Shown {
        let plain = |text: String| Shown { text, href: None };
        match (&campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => {
                plain(self.names.people.name_or_unknown(*id))
            }
            (TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer), Valor::Id(id)) => {
                match self.names.documents.get(id) {
                    Some(named) => Shown { text: named.label(), href: Some(named.href()) },
                    None => plain("Registro não disponível".into()),
                }
            }
            (TipoCampo::Referencia(Alvo::Catalogo(catalogue)), Valor::Texto(code)) => {
                let of_tipo = self.tipo.categoria(code).filter(|_| campo.nome == "categoria");
                let of_tipo = of_tipo.map(|categoria| categoria.nome.as_str());
                let named = of_tipo.or_else(|| self.names.catalogues.name(catalogue, code));
                plain(named.unwrap_or(code).to_owned())
            }
            _ => plain(valor.exibir(campo, self.fuso)),
        }
    }

    /// A value that the acompanhamento or a held branch keeps as plain text
    /// (`campo_sync::history::plain`), as people read it.
    pub fn show_kept(&self, campo: Option<&Campo>, kept: &str) -> String {
        let Some(campo) = campo else {
            // Without a field an id is that of a person.
            let person = kept.parse().ok().map(|id| self.names.people.name_or_unknown(id));
            return person.unwrap_or_else(|| kept.to_owned());
        };
        let valor = match campo.tipo {
            TipoCampo::Referencia(Alvo::Usuario | Alvo::Documento(_) | Alvo::Qualquer) => {
                kept.parse().ok().map(Valor::Id)
            }
            TipoCampo::Centavos { .. }
            | TipoCampo::Milesimos { .. }
            | TipoCampo::Inteiro { .. } => kept.parse().ok().map(Valor::Inteiro),
            TipoCampo::Logico => kept.parse().ok().map(Valor::Logico),
            TipoCampo::Data => kept.parse().ok().map(Valor::Data),
            TipoCampo::Instante => kept.parse().ok().map(Valor::Instante),
            TipoCampo::Texto { .. }
            | TipoCampo::TextoLongo { .. }
            | TipoCampo::Escolha(_)
            | TipoCampo::Referencia(Alvo::Catalogo(_)) => Some(Valor::Texto(kept.to_owned())),
        };
        valor.map_or_else(|| kept.to_owned(), |valor| self.show(campo, &valor).text)
    }

    /// What a held branch writes, as people read it. It names its fields by their labels.
    pub fn held(&self, label: &str, value: &str) -> String {
        let kind = self.tipo.kind;
        let own = kind.campos().iter().find(|campo| self.tipo.rotulo(campo.nome) == label);
        let mut parts = Colecao::TODAS.into_iter().flat_map(|colecao| kind.campos_de(colecao));
        let campo = own.or_else(|| parts.find(|campo| campo.rotulo == label));
        if value.is_empty() { String::new() } else { self.show_kept(campo, value) }
    }
}

/// A field that the log or a conflict names: `CAMPO`, or `COLECAO/ID/CAMPO` of a part.
pub fn named(kind: Kind, name: &str) -> Option<(&'static Campo, Option<(Colecao, ItemId)>)> {
    match name.split('/').collect::<Vec<_>>()[..] {
        [em, id, nome] => {
            let em: Colecao = em.parse().ok()?;
            Some((kind.campo_de(em, nome)?, Some((em, id.parse().ok()?))))
        }
        _ => Some((kind.campo(name)?, None)),
    }
}

/// What a field of a part is called beside those of the record: `Quantidade do item`.
pub fn label_of_part(campo: &Campo, em: Colecao) -> String {
    let of = if em == Colecao::Despesas { "da" } else { "do" };
    format!("{} {of} {}", campo.rotulo, em.rotulo().to_lowercase())
}
