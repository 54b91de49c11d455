//! Who works in the simulated company: technicians, people who see everything, and the office.

use crate::dice::Dice;
use campo_domain::{
    ids::UserId,
    pessoa::{Permissao, Permissoes, Pessoa},
};
use chrono::{DateTime, Utc};

/// The people of one company.
#[derive(Clone, Debug)]
pub struct Staff {
    /// People with a phone.
    pub field: Vec<Pessoa>,
    /// People in the office.
    pub office: Vec<Pessoa>,
}

impl Staff {
    /// So many people with a phone, and two in the office.
    pub fn hire(dice: &mut Dice, at: DateTime<Utc>, field: usize) -> Self {
        use Permissao::{Administrar, Aprovar, EmitirLaudo, Gerenciar, Ver, VerTodas};
        let mut person = |nome: &str, permissoes: &[Permissao]| Pessoa {
            id: dice.uuid(at).into(),
            nome: nome.to_owned(),
            permissoes: permissoes.iter().copied().collect(),
            ativo: true,
        };
        let roles: [(&str, &[Permissao]); 6] = [
            ("ana", &[Ver]),
            ("bia", &[Ver]),
            ("caio", &[Ver, VerTodas, Gerenciar]),
            ("davi", &[Ver, EmitirLaudo]),
            ("edu", &[Ver, VerTodas]),
            ("flora", &[Ver, Gerenciar, Aprovar]),
        ];
        let field = roles.iter().cycle().take(field).map(|(nome, p)| person(nome, p)).collect();
        let office = vec![
            person("rita", &[Ver, VerTodas, Gerenciar, EmitirLaudo, Aprovar, Administrar]),
            person("saul", &[Ver, VerTodas, Gerenciar]),
        ];
        Staff { field, office }
    }

    /// Everybody.
    pub fn all(&self) -> Vec<Pessoa> {
        self.field.iter().chain(&self.office).cloned().collect()
    }

    /// The ids of everybody.
    pub fn ids(&self) -> Vec<UserId> {
        self.field.iter().chain(&self.office).map(|pessoa| pessoa.id).collect()
    }

    /// What people call this person.
    pub fn name(&self, id: UserId) -> &str {
        let mut all = self.field.iter().chain(&self.office);
        all.find(|pessoa| pessoa.id == id).map_or("?", |pessoa| &pessoa.nome)
    }
}

/// The set with the permission added or taken away.
pub fn toggled(permissoes: &Permissoes, permissao: Permissao) -> Permissoes {
    let mut toggled = permissoes.clone();
    if !toggled.remove(&permissao) {
        toggled.insert(permissao);
    }
    toggled
}
