//! Short forms of documents, people, choices and catalogue entries, written out as the device's
//! core takes them.

use crate::{args, failure::Failure};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    valor::{Alvo, Campo, TipoCampo},
};
use campo_mobile_core::{Phone, Textos};

/// A value of that field.
pub fn value(phone: &Phone, field: Option<&Campo>, text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    let alvo = match field.map(|field| field.tipo) {
        Some(TipoCampo::Referencia(alvo)) => alvo,
        Some(TipoCampo::Escolha(choices)) => {
            let choice = choices.iter().find(|(_, label)| dobrar(label) == dobrar(text));
            return Ok(choice.map_or(text, |(code, _)| code).to_owned());
        }
        _ => return Ok(text.to_owned()),
    };
    Ok(match alvo {
        Alvo::Qualquer => phone.resolver(text, None)?.to_string(),
        Alvo::Documento(kind) => phone.resolver(text, Some(kind))?.to_string(),
        Alvo::Usuario => phone.resolver_usuario(text)?.to_string(),
        Alvo::Catalogo(catalogue) => {
            let entries = phone.catalogo(catalogue)?;
            let called = |name: &str| dobrar(name) == dobrar(text);
            let entry = entries.iter().find(|entry| entry.codigo == text || called(&entry.nome));
            entry.map_or_else(|| text.to_owned(), |entry| entry.codigo.clone())
        }
    })
}

/// The fields of a part, from `name=value,name=value`.
pub fn part(phone: &Phone, kind: Kind, em: Colecao, text: &str) -> Result<Textos, Failure> {
    let mut fields = Textos::new();
    for (name, text) in args::pares(text)? {
        let text = value(phone, kind.campo_de(em, &name), &text)?;
        fields.push((name, text));
    }
    Ok(fields)
}

/// The field of that name of a part that the record has.
pub fn field_of_part(
    phone: &Phone,
    id: DocumentId,
    part: ItemId,
    name: &str,
) -> Result<Option<&'static Campo>, Failure> {
    let registro = phone.show(id)?.registro;
    let mut all = Colecao::TODAS.into_iter();
    let em = all.find(|em| registro.colecao(*em).contains_key(&part));
    Ok(em.and_then(|em| registro.kind.campo_de(em, name)))
}
