//! Who works in the simulated company: technicians, people who see everything, the office; and a
//! client of it.

use crate::dice::Dice;
use campo_domain::{
    ids::{DocumentId, UserId},
    pessoa::{Permissao, Permissoes, Pessoa},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// The groups that restrictions name (R86).
pub(crate) const GRUPOS: [&str; 2] = ["norte", "sul"];

/// The people of one company.
#[derive(Clone, Debug)]
pub struct Staff {
    /// People with a phone.
    pub field: Vec<Pessoa>,
    /// People in the office.
    pub office: Vec<Pessoa>,
    /// A client's login: no phone, only the portal (R23).
    pub client: Pessoa,
}

impl Staff {
    /// So many people with a phone, and two in the office.
    pub(crate) fn hire(dice: &mut Dice, at: DateTime<Utc>, field: usize) -> Self {
        use Permissao::{Administrar, Aprovar, EmitirLaudo, Gerenciar, Portal, Ver, VerTodas};
        let roles: [(&str, &[Permissao]); 6] = [
            ("ana", &[Ver]),
            ("bia", &[Ver]),
            ("caio", &[Ver, VerTodas, Gerenciar]),
            ("davi", &[Ver, EmitirLaudo]),
            ("edu", &[Ver, VerTodas]),
            ("flora", &[Ver, Gerenciar, Aprovar]),
        ];
        let field = roles.iter().cycle().take(field);
        let field = field.map(|(nome, p)| person(dice, at, nome, p)).collect();
        let office = vec![
            person(
                dice,
                at,
                "rita",
                &[Ver, VerTodas, Gerenciar, EmitirLaudo, Aprovar, Administrar],
            ),
            person(dice, at, "saul", &[Ver, VerTodas, Gerenciar]),
        ];
        let mut client = person(dice, at, "zeca", &[Portal]);
        client.grupos.clear();
        client.cliente = Some(DocumentId::from(dice.uuid(at)));
        Staff { field, office, client }
    }

    /// Everybody.
    pub fn all(&self) -> Vec<Pessoa> {
        self.field.iter().chain(&self.office).chain([&self.client]).cloned().collect()
    }

    /// The ids of everybody who works here.
    pub fn ids(&self) -> Vec<UserId> {
        self.field.iter().chain(&self.office).map(|pessoa| pessoa.id).collect()
    }

    /// What people call this person.
    pub fn name(&self, id: UserId) -> &str {
        let mut all = self.field.iter().chain(&self.office).chain([&self.client]);
        all.find(|pessoa| pessoa.id == id).map_or("?", |pessoa| &pessoa.nome)
    }
}

fn person(dice: &mut Dice, at: DateTime<Utc>, nome: &str, permissoes: &[Permissao]) -> Pessoa {
    Pessoa {
        id: dice.uuid(at).into(),
        nome: nome.to_owned(),
        permissoes: permissoes.iter().copied().collect(),
        ativo: true,
        grupos: grupos(dice),
        filial: None,
        cliente: None,
    }
}

/// Some of the groups, or none.
pub fn grupos(dice: &mut Dice) -> BTreeSet<String> {
    GRUPOS.iter().filter(|_| dice.chance(1, 3)).map(|grupo| (*grupo).to_owned()).collect()
}

/// The set with the permission added or taken away.
pub(crate) fn toggled(permissoes: &Permissoes, permissao: Permissao) -> Permissoes {
    let mut toggled = permissoes.clone();
    if !toggled.remove(&permissao) {
        toggled.insert(permissao);
    }
    toggled
}
