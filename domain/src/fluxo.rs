//! A fluxo is data: named situações, each with a fixed fase, and the transitions between them.
//! Metrics, timers and editability look only at the fase. The presets are in `domain/presets`.

use crate::pessoa::Permissao;
use serde::{Deserialize, Serialize};

/// What a situação means, whatever a company calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fase {
    /// Not sent yet.
    Rascunho,
    /// Waits for somebody to take it.
    Fila,
    /// Somebody works on it.
    Andamento,
    /// Waits for the customer.
    EsperaCliente,
    /// Waits to be concluded.
    Conclusao,
    /// Done, for ever read-only.
    Concluido,
    /// Stopped; kept for history.
    Cancelado,
    /// Denied.
    Negado,
}

impl Fase {
    /// Whether work may still happen.
    pub const fn aberta(self) -> bool {
        !matches!(self, Fase::Concluido | Fase::Cancelado | Fase::Negado)
    }

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Fase::Rascunho => "rascunho",
            Fase::Fila => "fila",
            Fase::Andamento => "andamento",
            Fase::EsperaCliente => "espera_cliente",
            Fase::Conclusao => "conclusao",
            Fase::Concluido => "concluido",
            Fase::Cancelado => "cancelado",
            Fase::Negado => "negado",
        }
    }
}

/// Which fields may be edited in a situação.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CamposEditaveis {
    /// All of them.
    Todos,
    /// None.
    Nenhum,
    /// These, by name; `itens` stands for the items.
    Apenas(Vec<String>),
}

impl CamposEditaveis {
    /// Whether the field of that name may be edited.
    pub fn inclui(&self, nome: &str) -> bool {
        match self {
            CamposEditaveis::Todos => true,
            CamposEditaveis::Nenhum => false,
            CamposEditaveis::Apenas(nomes) => nomes.iter().any(|n| n == nome),
        }
    }
}

/// A named state of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Situacao {
    /// Stable name within the fluxo.
    pub codigo: String,
    /// What a person reads.
    pub nome: String,
    /// What it means.
    pub fase: Fase,
    /// What may be edited in it.
    pub campos_editaveis: CamposEditaveis,
}

/// How a transition behaves away from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modo {
    /// Shown as done at once; the server hardly ever has a reason to refuse.
    Direto,
    /// Shown as proposed until the server has judged it.
    Propor,
    /// Only with the server at hand.
    Online,
}

/// What must hold for a transition, beyond situação and permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarda {
    /// A laudo in force (R48), where the tipo asks for one.
    Laudo,
    /// The request itself brings a laudo (R71).
    TrazLaudo,
    /// The request gives a reason.
    Motivo,
}

/// One way from some situações to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transicao {
    /// Stable name of the act, unique in the fluxo.
    pub verbo: String,
    /// The button's text.
    pub rotulo: String,
    /// Where it may start.
    pub de: Vec<String>,
    /// Where it leads.
    pub para: String,
    /// What the person must hold.
    pub permissao: Permissao,
    /// How it behaves offline.
    pub modo: Modo,
    /// What else must hold.
    #[serde(default)]
    pub guardas: Vec<Guarda>,
}

/// Situações and transitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fluxo {
    /// Stable name.
    pub codigo: String,
    /// The situação of a new record.
    pub inicial: String,
    /// The situações, in the order of a list.
    pub situacoes: Vec<Situacao>,
    /// The transitions.
    pub transicoes: Vec<Transicao>,
}

/// A fluxo that cannot work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FluxoInvalido {
    /// A situação is named that is not in the list.
    #[error("fluxo {fluxo}: a situação {situacao} não existe")]
    SituacaoInexistente {
        /// The fluxo.
        fluxo: String,
        /// The unknown name.
        situacao: String,
    },
    /// A name stands twice.
    #[error("fluxo {fluxo}: {nome} aparece mais de uma vez")]
    Repetido {
        /// The fluxo.
        fluxo: String,
        /// The repeated name.
        nome: String,
    },
    /// No path leads there.
    #[error("fluxo {fluxo}: nenhuma transição leva a {situacao}")]
    Inalcancavel {
        /// The fluxo.
        fluxo: String,
        /// The unreachable situação.
        situacao: String,
    },
}

impl Fluxo {
    /// The situação of that code.
    pub fn situacao(&self, codigo: &str) -> Option<&Situacao> {
        self.situacoes.iter().find(|situacao| situacao.codigo == codigo)
    }

    /// The transition of that verb.
    pub fn transicao(&self, verbo: &str) -> Option<&Transicao> {
        self.transicoes.iter().find(|transicao| transicao.verbo == verbo)
    }

    /// Checks that every name is known and unique and every situação can be reached.
    ///
    /// # Errors
    /// The first fault found.
    pub fn validar(&self) -> Result<(), FluxoInvalido> {
        let mut nomes = std::collections::BTreeSet::new();
        let situacoes = self.situacoes.iter().map(|situacao| &situacao.codigo);
        let verbos = self.transicoes.iter().map(|transicao| &transicao.verbo);
        for nome in situacoes.clone().map(|s| ("s", s)).chain(verbos.map(|v| ("v", v))) {
            if !nomes.insert(nome) {
                let fluxo = self.codigo.clone();
                return Err(FluxoInvalido::Repetido { fluxo, nome: nome.1.clone() });
            }
        }
        let usadas = self.transicoes.iter().flat_map(|t| t.de.iter().chain([&t.para]));
        for situacao in usadas.chain([&self.inicial]) {
            if self.situacao(situacao).is_none() {
                let (fluxo, situacao) = (self.codigo.clone(), situacao.clone());
                return Err(FluxoInvalido::SituacaoInexistente { fluxo, situacao });
            }
        }
        let mut alcancadas = std::collections::BTreeSet::from([&self.inicial]);
        loop {
            let antes = alcancadas.len();
            for transicao in &self.transicoes {
                if transicao.de.iter().any(|de| alcancadas.contains(de)) {
                    alcancadas.insert(&transicao.para);
                }
            }
            if alcancadas.len() == antes {
                break;
            }
        }
        match situacoes.clone().find(|codigo| !alcancadas.contains(codigo)) {
            None => Ok(()),
            Some(situacao) => Err(FluxoInvalido::Inalcancavel {
                fluxo: self.codigo.clone(),
                situacao: situacao.clone(),
            }),
        }
    }
}
