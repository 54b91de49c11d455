//! Whether a tipo can work: everything that it names exists, every number is within bounds, and its
//! fluxo leads somewhere. Asked where a tipo is read: of a preset, or of what a company writes.

use super::{Leitura, Tipo};
use crate::{
    analise::TipoAnalise,
    fluxo::{CamposEditaveis, FluxoInvalido, Guarda, Quem, Uso},
    kind::Kind,
    parte::{CATEGORIAS_ANEXO, Colecao::Itens},
    valor::TipoCampo,
};
use std::collections::BTreeSet;

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

impl Tipo {
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
        self.listas()?;
        self.escolhas()?;
        self.exigencias()?;
        self.transicoes()
    }

    fn conferir(
        &self,
        onde: &'static str,
        desconhecido: Option<String>,
    ) -> Result<(), TipoInvalido> {
        desconhecido.map_or(Ok(()), |nome| Err(self.inexistente(onde, &nome)))
    }

    /// The lists of fields: what the form has, what is required, what a client reads, what fields
    /// are called.
    fn listas(&self) -> Result<(), TipoInvalido> {
        let kind = self.kind;
        let falta = |nomes: &[String]| nomes.iter().find(|n| kind.campo(n).is_none()).cloned();
        let falta_item =
            |nomes: &[String]| nomes.iter().find(|n| kind.campo_de(Itens, n).is_none()).cloned();
        self.conferir("obrigatorios", falta(&self.obrigatorios))?;
        self.conferir("formulario", falta(&self.formulario))?;
        self.conferir("formulario_itens", falta_item(&self.formulario_itens))?;
        self.conferir("portal_campos", falta(&self.portal_campos))?;
        let fora = self.obrigatorios.iter().find(|campo| !self.tem_campo(campo));
        self.conferir("obrigatorios (fora do formulario)", fora.cloned())?;
        let lidos = self.portal_leitura.iter().map(Leitura::campo);
        let desconhecido = lidos.into_iter().find(|nome| kind.campo(nome).is_none());
        self.conferir("portal_leitura", desconhecido.map(str::to_owned))?;
        let situacoes = self.portal_leitura.iter().flat_map(|leitura| match leitura {
            Leitura::Sempre(_) => &[][..],
            Leitura::NasSituacoes { situacoes, .. } => situacoes,
        });
        let desconhecida = situacoes.into_iter().find(|s| self.fluxo.situacao(s).is_none());
        self.conferir("portal_leitura", desconhecida.cloned())?;
        let sem_campo = |nome: &&String| kind.campo(nome).is_none() && *nome != "anexos";
        self.conferir("orientacoes", self.orientacoes.keys().find(sem_campo).cloned())?;
        self.conferir("rotulos", self.rotulos.keys().find(sem_campo).cloned())
    }

    /// What is said by choice, category or situação.
    fn escolhas(&self) -> Result<(), TipoInvalido> {
        let kind = self.kind;
        let escolha = |nome: &str, opcao: &str| match kind.campo(nome).map(|campo| campo.tipo) {
            Some(TipoCampo::Escolha(opcoes)) => opcoes.iter().any(|(codigo, _)| *codigo == opcao),
            _ => false,
        };
        for (campo, por_valor) in &self.obrigatorios_por {
            let valor = por_valor.keys().find(|valor| !escolha(campo, valor));
            self.conferir("obrigatorios_por", valor.map(|valor| format!("{campo}={valor}")))?;
            let fora = por_valor.values().flatten().find(|nome| !self.existe(nome));
            self.conferir("obrigatorios_por", fora.cloned())?;
        }
        let modalidade = self.modalidades.iter().find(|m| !escolha("modalidade", m));
        self.conferir("modalidades", modalidade.cloned())?;
        let prioridades = self.categorias.iter().map(|categoria| &categoria.prioridade);
        let desconhecida = prioridades.into_iter().find(|p| !escolha("prioridade", p));
        self.conferir("categorias.prioridade", desconhecida.cloned())?;
        let foto = |nome: &str| CATEGORIAS_ANEXO.iter().any(|(codigo, _)| *codigo == nome);
        self.conferir("min_fotos", self.min_fotos.keys().find(|nome| !foto(nome)).cloned())?;
        let etapa = self.prazos.keys().find(|nome| self.fluxo.situacao(nome).is_none());
        self.conferir("prazos", etapa.cloned())
    }

    /// What actions and situações ask for.
    fn exigencias(&self) -> Result<(), TipoInvalido> {
        let kind = self.kind;
        for acao in &self.acoes {
            let conhecido = |nome: &str| match nome.strip_prefix("itens.") {
                Some(nome) => kind.campo_de(Itens, nome).is_some() && self.tem_campo_item(nome),
                None => nome == "itens" || self.existe(nome),
            };
            let exigidos = acao.exige.iter().find(|nome| !conhecido(nome));
            self.conferir("acoes.exige", exigidos.cloned())?;
            let valores = acao.exige_valor.keys().find(|nome| kind.campo(nome).is_none());
            self.conferir("acoes.exige_valor", valores.cloned())?;
        }
        for situacao in &self.fluxo.situacoes {
            let fora = situacao.exige.iter().find(|nome| !self.existe(nome));
            self.conferir("situacoes.exige", fora.cloned())?;
            let CamposEditaveis::Apenas(nomes) = &situacao.campos_editaveis else { continue };
            let conhecido =
                |nome: &str| PARTES_EDITAVEIS.contains(&nome) || kind.campo(nome).is_some();
            self.conferir("campos_editaveis", nomes.iter().find(|n| !conhecido(n)).cloned())?;
        }
        Ok(())
    }

    /// What transitions bring, and what their guards name.
    fn transicoes(&self) -> Result<(), TipoInvalido> {
        // An analysis that asks for a transition gives no reason but itself.
        let muda = self.fluxo.transicoes.iter().find(|transicao| {
            transicao.traz == Some(TipoAnalise::Parcial)
                || (transicao.traz.is_some() && transicao.guardas.contains(&Guarda::Motivo))
        });
        self.conferir("transicoes.traz", muda.map(|transicao| transicao.verbo.clone()))?;
        for guarda in self.fluxo.transicoes.iter().flat_map(|t| &t.guardas) {
            let (categorias, campos): (&[String], &[String]) = match guarda {
                Guarda::Categoria(nomes) | Guarda::CategoriaExceto(nomes) => (nomes, &[]),
                Guarda::Campos(nomes) => (&[], nomes),
                Guarda::CamposDaCategoria { categorias, campos } => (categorias, campos),
                _ => continue,
            };
            let desconhecida = categorias.iter().find(|c| self.categoria(c).is_none());
            self.conferir("guardas", desconhecida.cloned())?;
            self.conferir("guardas", campos.iter().find(|nome| !self.existe(nome)).cloned())?;
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
