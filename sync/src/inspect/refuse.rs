//! The refusals that several checks give.

use campo_domain::refusal::{Codigo, Refusal};

/// No command makes such an operation.
pub(super) fn forbidden() -> Refusal {
    Refusal::new(Codigo::OperacaoNaoPermitida)
}

/// More than `max` of something, which the sentence names.
pub(super) fn over(o_que: &str, max: u32) -> Refusal {
    let detalhes = vec![o_que.to_owned(), max.to_string()];
    Refusal { codigo: Codigo::LimiteExcedido, detalhes }
}

/// Any instant that a calendar can show; how wrong the device's clock is does not matter (ff19).
pub(super) fn instant(ms: i64) -> Result<(), Refusal> {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(_) => Ok(()),
        None => Err(forbidden()),
    }
}
