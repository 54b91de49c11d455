//! Everything that a person can do, one variant a button.

mod limpar;

use crate::{
    ids::{AcaoId, AnaliseId, CorretivaId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Campos, SituacaoAcao, TipoAnalise, Visibilidade},
    tipo::{Tipo, TipoRef},
    valor::Valor,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A new part of a document.
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
        /// What the person saw there: nothing is written over what came meanwhile. Without it,
        /// whatever stands there is replaced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visto: Option<Valor>,
    },
    /// Changes a long text from what the person saw to what the person wants (ADR 0020).
    EditarTexto {
        /// Which field.
        campo: String,
        /// The text as the person saw it.
        de: String,
        /// The text as it shall be.
        para: String,
    },
    /// Adds a part (R20, R33, R35, R38, R83).
    IncluirItem {
        /// To which collection.
        #[serde(default)]
        em: Colecao,
        /// The part.
        item: NovoItem,
    },
    /// Writes a field of a part.
    EditarItem {
        /// In which collection.
        #[serde(default)]
        em: Colecao,
        /// Which part.
        item: ItemId,
        /// Which field.
        campo: String,
        /// Its new value.
        valor: Valor,
        /// What the person saw there, as for a field of the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visto: Option<Valor>,
    },
    /// Removes a part, logically.
    RemoverItem {
        /// From which collection.
        #[serde(default)]
        em: Colecao,
        /// Which part.
        item: ItemId,
    },
    /// Adds or removes a participante (R4).
    Participar {
        /// The person.
        usuario: UserId,
        /// Whether the person takes part.
        participa: bool,
    },
    /// Adds or removes somebody who is told of opening and conclusion (R87).
    Interessar {
        /// The person.
        usuario: UserId,
        /// Whether the person is told.
        interessado: bool,
    },
    /// Writes into the acompanhamento (R78, R84).
    Anotar {
        /// The note's id.
        id: NotaId,
        /// What is said.
        texto: String,
        /// For whom.
        #[serde(default)]
        visibilidade: Visibilidade,
        /// The note that it answers (R81).
        #[serde(default)]
        resposta_a: Option<NotaId>,
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
        /// Whether the client shall be told by e-mail, where the transition offers it.
        #[serde(default)]
        email: bool,
    },
    /// Issues an analysis (R63–R66, R71). One that is not partial asks for the transition that it
    /// is for.
    Analisar {
        /// The analysis's id.
        analise: AnaliseId,
        /// What it is.
        tipo: TipoAnalise,
        /// What it says.
        texto: String,
        /// Whether the complaint is founded: of a laudo, and of nothing else.
        #[serde(default)]
        procedente: Option<bool>,
        /// The request, for all but a partial one.
        #[serde(default)]
        pedido: Option<NovoPedido>,
        /// The new responsável, of a partial one; only in the office (R64).
        #[serde(default)]
        encaminhar: Option<UserId>,
    },
    /// Says who may see the record; nobody in particular when `None` (R86). In the office.
    Restringir {
        /// These, and administrators.
        para: Option<Listados>,
    },
    /// Asks the ERP for something (R21, R72–R75). In the office.
    SolicitarAcao {
        /// The action's id.
        acao: AcaoId,
        /// Which of the tipo's actions.
        codigo: String,
        /// What the person adds.
        #[serde(default)]
        observacao: Option<String>,
    },
    /// The ERP answers (R100).
    ResponderAcao {
        /// Which action.
        acao: AcaoId,
        /// Done, or not.
        situacao: SituacaoAcao,
        /// The number of what the ERP made.
        #[serde(default)]
        externo: Option<String>,
        /// What the ERP says.
        #[serde(default)]
        retorno: Option<String>,
    },
    /// Puts the record under a corrective action (R77). In the office.
    VincularCorretiva {
        /// Which.
        corretiva: CorretivaId,
        /// Its number.
        numero: String,
    },
}

/// The request that comes with an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NovoPedido {
    /// Its id.
    pub id: PedidoId,
    /// Whether the client shall be told by e-mail, where the transition offers it.
    #[serde(default)]
    pub email: bool,
}

/// People and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listados {
    /// People.
    #[serde(default)]
    pub usuarios: BTreeSet<UserId>,
    /// Groups, by code.
    #[serde(default)]
    pub grupos: BTreeSet<String>,
}

impl Command {
    /// The request that it makes, if it makes one.
    pub const fn pedido(&self) -> Option<PedidoId> {
        match self {
            Command::Transicionar { pedido, .. } => Some(*pedido),
            Command::Analisar { pedido: Some(pedido), .. } => Some(pedido.id),
            _ => None,
        }
    }

    /// Whether the server writes it in the person's name: never on a device.
    pub const fn do_servidor(&self) -> bool {
        matches!(
            self,
            Command::Restringir { .. }
                | Command::SolicitarAcao { .. }
                | Command::ResponderAcao { .. }
                | Command::VincularCorretiva { .. }
        )
    }

    /// What a person reads in the list of pending work.
    pub fn rotulo(&self, kind: Kind, tipo: Option<&Tipo>) -> String {
        let campo = |nome: &str| match tipo {
            Some(tipo) => tipo.rotulo(nome).to_owned(),
            None => kind.campo(nome).map_or(nome.to_owned(), |c| c.rotulo.to_owned()),
        };
        match self {
            Command::Criar { kind, .. } => format!("Criar {}", kind.rotulo()),
            Command::Editar { campo: nome, .. } | Command::EditarTexto { campo: nome, .. } => {
                format!("Alterar {}", campo(nome))
            }
            Command::IncluirItem { em, .. } => format!("Incluir {}", em.rotulo().to_lowercase()),
            Command::EditarItem { em, campo: nome, .. } => {
                let rotulo = kind.campo_de(*em, nome).map_or(nome.as_str(), |c| c.rotulo);
                format!("Alterar {rotulo} ({})", em.rotulo().to_lowercase())
            }
            Command::RemoverItem { em, .. } => format!("Remover {}", em.rotulo().to_lowercase()),
            Command::Participar { participa: true, .. } => "Incluir participante".into(),
            Command::Participar { participa: false, .. } => "Remover participante".into(),
            Command::Interessar { interessado: true, .. } => "Incluir interessado".into(),
            Command::Interessar { interessado: false, .. } => "Remover interessado".into(),
            Command::Anotar { .. } => "Anotar no acompanhamento".into(),
            Command::Transicionar { verbo, .. } => {
                let transicao = tipo.and_then(|tipo| tipo.fluxo.transicao(verbo));
                let rotulo =
                    transicao.map_or_else(|| verbo.replace('_', " "), |t| t.rotulo.clone());
                format!("Pedir: {rotulo}")
            }
            Command::Analisar { tipo, .. } => format!("Registrar {}", tipo.rotulo().to_lowercase()),
            Command::Restringir { para: Some(_) } => "Restringir a visualização".into(),
            Command::Restringir { para: None } => "Liberar a visualização".into(),
            Command::SolicitarAcao { codigo, .. } => {
                let acao = tipo.and_then(|tipo| tipo.acao(codigo));
                let rotulo = acao.map_or_else(|| codigo.replace('_', " "), |a| a.rotulo.clone());
                format!("Solicitar: {rotulo}")
            }
            Command::ResponderAcao { .. } => "Responder ação".into(),
            Command::VincularCorretiva { .. } => "Vincular ação corretiva".into(),
        }
    }
}
