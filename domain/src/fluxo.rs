//! A fluxo is data: named situações, each with a fixed fase, and the transitions between them.
//! Metrics, timers and editability look only at the fase. The presets are in `domain/presets`.

use crate::{pessoa::Permissao, registro::TipoAnalise};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// Done.
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
    /// These, by name; `itens`, `despesas` and `analises` stand for the parts.
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
    /// Whether a client sees it; an internal one stays hidden (R52).
    #[serde(default = "sim")]
    pub visivel_cliente: bool,
}

const fn sim() -> bool {
    true
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

/// Who may ask for a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quem {
    /// The company's people.
    Interno,
    /// A client, in the portal.
    Cliente,
    /// The server itself, when a time has passed.
    Sistema,
}

fn so_interno() -> Vec<Quem> {
    vec![Quem::Interno]
}

/// What must hold for a transition, beyond situação and permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarda {
    /// A laudo in force (R48), where the tipo asks for one.
    Laudo,
    /// A solução in force (R65).
    Solucao,
    /// A parecer in force (R66).
    Parecer,
    /// The request gives a reason.
    Motivo,
    /// Whether the case is founded has been said, of each item where there are several (R62); where
    /// the tipo analyses it.
    Procedencia,
    /// As many photos of each category as the tipo asks for.
    Fotos,
    /// It was never concluded before (R67).
    NuncaConcluido,
    /// The category is one of these (R55).
    Categoria(Vec<String>),
    /// The category is none of these (R56).
    CategoriaExceto(Vec<String>),
    /// These fields are filled in.
    Campos(Vec<String>),
    /// These fields are filled in, where the category is one of those (R29).
    CamposDaCategoria {
        /// The categories concerned.
        categorias: Vec<String>,
        /// The fields that they need.
        campos: Vec<String>,
    },
}

/// What follows when a transition is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequencia {
    /// The interessados are told, by this e-mail template (R87).
    NotificarInteressados(String),
    /// The client is told by this e-mail template, where the request says so (R60, R66).
    OferecerEmail(String),
    /// Who asked becomes responsável where there is none.
    AtribuirSeVazio,
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
    /// What one of the company's people must hold.
    pub permissao: Permissao,
    /// How it behaves offline.
    pub modo: Modo,
    /// Who may ask for it.
    #[serde(default = "so_interno")]
    pub quem: Vec<Quem>,
    /// The analysis that the request itself brings (R65, R66, R71).
    #[serde(default)]
    pub traz: Option<TipoAnalise>,
    /// What else must hold.
    #[serde(default)]
    pub guardas: Vec<Guarda>,
    /// What follows.
    #[serde(default)]
    pub efeitos: Vec<Consequencia>,
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
    /// What is over would be taken up again.
    #[error("fluxo {fluxo}: {verbo} sai de {situacao}, que é final")]
    Final {
        /// The fluxo.
        fluxo: String,
        /// The transition.
        verbo: String,
        /// The final situação.
        situacao: String,
    },
    /// A transition that nobody may ask for, or from nowhere.
    #[error("fluxo {fluxo}: ninguém pode pedir {verbo}")]
    Impossivel {
        /// The fluxo.
        fluxo: String,
        /// The transition.
        verbo: String,
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

    /// Checks that every name is known and unique, that every situação can be reached, and that
    /// what is over stays over: a concluded or denied record is left only where `reabrir` says so
    /// (R48, R68), a cancelled one only back to where it began (R50).
    ///
    /// # Errors
    /// The first fault found.
    pub fn validar(&self, reabrir: bool) -> Result<(), FluxoInvalido> {
        let fluxo = || self.codigo.clone();
        let mut nomes = BTreeSet::new();
        let situacoes = self.situacoes.iter().map(|situacao| ("s", &situacao.codigo));
        let verbos = self.transicoes.iter().map(|transicao| ("v", &transicao.verbo));
        for nome in situacoes.chain(verbos) {
            if !nomes.insert(nome) {
                return Err(FluxoInvalido::Repetido { fluxo: fluxo(), nome: nome.1.clone() });
            }
        }
        let usadas = self.transicoes.iter().flat_map(|t| t.de.iter().chain([&t.para]));
        for situacao in usadas.chain([&self.inicial]) {
            if self.situacao(situacao).is_none() {
                let situacao = situacao.clone();
                return Err(FluxoInvalido::SituacaoInexistente { fluxo: fluxo(), situacao });
            }
        }
        for transicao in &self.transicoes {
            self.possivel(transicao, reabrir)?;
        }
        let mut alcancadas = BTreeSet::from([&self.inicial]);
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
        let perdida = self.situacoes.iter().find(|s| !alcancadas.contains(&s.codigo));
        perdida.map_or(Ok(()), |situacao| {
            let situacao = situacao.codigo.clone();
            Err(FluxoInvalido::Inalcancavel { fluxo: fluxo(), situacao })
        })
    }

    fn possivel(&self, transicao: &Transicao, reabrir: bool) -> Result<(), FluxoInvalido> {
        let (fluxo, verbo) = (self.codigo.clone(), transicao.verbo.clone());
        if transicao.de.is_empty() || transicao.quem.is_empty() {
            return Err(FluxoInvalido::Impossivel { fluxo, verbo });
        }
        let para = self.situacao(&transicao.para).map(|situacao| situacao.fase);
        let de = transicao.de.iter().filter_map(|de| self.situacao(de));
        let errada = de.into_iter().find(|de| match de.fase {
            Fase::Concluido | Fase::Negado => !reabrir,
            Fase::Cancelado => !matches!(para, Some(Fase::Fila | Fase::Rascunho)),
            _ => false,
        });
        match errada {
            None => Ok(()),
            Some(de) => {
                let situacao = de.codigo.clone();
                Err(FluxoInvalido::Final { fluxo, verbo, situacao })
            }
        }
    }
}
