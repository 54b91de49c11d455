//! A document as the rules see it: typed, complete, without CRDT. `sync::document` reads it out.

use crate::{
    fluxo::{Fase, Situacao},
    ids::{AnaliseId, DeviceId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    refusal::{Codigo, Refusal},
    tipo::{Tipo, TipoRef},
    valor::Valor,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Fields by name; a field that is not filled in has no entry.
pub type Campos = BTreeMap<String, Valor>;

/// Who wrote something, where, and what the device's clock said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Autoria {
    /// The person; [`UserId::SERVIDOR`] for the server itself.
    pub por: UserId,
    /// The device; [`DeviceId::ESCRITORIO`] for the office.
    pub em: DeviceId,
}

/// One product or service of a record (R20, R33).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its fields.
    pub campos: Campos,
    /// Removed logically.
    pub removido: bool,
}

/// What somebody wrote into the acompanhamento (R78).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nota {
    /// Its id.
    pub id: NotaId,
    /// Who.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// What.
    pub texto: String,
}

/// A request of transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pedido {
    /// Its id.
    pub id: PedidoId,
    /// Who.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// The transition asked for.
    pub verbo: String,
    /// Why, where it was given.
    pub motivo: Option<String>,
    /// What the server said, once it did.
    pub veredito: Option<Veredito>,
}

/// The server's verdict on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Veredito {
    /// Why not; `None` when it was done.
    pub recusa: Option<Refusal>,
    /// The situação before.
    pub de: String,
    /// The situação after (the same, when refused).
    pub para: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// A laudo (R71): immutable; in force once the request that brought it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Laudo {
    /// Its id.
    pub id: AnaliseId,
    /// The request that brings it.
    pub pedido: PedidoId,
    /// Who issued it.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
    /// Whether the complaint is founded.
    pub procedente: bool,
    /// The conclusion.
    pub conclusao: String,
}

/// One of several values that were written to a field without knowing of each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Versao {
    /// What was written.
    pub valor: Valor,
    /// By whom.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
}

/// A field that several people wrote at once (ff18). Writing it again settles the conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflito {
    /// The field; for an item's field `itens/ID/CAMPO`.
    pub campo: String,
    /// All that was written, the one that shows first.
    pub versoes: Vec<Versao>,
}

/// A document of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registro {
    /// Its id.
    pub id: DocumentId,
    /// Its kind.
    pub kind: Kind,
    /// The pinned tipo.
    pub tipo: TipoRef,
    /// Who made it.
    pub criacao: Autoria,
    /// When, by the clock of the device.
    pub criado_em: DateTime<Utc>,
    /// The number that the server minted.
    pub numero: Option<String>,
    /// The situação that the server wrote; `None` is the fluxo's initial one.
    pub situacao: Option<String>,
    /// Fields that are filled in.
    pub campos: Campos,
    /// People who take part besides the responsável (R4).
    pub participantes: BTreeSet<UserId>,
    /// Items, removed ones included.
    pub itens: BTreeMap<ItemId, Item>,
    /// Requests, in causal order.
    pub pedidos: Vec<Pedido>,
    /// Laudos, in causal order.
    pub laudos: Vec<Laudo>,
    /// Notes, in causal order.
    pub notas: Vec<Nota>,
    /// Fields with several values.
    pub conflitos: Vec<Conflito>,
}

impl Registro {
    /// The value of a field.
    pub fn valor(&self, campo: &str) -> &Valor {
        self.campos.get(campo).unwrap_or(&Valor::Nulo)
    }

    /// The id in a field.
    pub fn referencia(&self, campo: &str) -> Option<uuid::Uuid> {
        self.valor(campo).id()
    }

    /// The person responsible (R4).
    pub fn responsavel(&self) -> Option<UserId> {
        self.referencia("responsavel").map(UserId::from)
    }

    /// The record whose visibility this one shares: its assistência, else the ocorrência that an
    /// agenda serves, else itself. Set at creation and fixed.
    pub fn raiz(&self) -> DocumentId {
        self.referencia("assistencia")
            .or_else(|| self.referencia("ocorrencia"))
            .map_or(self.id, DocumentId::from)
    }

    /// Who is involved: creator, responsável, participantes.
    pub fn envolvidos(&self) -> BTreeSet<UserId> {
        let mut envolvidos = self.participantes.clone();
        envolvidos.insert(self.criacao.por);
        envolvidos.extend(self.responsavel());
        envolvidos
    }

    /// The situação in force, with its fase.
    pub fn situacao<'a>(&self, tipo: &'a Tipo) -> Option<&'a Situacao> {
        tipo.situacao(self.situacao.as_deref())
    }

    /// Whether work may still happen on it.
    pub fn aberto(&self, tipo: &Tipo) -> bool {
        self.situacao(tipo).is_none_or(|situacao| situacao.fase.aberta())
    }

    /// The fase in force.
    pub fn fase(&self, tipo: &Tipo) -> Fase {
        self.situacao(tipo).map_or(Fase::Fila, |situacao| situacao.fase)
    }

    /// The laudo in force: the last one whose request was accepted.
    pub fn laudo_vigente(&self) -> Option<&Laudo> {
        self.laudos.iter().rev().find(|laudo| {
            self.pedidos.iter().any(|pedido| {
                pedido.id == laudo.pedido
                    && pedido.veredito.as_ref().is_some_and(|v| v.recusa.is_none())
            })
        })
    }

    /// Requests that the server has not judged yet.
    pub fn pedidos_pendentes(&self) -> impl Iterator<Item = &Pedido> {
        self.pedidos.iter().filter(|pedido| pedido.veredito.is_none())
    }

    /// What always holds of a record, whoever edits it.
    ///
    /// # Errors
    /// `campos_obrigatorios` with every missing label, or `fim_antes_do_inicio`.
    pub fn verificar(&self, tipo: &Tipo) -> Result<(), Refusal> {
        let faltam: Vec<String> = tipo
            .obrigatorios
            .iter()
            .filter(|nome| self.valor(nome).vazio())
            .map(|nome| self.kind.campo(nome).map_or(nome.clone(), |c| c.rotulo.to_owned()))
            .collect();
        if !faltam.is_empty() {
            return Err(Refusal::com(Codigo::CamposObrigatorios, faltam));
        }
        let sem_produto = |item: &Item| item.campos.get("produto").is_none_or(Valor::vazio);
        if self.itens.values().any(|item| !item.removido && sem_produto(item)) {
            return Err(Self::sem_produto(self.kind));
        }
        match (self.valor("inicio").instante(), self.valor("fim").instante()) {
            (Some(inicio), Some(fim)) if fim < inicio => {
                Err(Refusal::new(Codigo::FimAntesDoInicio))
            }
            _ => Ok(()),
        }
    }

    /// An item without a product says nothing (R20, R33).
    pub(crate) fn sem_produto(kind: Kind) -> Refusal {
        let rotulo = kind.campo_item("produto").map_or("", |campo| campo.rotulo);
        Refusal::com(Codigo::CamposObrigatorios, [rotulo.to_owned()])
    }

    /// A short name for lists: what tells this record from its neighbours.
    pub fn titulo(&self) -> String {
        let campo = match self.kind {
            Kind::Assistencia => "situacao_alegada",
            Kind::Ocorrencia => "relato",
            Kind::Agenda => "assunto",
            Kind::Cliente => "nome",
        };
        let texto = self.valor(campo).texto().unwrap_or_default().trim();
        let linha = texto.lines().next().unwrap_or_default();
        let mut curto: String = linha.chars().take(120).collect();
        if curto.len() < texto.len() {
            curto.push('…');
        }
        curto
    }

    /// The label until the server has minted a number. Taken from the random end of the id, so that
    /// two devices cannot show the same one but by a chance of one in four thousand million.
    pub fn rotulo_provisorio(id: DocumentId) -> String {
        let texto = id.uuid().simple().to_string();
        format!("P-{}", texto[24..].to_uppercase())
    }

    /// Number, or the provisional label.
    pub fn rotulo(&self) -> String {
        self.numero.clone().unwrap_or_else(|| Self::rotulo_provisorio(self.id))
    }
}
