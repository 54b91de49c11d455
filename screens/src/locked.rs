//! What of a record a person cannot change now, and why: the answer to "why can I not edit this".

use crate::{
    buttons::{May, may},
    form::form,
    look::Look,
};
use campo_domain::refusal::{Codigo, Refusal};

/// Fields and other parts of a record that one reason keeps from being changed.
#[derive(Clone, Debug)]
pub struct Locked {
    /// Their labels, in the order of the page.
    pub what: Vec<String>,
    /// Why.
    pub why: Refusal,
}

/// Everything that the person cannot change now, by reason. What the tipo has no use for is left
/// out.
pub fn locked(look: &Look<'_>) -> Vec<Locked> {
    let fields = form(look).into_iter().map(|field| (field.label, field.editable));
    let May {
        items,
        expenses,
        files,
        remove_files: _,
        links,
        notes,
        // Notes to the client are refused where there is none to read them.
        notes_to_client: _,
        participants,
        interested,
        partial_analysis,
        restrict,
        join_corrective,
    } = may(look);
    let others = [
        ("Itens", items),
        ("Despesas", expenses),
        ("Anexos", files),
        ("Vínculos", links),
        ("Anotações", notes),
        ("Participantes", participants),
        ("Interessados", interested),
        ("Análise parcial", partial_analysis),
        ("Restrição de visualização", restrict),
        ("Ação corretiva", join_corrective),
    ];
    let others = others.into_iter().map(|(label, offer)| (label.to_owned(), offer));
    let mut all: Vec<Locked> = Vec::new();
    for (label, offer) in fields.chain(others) {
        let Err(why) = offer else { continue };
        if why.codigo == Codigo::RecursoDesabilitado {
            continue;
        }
        match all.iter_mut().find(|locked| locked.why == why) {
            Some(locked) => locked.what.push(label),
            None => all.push(Locked { what: vec![label], why }),
        }
    }
    all
}
