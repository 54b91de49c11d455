//! A fluxo is data: named situações, each with a fixed fase, and the transitions between them.
//! Metrics, timers and editability look only at the fase. The presets are in `domain/presets`.

use crate::{analise::TipoAnalise, pessoa::Permissao};
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
    /// Fields that may not be empty in it.
    #[serde(default)]
    pub exige: Vec<String>,
    /// Whether what was forgotten may still be noted and attached in it, though it is over (R84).
    #[serde(default)]
    pub aceita_notas: bool,
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

impl Transicao {
    /// Whether somebody asks for it in a tipo of that use.
    fn ativa(&self, uso: Uso) -> bool {
        self.quem.iter().any(|quem| match quem {
            Quem::Interno => true,
            Quem::Cliente => uso.portal,
            Quem::Sistema => uso.inatividade,
        })
    }
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
    /// A name is used twice.
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
    /// What is over could be written on.
    #[error("fluxo {fluxo}: {situacao} é final e não pode ter campos editáveis")]
    FinalEditavel {
        /// The fluxo.
        fluxo: String,
        /// The final situação.
        situacao: String,
    },
    /// Records would be born over.
    #[error("fluxo {fluxo}: {situacao} é final e não pode ser a inicial")]
    ComecoFinal {
        /// The fluxo.
        fluxo: String,
        /// The initial situação.
        situacao: String,
    },
    /// No path leads to an end.
    #[error("fluxo {fluxo}: de {situacao} não se chega a nenhuma situação final")]
    SemSaida {
        /// The fluxo.
        fluxo: String,
        /// Where records would stay for ever.
        situacao: String,
    },
    /// A transition that nobody may ever ask for.
    #[error(
        "fluxo {fluxo}: ninguém pode pedir {verbo}: falta de onde sair, quem peça, uma categoria, \
         ou a transição que traz a análise que ela exige"
    )]
    Impossivel {
        /// The fluxo.
        fluxo: String,
        /// The transition.
        verbo: String,
    },
    /// A laudo is asked for by the tipo, and nothing asks for it on the way.
    #[error("fluxo {fluxo}: o tipo exige laudo, mas {verbo} conclui sem a guarda laudo")]
    ConcluiSemLaudo {
        /// The fluxo.
        fluxo: String,
        /// The transition.
        verbo: String,
    },
}

/// What a tipo lets its fluxo do.
#[derive(Clone, Copy, Debug)]
pub struct Uso {
    /// Whether what was concluded may be opened again (R68).
    pub reabrir: bool,
    /// Whether clients take part, in the portal.
    pub portal: bool,
    /// Whether the server ends a wait by itself (R54).
    pub inatividade: bool,
    /// Whether concluding needs a laudo (R48).
    pub laudo: bool,
    /// Whether its records come to an end: a cliente does not.
    pub termina: bool,
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

    /// Checks that every name is known and unique; that every situação can be reached and left by
    /// transitions that somebody may request; that concluded, denied and cancelled records cannot
    /// be edited; that concluded and denied ones are left only if `uso.reabrir` allows it (R48,
    /// R68), and cancelled ones only for a draft or the queue (R50).
    ///
    /// # Errors
    /// The first fault found.
    pub fn validar(&self, uso: Uso) -> Result<(), FluxoInvalido> {
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
        for situacao in self.situacoes.iter().filter(|situacao| !situacao.fase.aberta()) {
            let (fluxo, codigo) = (fluxo(), situacao.codigo.clone());
            if situacao.campos_editaveis != CamposEditaveis::Nenhum {
                return Err(FluxoInvalido::FinalEditavel { fluxo, situacao: codigo });
            }
            if codigo == self.inicial {
                return Err(FluxoInvalido::ComecoFinal { fluxo, situacao: codigo });
            }
        }
        for transicao in &self.transicoes {
            self.possivel(transicao, uso)?;
        }
        self.caminhos(uso)
    }

    /// Walks from the initial situação by what can be asked for; and from every end back.
    fn caminhos(&self, uso: Uso) -> Result<(), FluxoInvalido> {
        let fluxo = || self.codigo.clone();
        // Tipos with and without portal or timer may share a fluxo. Transitions that only a client
        // or the timer requests are no fault where the tipo lacks these; they just lead nowhere.
        let (alcancadas, feitas) = self.alcance(uso, &self.transicoes.iter().collect::<Vec<_>>());
        if let Some(perdida) = self.situacoes.iter().find(|s| !alcancadas.contains(&s.codigo)) {
            let situacao = perdida.codigo.clone();
            return Err(FluxoInvalido::Inalcancavel { fluxo: fluxo(), situacao });
        }
        if let Some(morta) = self.transicoes.iter().find(|t| !feitas.contains(&t.verbo)) {
            return Err(FluxoInvalido::Impossivel { fluxo: fluxo(), verbo: morta.verbo.clone() });
        }
        let ativas: Vec<&Transicao> =
            self.transicoes.iter().filter(|transicao| transicao.ativa(uso)).collect();
        let (vivas, _) = self.alcance(uso, &ativas);
        let finais = self.situacoes.iter().filter(|situacao| !situacao.fase.aberta());
        let mut com_fim: BTreeSet<&String> = finais.map(|situacao| &situacao.codigo).collect();
        loop {
            let antes = com_fim.len();
            let levam = ativas.iter().filter(|transicao| com_fim.contains(&transicao.para));
            let novas: Vec<&String> = levam.flat_map(|transicao| &transicao.de).collect();
            com_fim.extend(novas);
            if com_fim.len() == antes {
                break;
            }
        }
        let presa = self.situacoes.iter().find(|situacao| {
            uso.termina && vivas.contains(&situacao.codigo) && !com_fim.contains(&situacao.codigo)
        });
        presa.map_or(Ok(()), |situacao| {
            let situacao = situacao.codigo.clone();
            Err(FluxoInvalido::SemSaida { fluxo: fluxo(), situacao })
        })
    }

    /// The situações that these transitions lead to from the initial one, and their verbs: an
    /// analysis that a guard asks for must be brought on the way.
    fn alcance<'a>(
        &'a self,
        uso: Uso,
        transicoes: &[&'a Transicao],
    ) -> (BTreeSet<&'a String>, BTreeSet<&'a String>) {
        let mut alcancadas = BTreeSet::from([&self.inicial]);
        let mut trazidas = Vec::new();
        let mut feitas = BTreeSet::new();
        loop {
            let antes = feitas.len();
            for transicao in transicoes {
                let daqui = transicao.de.iter().any(|de| alcancadas.contains(de));
                let falta = |guarda: &Guarda| {
                    let analise = match guarda {
                        Guarda::Laudo if uso.laudo => TipoAnalise::Laudo,
                        Guarda::Solucao => TipoAnalise::Solucao,
                        Guarda::Parecer => TipoAnalise::Parecer,
                        _ => return false,
                    };
                    !trazidas.contains(&analise)
                };
                if daqui && !transicao.guardas.iter().any(falta) && feitas.insert(&transicao.verbo)
                {
                    alcancadas.insert(&transicao.para);
                    trazidas.extend(transicao.traz);
                }
            }
            if feitas.len() == antes {
                return (alcancadas, feitas);
            }
        }
    }

    fn possivel(&self, transicao: &Transicao, uso: Uso) -> Result<(), FluxoInvalido> {
        let (fluxo, verbo) = (self.codigo.clone(), transicao.verbo.clone());
        let para = self.situacao(&transicao.para).map(|situacao| situacao.fase);
        let de = || transicao.de.iter().filter_map(|de| self.situacao(de));
        let vazia = |guarda: &Guarda| matches!(guarda, Guarda::Categoria(c) if c.is_empty());
        // Neither the server nor a client can bring an analysis, and the server asks for
        // transitions only while a client is awaited (R54).
        let espera = || de().any(|situacao| situacao.fase == Fase::EsperaCliente);
        let pede = |quem: &Quem| match quem {
            Quem::Interno => true,
            Quem::Cliente => transicao.traz.is_none(),
            Quem::Sistema => transicao.traz.is_none() && espera(),
        };
        if transicao.de.is_empty()
            || !transicao.quem.iter().any(pede)
            || transicao.guardas.iter().any(vazia)
        {
            return Err(FluxoInvalido::Impossivel { fluxo, verbo });
        }
        let com_laudo = transicao.guardas.contains(&Guarda::Laudo)
            || transicao.traz == Some(TipoAnalise::Laudo);
        if uso.laudo && para == Some(Fase::Concluido) && !com_laudo {
            return Err(FluxoInvalido::ConcluiSemLaudo { fluxo, verbo });
        }
        let errada = de().find(|de| match de.fase {
            Fase::Concluido | Fase::Negado => !uso.reabrir,
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
