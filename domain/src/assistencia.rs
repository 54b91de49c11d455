//! Fields of an assistência (R7–R12): the visit that a customer asked for.

use crate::{
    kind::Kind,
    valor::{
        Alvo, Campo,
        TipoCampo::{Data, Escolha, Referencia, Texto, TextoLongo},
    },
};

/// Priorities, common to assistências and ocorrências (R4).
pub const PRIORIDADES: &[(&str, &str)] =
    &[("baixa", "Baixa"), ("normal", "Normal"), ("alta", "Alta"), ("urgente", "Urgente")];

/// The fields, in the order of a form.
pub(crate) const CAMPOS: &[Campo] = &[
    Campo::novo("cliente", "Cliente", Referencia(Alvo::Documento(Kind::Cliente)), "R8"),
    Campo::novo("contrato", "Contrato", Referencia(Alvo::Catalogo("contrato")), "R9"),
    Campo::novo("situacao_alegada", "Situação Alegada", TextoLongo { chars_max: 10_000 }, "R10"),
    Campo::novo("endereco", "Endereço", Texto { chars_max: 200 }, "R11"),
    Campo::novo("cidade", "Cidade", Texto { chars_max: 80 }, "R11"),
    Campo::novo("uf", "UF", Texto { chars_max: 2 }, "R11"),
    Campo::novo("cep", "CEP", Texto { chars_max: 9 }, "R11"),
    Campo::novo("responsavel", "Responsável", Referencia(Alvo::Usuario), "R4"),
    Campo::novo("prioridade", "Prioridade", Escolha(PRIORIDADES), "R4"),
    Campo::novo("prazo", "Prazo", Data, "R4"),
    Campo::novo("observacoes", "Observações", TextoLongo { chars_max: 10_000 }, "R7"),
];
