//! The photos that a transition asks for: how many of each category there are, and how many of
//! them the server has verified (R83, ff08).

use crate::{
    fluxo::Guarda,
    ids::ItemId,
    parte::{CATEGORIAS_ANEXO, Colecao},
    refusal::{Codigo, Refusal},
    registro::{Registro, SituacaoArquivo},
    tipo::Tipo,
};

/// A category of which there are too few photos.
pub(super) struct Lack {
    label: String,
    there_are: usize,
    needed: usize,
}

/// The first category of which fewer photos count than the tipo asks for.
fn first_lack(registro: &Registro, tipo: &Tipo, counts: impl Fn(&ItemId) -> bool) -> Option<Lack> {
    tipo.min_fotos.iter().find_map(|(categoria, minimo)| {
        let da_categoria = registro.vivos(Colecao::Anexos).filter(|(id, anexo)| {
            anexo.valor("categoria").texto() == Some(categoria) && counts(id)
        });
        let (there_are, needed) = (da_categoria.count(), *minimo as usize);
        let rotulo = CATEGORIAS_ANEXO.iter().find(|(codigo, _)| codigo == categoria);
        let label = rotulo.map_or(categoria.as_str(), |(_, rotulo)| rotulo);
        (there_are < needed).then(|| Lack { label: label.to_owned(), there_are, needed })
    })
}

/// The same for a transition, if it asks for photos at all.
pub(super) fn lack_for(
    registro: &Registro,
    tipo: &Tipo,
    verbo: &str,
    counts: impl Fn(&ItemId) -> bool,
) -> Option<Lack> {
    tipo.fluxo.transicao(verbo).filter(|t| t.guardas.contains(&Guarda::Fotos))?;
    first_lack(registro, tipo, counts)
}

/// Whether as many photos were taken as the tipo asks for, wherever their bytes are.
///
/// # Errors
/// `exige_fotos`.
pub(super) fn enough(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let Some(lack) = first_lack(registro, tipo, |_| true) else { return Ok(()) };
    Err(Refusal::with(Codigo::ExigeFotos, [lack.label, lack.needed.to_string()]))
}

/// What a transition that needs photos still waits for: those that the server has not verified
/// yet. A record is not concluded on photos that only the phone has (ff08).
pub fn photos_on_their_way(registro: &Registro, tipo: &Tipo, verbo: &str) -> Option<Refusal> {
    let verified = |id: &ItemId| registro.arquivo(id) == SituacaoArquivo::Verificada;
    let lack = lack_for(registro, tipo, verbo, verified)?;
    let progress = format!("{} de {}", lack.there_are, lack.needed);
    Some(Refusal::with(Codigo::FotosACaminho, [lack.label, progress]))
}
