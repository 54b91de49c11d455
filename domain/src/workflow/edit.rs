//! What a person writes into a record that exists: fields, parts, people, notes.

use super::{
    create::new_part,
    limits::{ITENS_MAX, NOTAS_MAX, PARTICIPANTES_MAX, room_for_one, valid_text},
};
use crate::{
    command::NovoItem,
    ids::{ItemId, NotaId},
    invariantes,
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::{Registro, Visibilidade},
    texto,
    tipo::Tipo,
    valor::Valor,
};

/// A record and who wants to write into it.
#[derive(Clone, Copy)]
pub(super) struct Edit<'a> {
    pub(super) registro: &'a Registro,
    pub(super) tipo: &'a Tipo,
    pub(super) pessoa: &'a Pessoa,
}

impl Edit<'_> {
    /// Whether the person may write that part of the record now.
    pub(super) fn may(self, parte: Parte) -> Result<(), Refusal> {
        policy::pode_alterar_registro(self.pessoa, self.registro, self.tipo, parte)
    }

    /// Whether the record would be no worse with the change.
    fn no_worse(self, change: impl FnOnce(&mut Registro)) -> Result<(), Refusal> {
        let mut after = self.registro.clone();
        change(&mut after);
        invariantes::piora(self.registro, &after, self.tipo)
    }

    /// Writes a field; `longo` says whether the command is the one for long texts.
    pub(super) fn field(self, nome: &str, valor: &Valor, longo: bool) -> Result<(), Refusal> {
        let campo = self.registro.kind.campo(nome).filter(|campo| campo.longo() == longo);
        let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        self.may(Parte::Campo(campo))?;
        campo.validar(valor)?;
        self.no_worse(|after| {
            after.campos.insert(nome.to_owned(), valor.clone());
        })
    }

    /// Whether the person saw what stands there now, or wants what stands there already.
    pub(super) fn unseen(
        self,
        nome: &str,
        now: &Valor,
        wanted: &Valor,
        seen: Option<&Valor>,
    ) -> Result<(), Refusal> {
        let same = |a: &Valor, b: &Valor| a == b || (a.vazio() && b.vazio());
        match seen.is_none_or(|seen| same(seen, now) || same(wanted, now)) {
            true => Ok(()),
            false => Err(Refusal::with(Codigo::ValorMudou, [self.tipo.rotulo(nome).to_owned()])),
        }
    }

    /// Changes a long text from what the person saw. What others changed meanwhile stays, unless it
    /// is in the same place: then the person decides (ADR 0020).
    pub(super) fn text(self, nome: &str, de: &str, para: &str) -> Result<(), Refusal> {
        let agora = self.registro.valor(nome).texto().unwrap_or_default();
        let in_conflict = || self.registro.conflitos.iter().any(|c| c.campo == nome);
        let joined = match agora == de {
            true => Some(para.to_owned()),
            false => texto::juntar(de, agora, para).filter(|_| !in_conflict()),
        };
        match joined {
            Some(joined) => self.field(nome, &Valor::Texto(joined), true),
            None => {
                let rotulo = self.tipo.rotulo(nome).to_owned();
                Err(Refusal::with(Codigo::TextoMudou, [rotulo]))
            }
        }
    }

    /// Adds a part.
    pub(super) fn add_part(self, em: Colecao, item: &NovoItem) -> Result<(), Refusal> {
        let Edit { registro, tipo, pessoa } = self;
        self.may(Parte::Item(em))?;
        if registro.colecao(em).contains_key(&item.id) {
            return Err(Refusal::new(Codigo::IdEmUso));
        }
        room_for_one(registro.colecao(em).len(), ITENS_MAX, em.codigo())?;
        let part = new_part(registro.kind, em, item, pessoa, tipo)?;
        for nome in item.campos.keys() {
            let campo = registro.kind.campo_de(em, nome);
            if let Some(campo) = campo.filter(|campo| !em.vem_inteiro(campo)) {
                self.may(Parte::CampoItem(em, campo))?;
            }
        }
        self.no_worse(|after| {
            after.colecao_mut(em).insert(item.id, part);
        })
    }

    /// Writes a field of a part.
    pub(super) fn part_field(
        self,
        em: Colecao,
        item: ItemId,
        nome: &str,
        valor: &Valor,
    ) -> Result<(), Refusal> {
        self.living_part(em, item)?;
        let campo = self.registro.kind.campo_de(em, nome);
        let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        self.may(Parte::CampoItem(em, campo))?;
        campo.validar(valor)?;
        self.no_worse(|after| {
            if let Some(part) = after.colecao_mut(em).get_mut(&item) {
                part.campos.insert(nome.to_owned(), valor.clone());
            }
        })
    }

    /// Removes a part.
    pub(super) fn remove_part(self, em: Colecao, item: ItemId) -> Result<(), Refusal> {
        self.may(Parte::Remocao(em))?;
        self.living_part(em, item)?;
        self.no_worse(|after| {
            if let Some(part) = after.colecao_mut(em).get_mut(&item) {
                part.removido = true;
            }
        })
    }

    fn living_part(self, em: Colecao, item: ItemId) -> Result<(), Refusal> {
        match self.registro.colecao(em).get(&item) {
            Some(item) if !item.removido => Ok(()),
            _ => Err(Refusal::new(Codigo::ItemInexistente)),
        }
    }

    /// Adds or removes a participante.
    pub(super) fn participante(self, adds: bool) -> Result<(), Refusal> {
        self.may(Parte::Participante)?;
        if adds {
            room_for_one(self.registro.participantes.len(), PARTICIPANTES_MAX, "participantes")?;
        }
        Ok(())
    }

    /// Adds or removes an interessado.
    pub(super) fn interessado(self, adds: bool) -> Result<(), Refusal> {
        self.may(Parte::Interessado)?;
        if adds {
            room_for_one(self.registro.interessados.len(), PARTICIPANTES_MAX, "interessados")?;
        }
        Ok(())
    }

    /// Writes a note.
    pub(super) fn note(
        self,
        id: NotaId,
        texto: &str,
        visibilidade: Visibilidade,
        resposta_a: Option<NotaId>,
    ) -> Result<(), Refusal> {
        self.may(match visibilidade {
            Visibilidade::Interna => Parte::Nota,
            Visibilidade::Cliente => Parte::NotaAoCliente,
        })?;
        valid_text(texto, "Acompanhamento")?;
        let notas = &self.registro.notas;
        room_for_one(notas.len(), NOTAS_MAX, "anotações")?;
        let found = |id| notas.iter().find(|nota| nota.id == id);
        if found(id).is_some() {
            return Err(Refusal::new(Codigo::IdEmUso));
        }
        // A client answers only notes that were written to the client.
        let readable =
            |id| found(id).is_some_and(|nota| nota.visibilidade == Visibilidade::Cliente);
        if self.pessoa.portal() && !resposta_a.is_none_or(readable) {
            return Err(Refusal::with(Codigo::ValorInvalido, ["Acompanhamento".to_owned()]));
        }
        Ok(())
    }
}
