//! A tipo is a set of switches over a fluxo. Versioned: a document pins the version it was made
//! with.

use crate::{
    fluxo::{CamposEditaveis, Fase, Fluxo, FluxoInvalido, Guarda, Quem, Situacao, Uso},
    kind::Kind,
    parte::{CATEGORIAS_ANEXO, Colecao::Itens},
    pessoa::Permissao,
    refusal::{Codigo, Refusal},
    registro::TipoAnalise,
    valor::{Campo, TipoCampo},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a document says of its tipo.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TipoRef {
    /// Stable name within the company.
    pub codigo: String,
    /// The pinned version, from 1.
    pub versao: u32,
}

/// Money to be paid to the client (R34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indenizacao {
    /// Most for a whole record, in centavos; no limit when absent.
    pub limite: Option<i64>,
}

/// An intent for the ERP that may be asked for (R21, R72–R75).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcaoPermitida {
    /// Stable name: what the ERP is told.
    pub codigo: String,
    /// The button's text.
    pub rotulo: String,
    /// What the person must hold.
    pub permissao: Permissao,
    /// In which fases.
    pub fases: Vec<Fase>,
    /// Fields that must be filled in; `itens` for at least one item, `itens.quantidade` for a
    /// number in each item that is not zero in all of them.
    #[serde(default)]
    pub exige: Vec<String>,
    /// Fields that must hold one of these values.
    #[serde(default)]
    pub exige_valor: BTreeMap<String, Vec<String>>,
}

/// A field that a client reads without having filled it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Leitura {
    /// Whatever the situação.
    Sempre(String),
    /// Only in these situações: what is written on the way there is the company's own (R52).
    NasSituacoes {
        /// The field.
        campo: String,
        /// The situações.
        situacoes: Vec<String>,
    },
}

impl Leitura {
    /// The field.
    pub fn campo(&self) -> &str {
        match self {
            Leitura::Sempre(campo) | Leitura::NasSituacoes { campo, .. } => campo,
        }
    }
}

/// A category of cases (R27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Categoria {
    /// Stable name.
    pub codigo: String,
    /// What a person reads.
    pub nome: String,
    /// The priority of a record that says none itself.
    pub prioridade: String,
    /// Whether clients may not choose it.
    #[serde(default)]
    pub interna: bool,
}

/// One version of a tipo, with its fluxo. `F` is the fluxo itself, or its name in a preset's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tipo<F = Fluxo> {
    /// Stable name within the company, prefixed by its preset.
    pub codigo: String,
    /// Version, from 1.
    pub versao: u32,
    /// What a person reads.
    pub nome: String,
    /// The kind of document.
    pub kind: Kind,
    /// Fields that must be filled in (R7).
    pub obrigatorios: Vec<String>,
    /// Fields that must be filled in as well where a field has that value: by field, then value
    /// (R1).
    #[serde(default)]
    pub obrigatorios_por: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The fields that records of it have; all of the kind when empty.
    #[serde(default)]
    pub formulario: Vec<String>,
    /// The fields that its items have; all when empty.
    #[serde(default)]
    pub formulario_itens: Vec<String>,
    /// Whether concluding needs a laudo (R48).
    #[serde(default)]
    pub exige_laudo: bool,
    /// Whether it is said if the case is founded (R62).
    #[serde(default)]
    pub analisa_procedencia: bool,
    /// Whether a corrective action may follow (R76).
    #[serde(default)]
    pub permite_acao_corretiva: bool,
    /// Whether what was concluded or denied may be opened again (R68).
    #[serde(default)]
    pub permite_reabrir: bool,
    /// Whether items carry money for the client, and how much (R34).
    #[serde(default)]
    pub indenizacao: Option<Indenizacao>,
    /// Whether expenses are kept (R35).
    #[serde(default)]
    pub despesas: bool,
    /// Who may be said to pay (R14); everyone of the list when empty.
    #[serde(default)]
    pub modalidades: Vec<String>,
    /// What may be asked of the ERP.
    #[serde(default)]
    pub acoes: Vec<AcaoPermitida>,
    /// Photos that the guard `fotos` asks for, by category.
    #[serde(default)]
    pub min_fotos: BTreeMap<String, u32>,
    /// Days allowed in a situação (R70).
    #[serde(default)]
    pub prazos: BTreeMap<String, u32>,
    /// Days without movement while the client is waited for, after which the server acts (R54).
    #[serde(default)]
    pub dias_inatividade: Option<u32>,
    /// Categories, where cases have them (R27).
    #[serde(default)]
    pub categorias: Vec<Categoria>,
    /// Whether clients see and open them in the portal (R23).
    #[serde(default)]
    pub visivel_no_portal: bool,
    /// The fields that a client fills in.
    #[serde(default)]
    pub portal_campos: Vec<String>,
    /// What a client reads besides those.
    #[serde(default)]
    pub portal_leitura: Vec<Leitura>,
    /// What the form says beside a field (R25).
    #[serde(default)]
    pub orientacoes: BTreeMap<String, String>,
    /// What the company calls a field, where that is not what Campo calls it.
    #[serde(default)]
    pub rotulos: BTreeMap<String, String>,
    /// Whether anybody may hand a record to somebody (R39), not only who holds `Gerenciar`.
    #[serde(default)]
    pub atribuicao_livre: bool,
    /// Whether it is kept where a photo was taken (R83); else only the original itself may say.
    #[serde(default)]
    pub pede_posicao: bool,
    /// The states.
    pub fluxo: F,
}

/// A tipo that cannot work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TipoInvalido {
    /// Its fluxo cannot work.
    #[error(transparent)]
    Fluxo(#[from] FluxoInvalido),
    /// A name that is not well-formed.
    #[error("tipo {tipo}: “{nome}” não serve como nome (use letras minúsculas, números, . e _)")]
    Nome {
        /// The tipo.
        tipo: String,
        /// The name.
        nome: String,
    },
    /// Something is named that does not exist.
    #[error("tipo {tipo}: {onde} cita “{nome}”, que não existe")]
    Inexistente {
        /// The tipo.
        tipo: String,
        /// Where it is named.
        onde: &'static str,
        /// The unknown name.
        nome: String,
    },
    /// Something that a person reads is empty, or longer than 200 characters.
    #[error("tipo {tipo}: {onde} precisa de um nome de 1 a 200 caracteres")]
    SemNome {
        /// The tipo.
        tipo: String,
        /// What has none.
        onde: String,
    },
    /// A code stands twice.
    #[error("tipo {tipo}: {onde} repete “{nome}”")]
    Repetido {
        /// The tipo.
        tipo: String,
        /// Where.
        onde: &'static str,
        /// The code.
        nome: String,
    },
    /// The server would wait for an end that no transition brings.
    #[error("tipo {tipo}: há dias_inatividade, mas nenhuma transição do sistema encerra a espera")]
    InatividadeSemFim {
        /// The tipo.
        tipo: String,
    },
    /// A number out of bounds.
    #[error("tipo {tipo}: {onde} está fora dos limites")]
    ForaDosLimites {
        /// The tipo.
        tipo: String,
        /// Which number.
        onde: &'static str,
    },
}

/// Names that stand for parts among the editable fields.
const PARTES_EDITAVEIS: [&str; 5] = ["itens", "despesas", "anexos", "vinculos", "analises"];

impl<F> Tipo<F> {
    /// The same tipo with another view of its fluxo.
    pub fn com_fluxo<G>(self, fluxo: G) -> Tipo<G> {
        Tipo {
            codigo: self.codigo,
            versao: self.versao,
            nome: self.nome,
            kind: self.kind,
            obrigatorios: self.obrigatorios,
            obrigatorios_por: self.obrigatorios_por,
            formulario: self.formulario,
            formulario_itens: self.formulario_itens,
            exige_laudo: self.exige_laudo,
            analisa_procedencia: self.analisa_procedencia,
            permite_acao_corretiva: self.permite_acao_corretiva,
            permite_reabrir: self.permite_reabrir,
            indenizacao: self.indenizacao,
            despesas: self.despesas,
            modalidades: self.modalidades,
            acoes: self.acoes,
            min_fotos: self.min_fotos,
            prazos: self.prazos,
            dias_inatividade: self.dias_inatividade,
            categorias: self.categorias,
            visivel_no_portal: self.visivel_no_portal,
            portal_campos: self.portal_campos,
            portal_leitura: self.portal_leitura,
            orientacoes: self.orientacoes,
            rotulos: self.rotulos,
            atribuicao_livre: self.atribuicao_livre,
            pede_posicao: self.pede_posicao,
            fluxo,
        }
    }
}

impl Tipo {
    /// How documents refer to it.
    pub fn referencia(&self) -> TipoRef {
        TipoRef { codigo: self.codigo.clone(), versao: self.versao }
    }

    /// The situação of that code, or the initial one if there is none yet or it is not known.
    pub fn situacao(&self, codigo: Option<&str>) -> Option<&Situacao> {
        codigo
            .and_then(|codigo| self.fluxo.situacao(codigo))
            .or_else(|| self.fluxo.situacao(&self.fluxo.inicial))
    }

    /// The category of that code.
    pub fn categoria(&self, codigo: &str) -> Option<&Categoria> {
        self.categorias.iter().find(|categoria| categoria.codigo == codigo)
    }

    /// The action of that code.
    pub fn acao(&self, codigo: &str) -> Option<&AcaoPermitida> {
        self.acoes.iter().find(|acao| acao.codigo == codigo)
    }

    /// What a field is called.
    pub fn rotulo<'a>(&'a self, nome: &'a str) -> &'a str {
        let proprio = self.rotulos.get(nome).map(String::as_str);
        proprio.or_else(|| Some(self.kind.campo(nome)?.rotulo)).unwrap_or(nome)
    }

    /// Whether it leaves that choice of a field (R14).
    pub fn aceita_escolha(&self, campo: &str, codigo: &str) -> bool {
        let modalidades = &self.modalidades;
        campo != "modalidade" || modalidades.is_empty() || modalidades.iter().any(|m| m == codigo)
    }

    /// What may be chosen in a field of its records, each code with its label: its categories, or
    /// what it leaves of the field's choices.
    pub fn opcoes<'a>(&'a self, campo: &'a Campo) -> Vec<(&'a str, &'a str)> {
        if campo.nome == "categoria" {
            return self.categorias.iter().map(|c| (c.codigo.as_str(), c.nome.as_str())).collect();
        }
        let escolhas = campo.escolhas().iter().copied();
        escolhas.filter(|(codigo, _)| self.aceita_escolha(campo.nome, codigo)).collect()
    }

    /// Whether a client reads that field of its own case while the case is in that situação.
    pub fn le_no_portal(&self, campo: &str, situacao: Option<&Situacao>) -> bool {
        let em = |codigos: &[String]| {
            situacao.is_some_and(|situacao| codigos.contains(&situacao.codigo))
        };
        self.portal_campos.iter().any(|nome| nome == campo)
            || self.portal_leitura.iter().any(|leitura| match leitura {
                Leitura::Sempre(nome) => nome == campo,
                Leitura::NasSituacoes { campo: nome, situacoes } => nome == campo && em(situacoes),
            })
    }

    /// Whether its records have that field.
    pub fn tem_campo(&self, nome: &str) -> bool {
        self.formulario.is_empty() || self.formulario.iter().any(|campo| campo == nome)
    }

    /// Whether its items have that field.
    pub fn tem_campo_item(&self, nome: &str) -> bool {
        self.formulario_itens.is_empty() || self.formulario_itens.iter().any(|campo| campo == nome)
    }

    /// Checks that everything it names exists and that its fluxo can work.
    ///
    /// # Errors
    /// The first fault found.
    pub fn validar(&self) -> Result<(), TipoInvalido> {
        self.nomes()?;
        self.campos()?;
        self.numeros()?;
        Ok(self.fluxo.validar(Uso {
            reabrir: self.permite_reabrir,
            portal: self.visivel_no_portal,
            inatividade: self.dias_inatividade.is_some(),
            laudo: self.exige_laudo,
            termina: self.kind != Kind::Cliente,
        })?)
    }

    /// Whether the kind knows the field and its records have it.
    fn existe(&self, nome: &str) -> bool {
        self.kind.campo(nome).is_some() && self.tem_campo(nome)
    }

    fn inexistente(&self, onde: &'static str, nome: &str) -> TipoInvalido {
        TipoInvalido::Inexistente { tipo: self.codigo.clone(), onde, nome: nome.to_owned() }
    }

    fn nomes(&self) -> Result<(), TipoInvalido> {
        let certo = |nome: &str| {
            let letra = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b);
            (1..=64).contains(&nome.len()) && nome.bytes().all(letra)
        };
        let situacoes = self.fluxo.situacoes.iter().map(|situacao| &situacao.codigo);
        let acoes = self.acoes.iter().map(|acao| &acao.codigo);
        let categorias = self.categorias.iter().map(|categoria| &categoria.codigo);
        let nomes = [&self.codigo, &self.fluxo.codigo].into_iter().chain(situacoes);
        let verbos = self.fluxo.transicoes.iter().map(|transicao| &transicao.verbo);
        // A verb travels in requests, where it has no points.
        let errado = nomes
            .chain(acoes)
            .chain(categorias)
            .find(|nome| !certo(nome))
            .or_else(|| verbos.into_iter().find(|verbo| !certo(verbo) || verbo.contains('.')));
        let tipo = || self.codigo.clone();
        if let Some(nome) = errado {
            return Err(TipoInvalido::Nome { tipo: tipo(), nome: nome.clone() });
        }
        for (onde, codigos) in [
            ("acoes", self.acoes.iter().map(|acao| &acao.codigo).collect::<Vec<_>>()),
            ("categorias", self.categorias.iter().map(|categoria| &categoria.codigo).collect()),
        ] {
            let mut vistos = BTreeSet::new();
            if let Some(nome) = codigos.into_iter().find(|codigo| !vistos.insert(*codigo)) {
                return Err(TipoInvalido::Repetido { tipo: tipo(), onde, nome: nome.clone() });
            }
        }
        let lidos = [("tipo", &self.codigo, &self.nome)].into_iter();
        let situacoes = self.fluxo.situacoes.iter().map(|s| ("situacao", &s.codigo, &s.nome));
        let verbos = self.fluxo.transicoes.iter().map(|t| ("transicao", &t.verbo, &t.rotulo));
        let acoes = self.acoes.iter().map(|a| ("acao", &a.codigo, &a.rotulo));
        let categorias = self.categorias.iter().map(|c| ("categoria", &c.codigo, &c.nome));
        let mut lidos = lidos.chain(situacoes).chain(verbos).chain(acoes).chain(categorias);
        let sem_nome = lidos.find(|(.., nome)| {
            nome.trim().is_empty()
                || nome.chars().count() > 200
                || nome.chars().any(char::is_control)
        });
        sem_nome.map_or(Ok(()), |(o_que, codigo, _)| {
            Err(TipoInvalido::SemNome { tipo: tipo(), onde: format!("{o_que} {codigo}") })
        })
    }

    fn campos(&self) -> Result<(), TipoInvalido> {
        let kind = self.kind;
        let falta = |nomes: &[String]| nomes.iter().find(|n| kind.campo(n).is_none()).cloned();
        let falta_item =
            |nomes: &[String]| nomes.iter().find(|n| kind.campo_de(Itens, n).is_none()).cloned();
        let conferir = |onde, falta: Option<String>| match falta {
            None => Ok(()),
            Some(nome) => Err(self.inexistente(onde, &nome)),
        };
        conferir("obrigatorios", falta(&self.obrigatorios))?;
        conferir("formulario", falta(&self.formulario))?;
        conferir("formulario_itens", falta_item(&self.formulario_itens))?;
        conferir("portal_campos", falta(&self.portal_campos))?;
        let fora = self.obrigatorios.iter().find(|campo| !self.tem_campo(campo));
        conferir("obrigatorios (fora do formulario)", fora.cloned())?;
        let lidos = self.portal_leitura.iter().map(Leitura::campo);
        let desconhecido = lidos.into_iter().find(|nome| kind.campo(nome).is_none());
        conferir("portal_leitura", desconhecido.map(str::to_owned))?;
        let situacoes = self.portal_leitura.iter().flat_map(|leitura| match leitura {
            Leitura::Sempre(_) => &[][..],
            Leitura::NasSituacoes { situacoes, .. } => situacoes,
        });
        let desconhecida = situacoes.into_iter().find(|s| self.fluxo.situacao(s).is_none());
        conferir("portal_leitura", desconhecida.cloned())?;
        let sem_campo = |nome: &&String| kind.campo(nome).is_none() && *nome != "anexos";
        conferir("orientacoes", self.orientacoes.keys().find(sem_campo).cloned())?;
        conferir("rotulos", self.rotulos.keys().find(sem_campo).cloned())?;
        let escolha = |nome: &str, opcao: &str| match kind.campo(nome).map(|campo| campo.tipo) {
            Some(TipoCampo::Escolha(opcoes)) => opcoes.iter().any(|(codigo, _)| *codigo == opcao),
            _ => false,
        };
        for (campo, por_valor) in &self.obrigatorios_por {
            let valor = por_valor.keys().find(|valor| !escolha(campo, valor));
            conferir("obrigatorios_por", valor.map(|valor| format!("{campo}={valor}")))?;
            let fora = por_valor.values().flatten().find(|nome| !self.existe(nome));
            conferir("obrigatorios_por", fora.cloned())?;
        }
        let modalidade = self.modalidades.iter().find(|m| !escolha("modalidade", m));
        conferir("modalidades", modalidade.cloned())?;
        let prioridades = self.categorias.iter().map(|categoria| &categoria.prioridade);
        conferir(
            "categorias.prioridade",
            prioridades.into_iter().find(|p| !escolha("prioridade", p)).cloned(),
        )?;
        let foto = |nome: &str| CATEGORIAS_ANEXO.iter().any(|(codigo, _)| *codigo == nome);
        conferir("min_fotos", self.min_fotos.keys().find(|nome| !foto(nome)).cloned())?;
        let etapa = self.prazos.keys().find(|nome| self.fluxo.situacao(nome).is_none());
        conferir("prazos", etapa.cloned())?;
        for acao in &self.acoes {
            let conhecido = |nome: &str| match nome.strip_prefix("itens.") {
                Some(nome) => kind.campo_de(Itens, nome).is_some() && self.tem_campo_item(nome),
                None => nome == "itens" || self.existe(nome),
            };
            let exigidos = acao.exige.iter().find(|nome| !conhecido(nome));
            conferir("acoes.exige", exigidos.cloned())?;
            let valores = acao.exige_valor.keys().find(|nome| kind.campo(nome).is_none());
            conferir("acoes.exige_valor", valores.cloned())?;
        }
        for situacao in &self.fluxo.situacoes {
            let fora = situacao.exige.iter().find(|nome| !self.existe(nome));
            conferir("situacoes.exige", fora.cloned())?;
            let CamposEditaveis::Apenas(nomes) = &situacao.campos_editaveis else { continue };
            let conhecido =
                |nome: &str| PARTES_EDITAVEIS.contains(&nome) || kind.campo(nome).is_some();
            conferir("campos_editaveis", nomes.iter().find(|n| !conhecido(n)).cloned())?;
        }
        // An analysis that asks for a transition gives no reason but itself.
        let muda = self.fluxo.transicoes.iter().find(|transicao| {
            transicao.traz == Some(TipoAnalise::Parcial)
                || (transicao.traz.is_some() && transicao.guardas.contains(&Guarda::Motivo))
        });
        conferir("transicoes.traz", muda.map(|transicao| transicao.verbo.clone()))?;
        for guarda in self.fluxo.transicoes.iter().flat_map(|t| &t.guardas) {
            let (categorias, campos): (&[String], &[String]) = match guarda {
                Guarda::Categoria(nomes) | Guarda::CategoriaExceto(nomes) => (nomes, &[]),
                Guarda::Campos(nomes) => (&[], nomes),
                Guarda::CamposDaCategoria { categorias, campos } => (categorias, campos),
                _ => continue,
            };
            conferir("guardas", categorias.iter().find(|c| self.categoria(c).is_none()).cloned())?;
            conferir("guardas", campos.iter().find(|nome| !self.existe(nome)).cloned())?;
        }
        Ok(())
    }

    fn numeros(&self) -> Result<(), TipoInvalido> {
        let fora = |onde| Err(TipoInvalido::ForaDosLimites { tipo: self.codigo.clone(), onde });
        let dias = 1..=3_650;
        if self.dias_inatividade.is_some_and(|n| !dias.contains(&n)) {
            return fora("dias_inatividade");
        }
        let encerra = |quem: &Vec<Quem>| quem.contains(&Quem::Sistema);
        if self.dias_inatividade.is_some()
            && !self.fluxo.transicoes.iter().any(|transicao| encerra(&transicao.quem))
        {
            return Err(TipoInvalido::InatividadeSemFim { tipo: self.codigo.clone() });
        }
        if self.prazos.values().any(|n| !dias.contains(n)) {
            return fora("prazos");
        }
        if self.min_fotos.values().any(|n| !(1..=100).contains(n)) {
            return fora("min_fotos");
        }
        if self.indenizacao.and_then(|i| i.limite).is_some_and(|limite| limite < 0) {
            return fora("indenizacao.limite");
        }
        if self.fluxo.situacoes.len() > 100 || self.fluxo.transicoes.len() > 500 {
            return fora("fluxo");
        }
        Ok(())
    }
}

/// Every version of every tipo of a company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tipos(BTreeMap<TipoRef, Arc<Tipo>>);

impl Tipos {
    /// Adds or replaces one version.
    pub fn incluir(&mut self, tipo: Tipo) {
        self.0.insert(tipo.referencia(), Arc::new(tipo));
    }

    /// The version that a document pins.
    ///
    /// # Errors
    /// `tipo_desconhecido`.
    pub fn obter(&self, referencia: &TipoRef) -> Result<&Arc<Tipo>, Refusal> {
        self.0.get(referencia).ok_or_else(|| {
            let nome = format!("{} v{}", referencia.codigo, referencia.versao);
            Refusal::com(Codigo::TipoDesconhecido, [nome])
        })
    }

    /// The newest version of that name: what a new document is made with.
    ///
    /// # Errors
    /// `tipo_desconhecido`.
    pub fn atual(&self, codigo: &str) -> Result<&Arc<Tipo>, Refusal> {
        self.0
            .values()
            .rfind(|tipo| tipo.codigo == codigo)
            .ok_or_else(|| Refusal::com(Codigo::TipoDesconhecido, [codigo.to_owned()]))
    }

    /// The newest version of each tipo of the kind.
    pub fn do_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Tipo>> {
        self.0.values().filter(move |tipo| {
            tipo.kind == kind && self.atual(&tipo.codigo).is_ok_and(|atual| atual == *tipo)
        })
    }

    /// Every version.
    pub fn todos(&self) -> impl Iterator<Item = &Arc<Tipo>> {
        self.0.values()
    }
}

impl FromIterator<Tipo> for Tipos {
    fn from_iter<I: IntoIterator<Item = Tipo>>(tipos: I) -> Self {
        let mut todos = Tipos::default();
        tipos.into_iter().for_each(|tipo| todos.incluir(tipo));
        todos
    }
}
