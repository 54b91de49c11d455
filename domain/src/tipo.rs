//! A tipo is a set of switches over a fluxo. Versioned: a document pins the version it was made
//! with.

pub mod validade;

use crate::{
    fluxo::{Fase, Fluxo, Situacao},
    kind::Kind,
    pessoa::Permissao,
    refusal::{Codigo, Refusal},
    valor::Campo,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

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
    /// Stable name, which the ERP is sent.
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

impl<F> Tipo<F> {
    /// The same tipo with another view of its fluxo.
    pub(crate) fn com_fluxo<G>(self, fluxo: G) -> Tipo<G> {
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
    pub(crate) fn aceita_escolha(&self, campo: &str, codigo: &str) -> bool {
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
            Refusal::with(Codigo::TipoDesconhecido, [nome])
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
            .ok_or_else(|| Refusal::with(Codigo::TipoDesconhecido, [codigo.to_owned()]))
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
