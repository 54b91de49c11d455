//! The presets that ship as data. A new one is a file in `domain/presets` and a line in
//! [`PRESETS`]; nothing else in Campo knows a preset by name.

use crate::{
    fluxo::Fluxo,
    tipo::{Tipo, validade::TipoInvalido},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Id and text of each preset.
const PRESETS: &[(&str, &str)] = &[
    ("P000", include_str!("../presets/P000.json")),
    ("P001", include_str!("../presets/P001.json")),
    ("P002", include_str!("../presets/P002.json")),
    ("P003", include_str!("../presets/P003.json")),
    ("P004", include_str!("../presets/P004.json")),
];

/// One entry of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCatalogo {
    /// Stable name within its catalogue.
    pub codigo: String,
    /// What a person reads.
    pub nome: String,
    /// What else is known of it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dados: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arquivo {
    nome: String,
    fluxos: Vec<Fluxo>,
    tipos: Vec<Tipo<String>>,
    catalogos: BTreeMap<String, Vec<ItemCatalogo>>,
}

/// A preset: what a company starts with.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Its id, such as `P001`.
    pub id: &'static str,
    /// What a person reads.
    pub nome: String,
    /// Tipos, each with its fluxo.
    pub tipos: Vec<Tipo>,
    /// Starter catalogues by name.
    pub catalogos: BTreeMap<String, Vec<ItemCatalogo>>,
}

/// A preset that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetInvalido {
    /// No preset has this id.
    #[error("o preset {0} não existe (há {existentes})", existentes = existentes())]
    Inexistente(String),
    /// The file is not well-formed.
    #[error("o preset {0} não pôde ser lido")]
    Ilegivel(&'static str, #[source] serde_json::Error),
    /// A tipo names a fluxo that the file does not have.
    #[error("o tipo {tipo} pede o fluxo {fluxo}, que não existe")]
    FluxoInexistente {
        /// The tipo.
        tipo: String,
        /// The fluxo that is missing.
        fluxo: String,
    },
    /// A tipo cannot work.
    #[error(transparent)]
    Tipo(#[from] TipoInvalido),
}

fn existentes() -> String {
    ids().collect::<Vec<_>>().join(", ")
}

/// The ids of the presets that ship.
pub fn ids() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(id, _)| *id)
}

/// Reads and checks the preset of that id.
///
/// # Errors
/// Unknown id, or a file that does not hold together.
pub fn carregar(id: &str) -> Result<Preset, PresetInvalido> {
    let (id, texto) = PRESETS
        .iter()
        .find(|(existente, _)| *existente == id)
        .ok_or_else(|| PresetInvalido::Inexistente(id.to_owned()))?;
    let arquivo: Arquivo =
        serde_json::from_str(texto).map_err(|erro| PresetInvalido::Ilegivel(id, erro))?;
    let mut tipos = Vec::new();
    for tipo in arquivo.tipos {
        let fluxo = arquivo.fluxos.iter().find(|fluxo| fluxo.codigo == tipo.fluxo);
        let fluxo = fluxo.cloned().ok_or_else(|| PresetInvalido::FluxoInexistente {
            tipo: tipo.codigo.clone(),
            fluxo: tipo.fluxo.clone(),
        })?;
        let tipo = tipo.com_fluxo(fluxo);
        tipo.validar()?;
        tipos.push(tipo);
    }
    Ok(Preset { id, nome: arquivo.nome, tipos, catalogos: arquivo.catalogos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_that_ships_holds_together() {
        for id in ids() {
            let preset = carregar(id).unwrap();
            assert!(!preset.tipos.is_empty(), "{id}");
        }
    }

    #[test]
    fn an_unknown_preset_names_those_that_exist() {
        let erro = carregar("P009").unwrap_err().to_string();
        assert!(erro.contains("P009") && erro.contains("P000, P001"), "{erro}");
    }
}
