//! New documents, of any tipo that the company has.

use super::{Known, Muse};
use campo_domain::{
    command::Command, ids::DocumentId, kind::Kind, parte::Colecao, registro::Campos, tipo::Tipo,
    valor::Valor,
};
use chrono::TimeDelta;
use std::sync::Arc;

impl Muse<'_> {
    /// A new document of some kind.
    pub fn create(&mut self) -> Command {
        let weight = |kind: &Kind| match kind {
            Kind::Cliente => 1,
            Kind::Agenda => 2,
            Kind::Assistencia => 2,
            Kind::Ocorrencia => 5,
        };
        let tipos: Vec<Arc<Tipo>> =
            Kind::TODOS.iter().flat_map(|kind| self.tipos.do_kind(*kind)).cloned().collect();
        let of_kind = |kind: Kind| tipos.iter().filter(move |tipo| tipo.kind == kind);
        let kinds: Vec<Kind> =
            Kind::TODOS.into_iter().filter(|kind| of_kind(*kind).next().is_some()).collect();
        let weights: Vec<u32> = kinds.iter().map(weight).collect();
        let kind = kinds[self.dice.weighted(&weights)];
        let of_kind: Vec<&Arc<Tipo>> = of_kind(kind).collect();
        let tipo = (*self.dice.pick(&of_kind)).clone();
        self.create_of(&tipo)
    }

    /// A new document of this tipo.
    pub fn create_of(&mut self, tipo: &Tipo) -> Command {
        let id: DocumentId = self.id();
        let kind = tipo.kind;
        let mut campos = Campos::new();
        for campo in kind.campos() {
            if matches!(campo.nome, "assistencia" | "ocorrencia" | "inicio" | "fim") {
                continue;
            }
            let asked = tipo.obrigatorios.iter().any(|nome| nome == campo.nome);
            let wanted = match (asked, tipo.tem_campo(campo.nome)) {
                (true, _) => true,
                (false, true) => {
                    let n = if campo.nome == "responsavel" { 4 } else { 1 };
                    self.dice.chance(n, 8)
                }
                (false, false) => self.dice.chance(1, 400),
            };
            if wanted {
                let value = self.value(campo, tipo);
                campos.insert(campo.nome.to_owned(), value);
            }
        }
        self.ask_for_the_rest(&mut campos, tipo);
        self.hang(&mut campos, tipo);
        let mut itens = Vec::new();
        if kind == Kind::Ocorrencia && self.dice.chance(1, 2) {
            itens.push(self.part(kind, Colecao::Itens, tipo));
        }
        Command::Criar { id, kind, tipo: tipo.referencia(), campos, itens }
    }

    /// Mostly fills in the fields that become required by the value of another field.
    fn ask_for_the_rest(&mut self, campos: &mut Campos, tipo: &Tipo) {
        for (nome, by_value) in &tipo.obrigatorios_por {
            let said = campos.get(nome).and_then(Valor::texto).unwrap_or_default().to_owned();
            for nome in by_value.get(&said).into_iter().flatten() {
                let campo = tipo.kind.campo(nome).filter(|_| !self.dice.chance(1, 30));
                if let Some(campo) = campo.filter(|_| !campos.contains_key(nome)) {
                    let value = self.value(campo, tipo);
                    campos.insert(nome.clone(), value);
                }
            }
        }
    }

    /// As a client in the portal opens a case.
    pub fn create_as_client(&mut self) -> Option<Command> {
        let shown = self.tipos.do_kind(Kind::Ocorrencia).filter(|tipo| tipo.visivel_no_portal);
        let shown: Vec<Arc<Tipo>> = shown.cloned().collect();
        if shown.is_empty() {
            return None;
        }
        let tipo = self.dice.pick(&shown).clone();
        let mut command = self.create_of(&tipo);
        if let Command::Criar { campos, itens, .. } = &mut command
            && !self.dice.chance(1, 6)
        {
            itens.clear();
            let theirs = |nome: &String| tipo.portal_campos.contains(nome);
            campos.retain(|nome, _| theirs(nome));
            if !tipo.portal_campos.iter().any(|nome| nome == "cliente") {
                campos.insert("cliente".into(), Valor::Id(self.client.uuid()));
            }
        }
        Some(command)
    }

    /// What the new document is part of.
    fn hang(&mut self, campos: &mut Campos, tipo: &Tipo) {
        match tipo.kind {
            Kind::Ocorrencia if tipo.tem_campo("assistencia") => {
                let asked = tipo.obrigatorios.iter().any(|nome| nome == "assistencia");
                let parent = self.document(Kind::Assistencia).map(|(id, _)| id.uuid());
                if let Some(parent) = parent.or_else(|| asked.then(|| self.dice.uuid(self.at))) {
                    campos.insert("assistencia".into(), Valor::Id(parent));
                }
            }
            Kind::Agenda => {
                self.serve(campos);
                let inicio = self.at + TimeDelta::hours(self.dice.range(-3, 30));
                campos.insert("inicio".into(), Valor::Instante(inicio));
                campos.insert("fim".into(), Valor::Instante(inicio + TimeDelta::hours(2)));
            }
            _ => {}
        }
    }

    /// What an agenda is for: an assistência, perhaps one of its ocorrências, or nothing.
    fn serve(&mut self, campos: &mut Campos) {
        let kind = if self.dice.chance(1, 2) { Kind::Assistencia } else { Kind::Ocorrencia };
        let Some((id, known)) = self.document(kind) else { return };
        let Known { assistencia, .. } = known;
        let assistencia = if kind == Kind::Assistencia { Some(id) } else { assistencia };
        // Sometimes what no screen offers: a parent of the wrong kind, or none.
        match self.dice.below(30) {
            0 => {
                campos.insert("assistencia".into(), Valor::Id(id.uuid()));
                return;
            }
            1 => {
                campos.insert("ocorrencia".into(), Valor::Id(id.uuid()));
                return;
            }
            _ => {}
        }
        if let Some(assistencia) = assistencia {
            campos.insert("assistencia".into(), Valor::Id(assistencia.uuid()));
        }
        if kind == Kind::Ocorrencia {
            campos.insert("ocorrencia".into(), Valor::Id(id.uuid()));
        }
    }
}
