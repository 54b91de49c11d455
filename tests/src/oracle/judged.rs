//! The verdict on a request: what the log says, beside what it had to say.

use super::rules::Codes;
use campo_domain::{
    ids::{DocumentId, PedidoId},
    registro::Veredito,
};

/// What must become of a request where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is done, and leads there.
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
    /// What was said.
    pub veredito: Veredito,
    /// What had to be said.
    pub due: Due,
    /// A request whose turn it was before.
    pub passed_over: Option<PedidoId>,
    /// Whether the server asked for it itself.
    pub of_server: bool,
}

impl Judged {
    /// Whether it is right.
    pub(crate) fn is_right(&self) -> bool {
        let agrees = match (&self.due, &self.veredito.recusa) {
            (Due::Done(para), None) => *para == self.veredito.para,
            (Due::Refused(codes), Some(recusa)) => codes.contains(recusa.codigo.codigo()),
            _ => false,
        };
        agrees && self.passed_over.is_none()
    }
}
