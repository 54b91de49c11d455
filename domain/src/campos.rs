//! Which fields each kind of document has, and each of its collections of parts. The tables
//! themselves are in the module of each kind.

use crate::{
    agenda, assistencia, cliente,
    kind::Kind,
    ocorrencia,
    parte::{self, Colecao},
    valor::Campo,
};

impl Kind {
    /// The fields of the kind, in the order in which a form shows them.
    pub const fn campos(self) -> &'static [Campo] {
        match self {
            Kind::Assistencia => assistencia::CAMPOS,
            Kind::Ocorrencia => ocorrencia::CAMPOS,
            Kind::Agenda => agenda::CAMPOS,
            Kind::Cliente => cliente::CAMPOS,
        }
    }

    /// The fields of a part in that collection; none where the kind has no such parts.
    pub const fn campos_de(self, colecao: Colecao) -> &'static [Campo] {
        match (self, colecao) {
            (Kind::Ocorrencia, Colecao::Itens) => ocorrencia::CAMPOS_ITEM,
            (Kind::Ocorrencia, Colecao::Despesas) => ocorrencia::CAMPOS_DESPESA,
            (Kind::Ocorrencia | Kind::Assistencia, Colecao::Vinculos) => parte::CAMPOS_VINCULO,
            (Kind::Ocorrencia | Kind::Assistencia | Kind::Agenda, Colecao::Anexos) => {
                parte::CAMPOS_ANEXO
            }
            _ => &[],
        }
    }

    /// The field of that name.
    pub fn campo(self, nome: &str) -> Option<&'static Campo> {
        self.campos().iter().find(|campo| campo.nome == nome)
    }

    /// The field of that name of a part in the collection.
    pub fn campo_de(self, colecao: Colecao, nome: &str) -> Option<&'static Campo> {
        self.campos_de(colecao).iter().find(|campo| campo.nome == nome)
    }
}
