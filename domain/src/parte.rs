//! The collections of parts that a document holds: maps of fields by id, added, edited and removed
//! logically. Which fields a part has is in tables, like those of the document itself.

use crate::valor::{
    Alvo, Campo,
    TipoCampo::{Escolha, Instante, Inteiro, Referencia, Texto},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A collection of parts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Colecao {
    /// Products and services (R20, R33).
    #[default]
    Itens,
    /// Expenses (R35).
    Despesas,
    /// Files: what is known of each; the bytes travel apart (R83).
    Anexos,
    /// Links to other cases and to contacts (R38).
    Vinculos,
}

impl Colecao {
    /// Whether the field is written when its part is added and judged by the rule of the part:
    /// fixed fields, and all fields of a file.
    pub fn vem_inteiro(self, campo: &Campo) -> bool {
        campo.fixo || self == Colecao::Anexos
    }

    /// Every collection.
    pub const TODAS: [Colecao; 4] =
        [Colecao::Itens, Colecao::Despesas, Colecao::Anexos, Colecao::Vinculos];

    /// The stable name: in the document, on the wire and of the table.
    pub const fn codigo(self) -> &'static str {
        match self {
            Colecao::Itens => "itens",
            Colecao::Despesas => "despesas",
            Colecao::Anexos => "anexos",
            Colecao::Vinculos => "vinculos",
        }
    }

    /// What a person reads of one part.
    pub const fn rotulo(self) -> &'static str {
        match self {
            Colecao::Itens => "Item",
            Colecao::Despesas => "Despesa",
            Colecao::Anexos => "Anexo",
            Colecao::Vinculos => "Vínculo",
        }
    }

    /// The field that names a part to a person.
    pub const fn campo_titulo(self) -> &'static str {
        match self {
            Colecao::Itens => "produto",
            Colecao::Despesas => "despesa",
            Colecao::Anexos => "nome",
            Colecao::Vinculos => "relacao",
        }
    }

    /// The fields without which a part says nothing.
    pub const fn obrigatorios(self) -> &'static [&'static str] {
        match self {
            Colecao::Itens => &["produto"],
            Colecao::Despesas => &["despesa", "valor"],
            Colecao::Anexos => &["nome", "categoria", "mime", "tamanho", "sha256"],
            Colecao::Vinculos => &["relacao"],
        }
    }
}

impl fmt::Display for Colecao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// The name is not one of the four collections.
#[derive(Debug, thiserror::Error)]
#[error("unknown collection: {0}")]
pub struct ColecaoDesconhecida(String);

impl FromStr for Colecao {
    type Err = ColecaoDesconhecida;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Colecao::TODAS
            .into_iter()
            .find(|colecao| colecao.codigo() == text)
            .ok_or_else(|| ColecaoDesconhecida(text.to_owned()))
    }
}

/// What a photo or file shows (R83).
pub const CATEGORIAS_ANEXO: &[(&str, &str)] = &[
    ("antes", "Antes"),
    ("depois", "Depois"),
    ("avaria", "Avaria"),
    ("assinatura", "Assinatura"),
    ("documento", "Documento"),
];

const RELACOES: &[(&str, &str)] = &[
    ("relacionado", "Relacionado"),
    ("duplicata", "Duplicata de"),
    ("causa", "Causado por"),
    ("bug", "Defeito (bug)"),
    ("conta", "Conta"),
    ("contato", "Contato"),
];

/// Largest file, in bytes: 2 GiB.
const BYTES_MAX: i64 = 2 * 1024 * 1024 * 1024;

/// The fields of an anexo. What identifies the bytes is set once.
pub(crate) const CAMPOS_ANEXO: &[Campo] = &[
    Campo::novo("nome", "Nome do arquivo", Texto { chars_max: 200 }, "R83"),
    Campo::novo("categoria", "Categoria", Escolha(CATEGORIAS_ANEXO), "R83"),
    Campo::novo("legenda", "Legenda", Texto { chars_max: 500 }, "R84"),
    Campo::novo("mime", "Tipo do arquivo", Texto { chars_max: 100 }, "R83").fixo(),
    Campo::novo("tamanho", "Tamanho em bytes", Inteiro { min: 1, max: BYTES_MAX }, "R83").fixo(),
    Campo::novo("sha256", "SHA-256", Texto { chars_max: 64 }, "R83").fixo(),
    Campo::novo("capturado_em", "Capturado em", Instante, "R83").fixo(),
    Campo::novo("posicao", "Posição", Texto { chars_max: 40 }, "R83").fixo(),
];

/// Which picture of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variante {
    /// The bytes as they were taken.
    Original,
    /// An upright JPEG of at most 1,600 pixels a side.
    Previa,
    /// An upright JPEG of at most 320 pixels a side.
    Miniatura,
}

impl Variante {
    /// Every one.
    pub const TODAS: [Variante; 3] = [Variante::Original, Variante::Previa, Variante::Miniatura];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Variante::Original => "original",
            Variante::Previa => "previa",
            Variante::Miniatura => "miniatura",
        }
    }

    /// Most bytes that it may have.
    pub const fn bytes_max(self) -> u64 {
        match self {
            Variante::Original => BYTES_MAX as u64,
            Variante::Previa => 4 * 1024 * 1024,
            Variante::Miniatura => 256 * 1024,
        }
    }
}

impl fmt::Display for Variante {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// The name is none of the three pictures of a file.
#[derive(Debug, thiserror::Error)]
#[error("unknown variante: {0}")]
pub struct VarianteDesconhecida(String);

impl FromStr for Variante {
    type Err = VarianteDesconhecida;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Variante::TODAS
            .into_iter()
            .find(|variante| variante.codigo() == text)
            .ok_or_else(|| VarianteDesconhecida(text.to_owned()))
    }
}

/// Why a file that arrived was discarded, as a sentence.
pub fn frase_do_motivo(codigo: &str) -> &'static str {
    match codigo {
        "hash_diferente" => "O arquivo chegou diferente do que foi registrado no aparelho.",
        "imagem_ilegivel" => "A imagem está danificada ou incompleta.",
        _ => "O arquivo não pôde ser conferido.",
    }
}

/// Latitude and longitude in degrees, out of `lat,long`; `None` where it is no place on Earth.
pub fn posicao(texto: &str) -> Option<(f64, f64)> {
    let (latitude, longitude) = texto.split_once(',')?;
    let grau = |texto: &str, max: f64| {
        texto.trim().parse().ok().filter(|grau: &f64| grau.is_finite() && grau.abs() <= max)
    };
    Some((grau(latitude, 90.0)?, grau(longitude, 180.0)?))
}

/// The fields of a vínculo: another document, or somebody in the catalogue of contacts.
pub(crate) const CAMPOS_VINCULO: &[Campo] = &[
    Campo::novo("relacao", "Relação", Escolha(RELACOES), "R38"),
    Campo::novo("documento", "Registro", Referencia(Alvo::Qualquer), "R38"),
    Campo::novo("contato", "Contato", Referencia(Alvo::Catalogo("contato")), "R38"),
    Campo::novo("descricao", "Descrição", Texto { chars_max: 500 }, "R38"),
];
