//! What of a record a person cannot change or ask for now, and why: the answer to "why can I not
//! edit this", and to "where is that button".

use crate::{
    buttons::{May, may},
    form::form,
    look::Look,
};
use campo_domain::{
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    workflow,
};

/// Fields, other parts and transitions of a record that one reason keeps from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Their labels, in the order of the page.
    pub what: Vec<String>,
    /// The names of those of them that are fields of the record.
    pub fields: Vec<&'static str>,
    /// Why.
    pub why: Refusal,
}

/// Everything that the person cannot change or ask for now, by reason. What neither the tipo nor a
/// record of this kind has is left out.
pub fn locked(look: &Look<'_>) -> Vec<Locked> {
    // A permission is no reason where it would not help: then the other reason is said.
    let all = Permissao::TODAS.into_iter().filter(|one| *one != Permissao::Portal);
    let whoever = Pessoa { permissoes: all.collect(), ..look.person.clone() };
    let permitted = match look.person.portal() {
        true => writable(look),
        false => writable(&Look { person: &whoever, ..*look }),
    };
    let own = writable(look).into_iter().zip(permitted);
    let own =
        own.filter_map(|(own, permitted)| Some((own.label, own.field, permitted.why.or(own.why)?)));
    let withheld = workflow::withheld(look.expected, look.tipo, look.person, look.place);
    let withheld = withheld.map(|(transicao, why)| (transicao.rotulo.clone(), None, why));
    let mut all: Vec<Locked> = Vec::new();
    for (label, field, why) in own.chain(withheld) {
        match all.iter_mut().find(|locked| locked.why == why) {
            Some(locked) if locked.what.contains(&label) => {}
            Some(locked) => {
                locked.what.push(label);
                locked.fields.extend(field);
            }
            None => {
                let fields = field.into_iter().collect();
                all.push(Locked { what: vec![label], fields, why });
            }
        }
    }
    all
}

/// Something that may be written, or why not.
struct Writable {
    label: String,
    /// Its name, if it is a field of the record.
    field: Option<&'static str>,
    why: Option<Refusal>,
}

/// The fields and the other parts of a record.
fn writable(look: &Look<'_>) -> Vec<Writable> {
    let fields = form(look).into_iter().map(|field| Writable {
        label: field.label,
        field: Some(field.campo.nome),
        why: field.editable.err(),
    });
    let parts = parts(look);
    let parts = parts.map(|(label, why)| Writable { label: label.to_owned(), field: None, why });
    fields.chain(parts).collect()
}

/// The other parts of a record, each with why the person may not write it.
fn parts(look: &Look<'_>) -> impl Iterator<Item = (&'static str, Option<Refusal>)> {
    let may = may(look);
    let May { items, expenses, files, links, notes, participants, interested, .. } = may;
    let corrective = look.tipo.permite_acao_corretiva.then_some(may.join_corrective);
    let parts = [
        ("Itens", Some(items)),
        ("Despesas", Some(expenses)),
        ("Anexos", Some(files)),
        ("Vínculos", Some(links)),
        ("Anotações", Some(notes)),
        ("Participantes", Some(participants)),
        ("Interessados", Some(interested)),
        ("Análise parcial", Some(may.partial_analysis)),
        ("Restrição de visualização", Some(may.restrict)),
        ("Ação corretiva", corrective),
    ];
    let absent =
        |why: &Refusal| matches!(why.codigo, Codigo::RecursoDesabilitado | Codigo::SomenteNaRaiz);
    parts
        .into_iter()
        .map(move |(label, offer)| (label, offer.and_then(Result::err).filter(|why| !absent(why))))
}
