//! How much a document may hold, and how long a text may be.

use crate::refusal::{Codigo, Refusal};

/// Most parts of a collection in a document, and most new parts in one change.
pub const ITENS_MAX: usize = 200;
/// Most participantes, and most interessados, of a document.
pub const PARTICIPANTES_MAX: usize = 100;
/// Most notes in a document.
pub const NOTAS_MAX: usize = 5_000;
/// Most requests in a document.
pub const PEDIDOS_MAX: usize = 1_000;
/// Most analyses in a document.
pub const ANALISES_MAX: usize = 1_000;
/// Most actions of a document.
pub(crate) const ACOES_MAX: usize = 200;
/// Longest note, reason or analysis, in characters.
pub const TEXTO_CHARS_MAX: usize = 10_000;
/// Most people, and most groups, of a restriction.
pub(crate) const LISTADOS_MAX: usize = 200;

/// Whether there is room for one more where there are `atual`. `o_que` is what the refusal names.
///
/// # Errors
/// `limite_excedido`.
pub(super) fn room_for_one(atual: usize, max: usize, o_que: &str) -> Result<(), Refusal> {
    if atual < max {
        Ok(())
    } else {
        Err(Refusal::with(Codigo::LimiteExcedido, [o_que.to_owned(), max.to_string()]))
    }
}

/// Whether a note, reason or analysis says something, has at most [`TEXTO_CHARS_MAX`] characters,
/// and no control characters but line feeds and tabs.
///
/// # Errors
/// `texto_vazio`, `texto_longo_demais` or `valor_invalido`, each naming `rotulo`.
pub fn valid_text(texto: &str, rotulo: &str) -> Result<(), Refusal> {
    if texto.trim().is_empty() {
        return Err(Refusal::with(Codigo::TextoVazio, [rotulo.to_owned()]));
    }
    if texto.chars().count() > TEXTO_CHARS_MAX {
        let detalhes = [rotulo.to_owned(), TEXTO_CHARS_MAX.to_string()];
        return Err(Refusal::with(Codigo::TextoLongoDemais, detalhes));
    }
    if texto.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Refusal::with(Codigo::ValorInvalido, [rotulo.to_owned()]));
    }
    Ok(())
}
