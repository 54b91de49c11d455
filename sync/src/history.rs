//! What a change did, in words: the rows of the acompanhamento (R78). A pure function of the change
//! and of the record before and after, so that rebuilding from the log gives the same rows.

mod evento;
mod served;
mod written;

use crate::{document::Actor, inspect::Write};
use automerge::Change;
use campo_domain::{
    kind::Kind,
    registro::{Registro, Visibilidade},
    tipo::Tipo,
};
use chrono::DateTime;
use evento::Telling;
use served::served;
use written::written;

pub use evento::{Evento, plain};

/// Describes one change.
pub(crate) fn describe(
    change: &Change,
    writes: &[Write],
    before: Option<&Registro>,
    after: &Registro,
    tipo: &Tipo,
) -> Vec<Evento> {
    let actor = Actor::parse(change.actor_id()).unwrap_or(Actor::servidor(0));
    let quando = DateTime::from_timestamp_millis(change.timestamp());
    let base = Evento {
        documento: after.id,
        tipo: "criacao",
        parte: None,
        visibilidade: Visibilidade::Interna,
        resposta_a: None,
        campo: None,
        rotulo: None,
        de: None,
        para: None,
        texto: format!("{} criada.", after.kind.rotulo()),
        autoria: actor.autoria(),
        quando: quando.unwrap_or(DateTime::UNIX_EPOCH),
    };
    let Some(before) = before else {
        let texto = match after.kind {
            Kind::Cliente => "Cliente criado.".to_owned(),
            _ => base.texto.clone(),
        };
        return vec![Evento { texto, ..base }];
    };
    let telling = Telling { before, after, tipo, base: &base };
    let mut eventos = written(writes, &telling);
    eventos.extend(served(&telling));
    eventos
}
