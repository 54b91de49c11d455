//! Everything that a person can do, one variant a button.

use crate::{
    ids::{AnaliseId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    registro::Campos,
    tipo::TipoRef,
    valor::Valor,
};
use serde::{Deserialize, Serialize};

/// An item written together with its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NovoItem {
    /// Its id, minted by whoever creates it.
    pub id: ItemId,
    /// Its fields.
    pub campos: Campos,
}

/// What a person does to one document. Serialised in the device's outbox: a released variant or
/// field keeps its name and meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "comando", rename_all = "snake_case")]
pub enum Command {
    /// Creates a document, complete (R5, R7).
    Criar {
        /// Its id, minted by whoever creates it.
        id: DocumentId,
        /// What kind of document.
        kind: Kind,
        /// The tipo, in the version that the person saw.
        tipo: TipoRef,
        /// Its fields.
        campos: Campos,
        /// Its items.
        #[serde(default)]
        itens: Vec<NovoItem>,
    },
    /// Writes a scalar field; `Nulo` clears it.
    Editar {
        /// Which field.
        campo: String,
        /// Its new value.
        valor: Valor,
    },
    /// Changes a collaborative text from what the person saw to what the person wants.
    EditarTexto {
        /// Which field.
        campo: String,
        /// The text as the person saw it.
        de: String,
        /// The text as it shall be.
        para: String,
    },
    /// Adds an item (R20, R33).
    IncluirItem {
        /// The item.
        item: NovoItem,
    },
    /// Writes a field of an item.
    EditarItem {
        /// Which item.
        item: ItemId,
        /// Which field.
        campo: String,
        /// Its new value.
        valor: Valor,
    },
    /// Removes an item, logically.
    RemoverItem {
        /// Which item.
        item: ItemId,
    },
    /// Adds or removes a participante (R4).
    Participar {
        /// The person.
        usuario: UserId,
        /// Whether the person takes part.
        participa: bool,
    },
    /// Writes into the acompanhamento (R78).
    Anotar {
        /// The note's id.
        id: NotaId,
        /// What is said.
        texto: String,
    },
    /// Asks for a transition.
    Transicionar {
        /// The request's id.
        pedido: PedidoId,
        /// Which transition.
        verbo: String,
        /// Why, where the transition asks for it.
        #[serde(default)]
        motivo: Option<String>,
    },
    /// Issues a laudo and asks for the transition that needs it (R71).
    EmitirLaudo {
        /// The request's id.
        pedido: PedidoId,
        /// The laudo's id.
        laudo: AnaliseId,
        /// Whether the complaint is founded.
        procedente: bool,
        /// The conclusion.
        conclusao: String,
    },
}

impl Command {
    /// What a person reads in the list of pending work.
    pub fn rotulo(&self, kind: Kind) -> String {
        let campo = |nome: &str| kind.campo(nome).map_or(nome.to_owned(), |c| c.rotulo.to_owned());
        match self {
            Command::Criar { kind, .. } => format!("Criar {}", kind.rotulo()),
            Command::Editar { campo: nome, .. } | Command::EditarTexto { campo: nome, .. } => {
                format!("Alterar {}", campo(nome))
            }
            Command::IncluirItem { .. } => "Incluir item".into(),
            Command::EditarItem { campo: nome, .. } => {
                let rotulo = kind.campo_item(nome).map_or(nome.as_str(), |c| c.rotulo);
                format!("Alterar {rotulo} do item")
            }
            Command::RemoverItem { .. } => "Remover item".into(),
            Command::Participar { participa: true, .. } => "Incluir participante".into(),
            Command::Participar { participa: false, .. } => "Remover participante".into(),
            Command::Anotar { .. } => "Anotar no acompanhamento".into(),
            Command::Transicionar { verbo, .. } => format!("Pedir: {}", verbo.replace('_', " ")),
            Command::EmitirLaudo { .. } => "Emitir laudo".into(),
        }
    }
}
