//! What administrators change while everybody works: what people may do, whether they are there,
//! and the reference data: tipos and catalogues.

use super::{World, machinery};
use crate::{
    checkers::{Checker, Violation, ensure},
    staff::{grupos, toggled},
};
use campo_domain::{
    fluxo::{Guarda, Quem},
    ids::UserId,
    kind::Kind,
    parte::CATEGORIAS_ANEXO,
    pessoa::{Permissao, Pessoa},
    tipo::{Indenizacao, Tipo},
};
use serde_json::{Value, json};
use std::sync::Arc;

impl World<'_> {
    /// One thing that an administrator changes.
    pub(super) fn administer(&mut self) -> Result<(), Violation> {
        match self.dice.weighted(&[9, 2, 3, 1, 2]) {
            0 => self.change_person(),
            1 => self.leave_or_return(),
            2 => self.new_version(),
            3 => self.withdraw_tipo(),
            _ => self.change_catalogue(),
        }
    }

    /// Somebody of the field mostly, or of the office; but never who administers it.
    fn anybody(&mut self) -> UserId {
        let office = &self.staff.office[1..];
        match self.dice.chance(1, 4) {
            true => office[self.dice.below(office.len())].id,
            false => self.staff.field[self.dice.below(self.staff.field.len())].id,
        }
    }

    /// Gives or takes a right, or moves somebody to other groups.
    fn change_person(&mut self) -> Result<(), Violation> {
        use Permissao::{Administrar, Aprovar, EmitirLaudo, Gerenciar, Ver, VerTodas};
        let usuario = self.anybody();
        let before = self.oracle.person(usuario);
        // Give `Ver` back soon: a person without it exercises nothing.
        let permissao = if !before.permissoes.contains(&Ver) {
            Some(Ver)
        } else if self.dice.chance(1, 3) {
            None
        } else {
            let some =
                [Ver, VerTodas, VerTodas, VerTodas, Gerenciar, EmitirLaudo, Aprovar, Administrar];
            Some(*self.dice.pick(&some))
        };
        let after = match permissao {
            Some(permissao) => {
                let permissoes = toggled(&before.permissoes, permissao);
                Pessoa { permissoes, ..before.clone() }
            }
            None => Pessoa { grupos: grupos(&mut self.dice), ..before.clone() },
        };
        if after == before {
            return Ok(());
        }
        let kind = match after.permissoes.len().cmp(&before.permissoes.len()) {
            std::cmp::Ordering::Greater => "office: permits",
            std::cmp::Ordering::Less => "office: forbids",
            std::cmp::Ordering::Equal => "office: groups",
        };
        self.put_person(kind, after)
    }

    /// Somebody leaves the company, or comes back: whoever is away does so soon.
    fn leave_or_return(&mut self) -> Result<(), Violation> {
        let all = self.people.iter().map(|id| self.oracle.person(*id));
        let away: Vec<Pessoa> = all.filter(|pessoa| !pessoa.ativo).collect();
        if !away.is_empty() && self.dice.chance(2, 3) {
            let pessoa = self.dice.pick(&away).clone();
            return self.put_person("office: brings back", Pessoa { ativo: true, ..pessoa });
        }
        let usuario = self.anybody();
        let pessoa = self.oracle.person(usuario);
        match pessoa.ativo {
            true => self.put_person("office: sends away", Pessoa { ativo: false, ..pessoa }),
            false => Ok(()),
        }
    }

    /// Everybody is there again.
    pub(super) fn all_return(&mut self) -> Result<(), Violation> {
        for usuario in self.people.clone() {
            let pessoa = self.oracle.person(usuario);
            if !pessoa.ativo {
                self.put_person("office: brings back", Pessoa { ativo: true, ..pessoa })?;
            }
        }
        Ok(())
    }

    fn put_person(&mut self, kind: &'static str, after: Pessoa) -> Result<(), Violation> {
        let Pessoa { nome, permissoes, ativo, grupos, .. } = &after;
        self.trace.event(kind, format_args!("{nome} {ativo} {permissoes:?} {grupos:?}"));
        self.oracle.change_person(after.clone());
        self.ledger.change(self.now, &after).map_err(machinery)?;
        self.read_log()
    }

    /// The newest version of some tipo.
    fn some_tipo(&mut self) -> Option<Arc<Tipo>> {
        let tipos = self.oracle.tipos();
        let all: Vec<Arc<Tipo>> =
            Kind::TODOS.iter().flat_map(|kind| tipos.do_kind(*kind)).cloned().collect();
        let moves = |tipo: &&Arc<Tipo>| !tipo.fluxo.transicoes.is_empty();
        let all: Vec<_> = all.iter().filter(moves).cloned().collect();
        (!all.is_empty()).then(|| self.dice.pick(&all).clone())
    }

    /// A tipo as the company wants it from now on: records that exist keep the one they have.
    fn new_version(&mut self) -> Result<(), Violation> {
        let Some(tipo) = self.some_tipo() else { return Ok(()) };
        let mut tipo = Tipo::clone(&tipo);
        tipo.versao += 1;
        match self.dice.below(5) {
            0 => {
                let (categoria, _) = *self.dice.pick(CATEGORIAS_ANEXO);
                tipo.min_fotos.insert(categoria.to_owned(), 1);
                for transicao in &mut tipo.fluxo.transicoes {
                    if !transicao.quem.contains(&Quem::Sistema) && self.dice.chance(1, 3) {
                        transicao.guardas.push(Guarda::Fotos);
                    }
                }
            }
            1 => {
                let names = tipo.kind.campos().iter().map(|campo| campo.nome);
                let form: Vec<&str> = names.filter(|nome| tipo.tem_campo(nome)).collect();
                let nome = (*self.dice.pick(&form)).to_owned();
                match tipo.obrigatorios.iter().position(|asked| *asked == nome) {
                    Some(place) => drop(tipo.obrigatorios.remove(place)),
                    None => tipo.obrigatorios.push(nome),
                }
            }
            2 => {
                let limite = self.dice.chance(2, 3).then(|| self.dice.range(0, 500_000));
                tipo.indenizacao = Some(Indenizacao { limite });
            }
            3 => {
                let some = [Permissao::Ver, Permissao::Gerenciar, Permissao::Aprovar];
                let place = self.dice.below(tipo.fluxo.transicoes.len());
                tipo.fluxo.transicoes[place].permissao = *self.dice.pick(&some);
            }
            _ => {
                tipo.despesas ^= true;
                tipo.permite_acao_corretiva ^= true;
                tipo.visivel_no_portal ^= true;
            }
        }
        match tipo.validar() {
            Ok(()) => self.publish_tipo("office: new version", &tipo, true),
            Err(_) => Ok(()), // The studio would say why, and publish nothing.
        }
    }

    /// Withdraws a tipo, or offers it again. Records that phones create with it before they know
    /// are accepted.
    fn withdraw_tipo(&mut self) -> Result<(), Violation> {
        let Some(tipo) = self.some_tipo() else { return Ok(()) };
        let key = ("tipo".to_owned(), key(&tipo));
        let offered = self.published.get(&key).is_none_or(|(offered, _)| *offered);
        let kind = if offered { "office: withdraws tipo" } else { "office: offers tipo again" };
        self.publish_tipo(kind, &tipo, !offered)
    }

    fn publish_tipo(
        &mut self,
        kind: &'static str,
        tipo: &Tipo,
        offered: bool,
    ) -> Result<(), Violation> {
        let data = serde_json::to_value(tipo).map_err(|error| machinery(error.into()))?;
        self.oracle.publish(tipo.clone());
        self.publish(kind, "tipo", &key(tipo), offered, data)
    }

    /// An entry of a catalogue comes, changes its name, or is withdrawn.
    fn change_catalogue(&mut self) -> Result<(), Violation> {
        let codigo = *self.dice.pick(&["cozinha", "sala", "vistoria"]);
        let offered = self.dice.chance(1, 2);
        let kind = if offered { "office: offers an entry" } else { "office: withdraws an entry" };
        let data = json!({ "nome": format!("{codigo} {}", self.dice.below(100)), "dados": {} });
        self.publish(kind, "ambiente", codigo, offered, data)
    }

    fn publish(
        &mut self,
        kind: &'static str,
        collection: &str,
        key: &str,
        offered: bool,
        data: Value,
    ) -> Result<(), Violation> {
        self.trace.event(kind, format_args!("{collection} {key}"));
        let done = self.ledger.publish(self.now, collection, key, offered, &data);
        done.map_err(machinery)?;
        self.published.insert((collection.to_owned(), key.to_owned()), (offered, data));
        self.read_log()
    }

    /// 1: at rest, every phone knows the reference data as it was published last.
    pub(super) fn check_references(&self) -> Result<(), Violation> {
        for device in &self.devices {
            for (usuario, account) in &device.accounts {
                let knows = |(key, said): &(&_, &_)| account.references.get(*key) == Some(*said);
                let wrong = self.published.iter().find(|entry| !knows(entry));
                ensure(wrong.is_none(), Checker::Convergence, || {
                    format!("at rest, {}'s phone does not know {wrong:?}", self.name(*usuario))
                })?;
            }
        }
        Ok(())
    }
}

fn key(tipo: &Tipo) -> String {
    format!("{}@{}", tipo.codigo, tipo.versao)
}
