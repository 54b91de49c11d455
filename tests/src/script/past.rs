//! Commands that bring a record to a given situação.

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
    /// The next command on the way to that situação: something that the next transition still
    /// requires, or the transition itself. `None` once the record is there, or if it cannot get
    /// there.
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

    /// A command that adds something to a record without a transition.
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

/// The first transition of the shortest way there, using those that the company's people may
/// request.
fn first_edge<'a>(registro: &Registro, tipo: &'a Tipo, goal: &str) -> Option<&'a Transicao> {
    let here = registro.situacao(tipo)?.codigo.as_str();
    // A transition that requires an analysis comes only after the one that brings it.
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
