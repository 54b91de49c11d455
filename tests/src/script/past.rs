//! Work on a record that is to come somewhere.

use super::Muse;
use campo_domain::{
    command::Command,
    fluxo::{Guarda, Quem, Transicao},
    parte::Colecao,
    registro::{Registro, TipoAnalise},
    tipo::Tipo,
};
use std::collections::BTreeMap;

impl Muse<'_> {
    /// The next thing to do on the way to that situação: what an edge still asks for, or the edge.
    /// `None` once it is there, or where no way leads.
    pub(crate) fn towards(
        &mut self,
        registro: &Registro,
        tipo: &Tipo,
        goal: &str,
    ) -> Option<Command> {
        let edge = first_edge(registro, tipo, goal)?;
        let first = self.fulfil(registro, tipo, edge);
        Some(first.unwrap_or_else(|| match edge.traz {
            Some(analise) => self.analysis(analise),
            None => self.request(edge),
        }))
    }

    /// What belongs to a record besides where it stands.
    pub fn on_the_way(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let actions = if tipo.acoes.is_empty() { 0 } else { 5 };
        let expenses = if tipo.despesas { 4 } else { 0 };
        match self.dice.weighted(&[2, actions, expenses, 2, 1]) {
            0 => self.analysis(TipoAnalise::Parcial),
            1 => self.in_office(registro, tipo),
            2 => {
                let em = Colecao::Despesas;
                Command::IncluirItem { em, item: self.part(registro.kind, em, tipo) }
            }
            3 => {
                let em = Colecao::Itens;
                Command::IncluirItem { em, item: self.part(registro.kind, em, tipo) }
            }
            _ => self.note(registro),
        }
    }
}

/// The first of the fewest edges that lead there, of those that the company's people may ask for.
fn first_edge<'a>(registro: &Registro, tipo: &'a Tipo, goal: &str) -> Option<&'a Transicao> {
    let here = registro.situacao(tipo)?.codigo.as_str();
    // What this record lacks another edge must bring first.
    let brought = |guarda: &Guarda| match guarda {
        Guarda::Laudo => !tipo.exige_laudo || registro.vigente(TipoAnalise::Laudo).is_some(),
        Guarda::Solucao => registro.vigente(TipoAnalise::Solucao).is_some(),
        Guarda::Parecer => registro.vigente(TipoAnalise::Parecer).is_some(),
        _ => true,
    };
    let edges = || tipo.fluxo.transicoes.iter().filter(|t| t.quem.contains(&Quem::Interno));
    let mut reached: BTreeMap<&str, &Transicao> = BTreeMap::new();
    let from = edges().filter(|t| t.de.iter().any(|de| de == here));
    for edge in from.filter(|edge| edge.para != here && edge.guardas.iter().all(brought)) {
        reached.entry(&edge.para).or_insert(edge);
    }
    while here != goal && !reached.contains_key(goal) {
        let further: Vec<_> = edges()
            .filter(|edge| edge.para != here && !reached.contains_key(edge.para.as_str()))
            .filter_map(|edge| {
                let first = edge.de.iter().find_map(|de| reached.get(de.as_str()))?;
                Some((edge.para.as_str(), *first))
            })
            .collect();
        if further.is_empty() {
            break;
        }
        reached.extend(further);
    }
    reached.get(goal).filter(|_| here != goal).copied()
}
