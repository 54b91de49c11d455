//! Fields of a cliente (R8): may be created in the field, for assistência only.

use crate::valor::{
    Campo,
    TipoCampo::{Logico, Texto, TextoLongo},
};

/// The fields, in the order of a form.
pub(crate) const CAMPOS: &[Campo] = &[
    Campo::novo("nome", "Nome", Texto { chars_max: 160 }, "R8"),
    Campo::novo("documento", "CPF ou CNPJ", Texto { chars_max: 18 }, "R8"),
    Campo::novo("telefone", "Telefone", Texto { chars_max: 30 }, "R31"),
    Campo::novo("email", "E-mail", Texto { chars_max: 254 }, "R32"),
    Campo::novo("endereco", "Endereço", Texto { chars_max: 200 }, "R11"),
    Campo::novo("cidade", "Cidade", Texto { chars_max: 80 }, "R11"),
    Campo::novo("uf", "UF", Texto { chars_max: 2 }, "R11"),
    Campo::novo("cep", "CEP", Texto { chars_max: 9 }, "R11"),
    Campo::novo("so_assistencia", "Exclusivo para assistência", Logico, "R8"),
    Campo::novo("observacoes", "Observações", TextoLongo { chars_max: 10_000 }, "R8"),
];
