//! What a change says that it writes, part by part.

use campo_domain::{
    ids::{AnaliseId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    policy::Parte,
    registro::{TipoAnalise, Visibilidade},
    tipo::TipoRef,
    valor::{Campo, Valor},
};

/// One part of a document that a change writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    /// A field.
    Campo {
        /// Which.
        campo: &'static Campo,
        /// What.
        valor: Valor,
    },
    /// A new part.
    ItemNovo {
        /// In which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
    },
    /// A field of a part.
    ItemCampo {
        /// In which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
        /// Which field.
        campo: &'static Campo,
        /// What.
        valor: Valor,
    },
    /// A part removed.
    ItemRemovido {
        /// From which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
    },
    /// Somebody takes part, or no longer.
    Participante {
        /// Who.
        usuario: UserId,
        /// Whether.
        participa: bool,
    },
    /// Somebody is told, or no longer.
    Interessado {
        /// Who.
        usuario: UserId,
        /// Whether.
        interessado: bool,
    },
    /// A new note.
    Nota {
        /// Which.
        id: NotaId,
        /// For whom.
        visibilidade: Visibilidade,
    },
    /// A new request of transition.
    Pedido(PedidoId),
    /// A new analysis.
    Analise {
        /// Which.
        id: AnaliseId,
        /// What it is.
        tipo: TipoAnalise,
        /// To whom it hands the record (R64).
        encaminhar: Option<UserId>,
    },
}

impl Write {
    /// The row of the policy table that it falls under, in a change that writes all of `with`.
    pub(crate) fn parte(&self, with: &[Write]) -> Parte {
        match self {
            Write::Campo { campo, .. } => Parte::Campo(campo),
            // What is fixed is written with the part that it belongs to.
            Write::ItemCampo { em, item, campo, .. }
                if em.vem_inteiro(campo)
                    && with.contains(&Write::ItemNovo { em: *em, item: *item }) =>
            {
                Parte::Item(*em)
            }
            Write::ItemCampo { em, campo, .. } => Parte::CampoItem(*em, campo),
            Write::ItemNovo { em, .. } => Parte::Item(*em),
            Write::ItemRemovido { em, .. } => Parte::Remocao(*em),
            Write::Participante { .. } => Parte::Participante,
            Write::Interessado { .. } => Parte::Interessado,
            Write::Nota { visibilidade: Visibilidade::Interna, .. } => Parte::Nota,
            Write::Nota { visibilidade: Visibilidade::Cliente, .. } => Parte::NotaAoCliente,
            Write::Pedido(_) => Parte::Pedido,
            Write::Analise { tipo: TipoAnalise::Parcial, .. } => Parte::AnaliseParcial,
            Write::Analise { .. } => Parte::Analise,
        }
    }
}

/// What a genesis change says of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Genesis {
    /// The document that it makes.
    pub(crate) id: DocumentId,
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its tipo.
    pub(crate) tipo: TipoRef,
}

/// A change that some command could have made, on the document as it is.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    /// Present if it makes the document.
    pub(crate) genesis: Option<Genesis>,
    /// What it writes, each part once.
    pub(crate) writes: Vec<Write>,
}
