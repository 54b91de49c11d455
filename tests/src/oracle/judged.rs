//! Verdicts on requests: what the log says, and what it should say.

use super::rules::Codes;
use campo_domain::{
    ids::{DocumentId, PedidoId},
    registro::Veredito,
};

/// What must become of a request where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is accepted, and the record gets this situação.
    Done(String),
    /// It is refused, for one of these reasons.
    Refused(Codes),
    /// Nothing yet.
    Waits,
}

/// A verdict that the log tells of.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The record.
    pub document: DocumentId,
    /// Which request.
    pub pedido: PedidoId,
    /// The verdict in the log.
    pub veredito: Veredito,
    /// The verdict that is right.
    pub due: Due,
    /// An earlier request that should have been judged first.
    pub passed_over: Option<PedidoId>,
    /// Whether the server asked for it itself.
    pub of_server: bool,
}

impl Judged {
    /// Whether the verdict in the log is the right one, in its turn.
    pub(crate) fn is_right(&self) -> bool {
        let agrees = match (&self.due, &self.veredito.recusa) {
            (Due::Done(para), None) => *para == self.veredito.para,
            (Due::Refused(codes), Some(recusa)) => codes.contains(recusa.codigo.codigo()),
            _ => false,
        };
        agrees && self.passed_over.is_none()
    }
}
