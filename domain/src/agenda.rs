//! Fields of an agenda (R40–R44): a commitment of a person, usually a visit.

use crate::{
    kind::Kind,
    valor::{
        Alvo, Campo,
        TipoCampo::{Instante, Referencia, Texto, TextoLongo},
    },
};

/// What the catalogue says of the types of agenda that the assistência's screen lists (R42).
pub const NA_ASSISTENCIA: &str = "na_assistencia";

/// The fields, in the order of a form.
pub(crate) const CAMPOS: &[Campo] = &[
    Campo::novo(
        "assistencia",
        "Assistência",
        Referencia(Alvo::Documento(Kind::Assistencia)),
        "R40",
    )
    .fixo(),
    Campo::novo("ocorrencia", "Ocorrência", Referencia(Alvo::Documento(Kind::Ocorrencia)), "R40")
        .fixo(),
    Campo::novo("tipo_agenda", "Tipo de Agenda", Referencia(Alvo::Catalogo("tipo_agenda")), "R42"),
    Campo::novo(
        "tipo_compromisso",
        "Tipo de Compromisso",
        Referencia(Alvo::Catalogo("tipo_compromisso")),
        "R43",
    ),
    Campo::novo("responsavel", "Responsável", Referencia(Alvo::Usuario), "R40"),
    Campo::novo("inicio", "Início", Instante, "R44"),
    Campo::novo("fim", "Fim", Instante, "R44"),
    Campo::novo("assunto", "Assunto", Texto { chars_max: 200 }, "R44"),
    Campo::novo("observacao", "Observação", TextoLongo { chars_max: 10_000 }, "R44"),
    Campo::novo("ambiente", "Ambiente", Referencia(Alvo::Catalogo("ambiente")), "R44"),
];
