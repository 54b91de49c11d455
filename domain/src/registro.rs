//! A document as the rules see it: typed, complete, without CRDT. `sync::document` reads it out.

mod acompanhamento;
mod partes;
mod servidor;

use crate::{
    fluxo::{Fase, Situacao},
    ids::{DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    tipo::{Tipo, TipoRef},
    valor::Valor,
};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub use crate::{
    analise::{Analise, TipoAnalise},
    ids::Autoria,
};
pub use acompanhamento::{Nota, Pedido, Veredito, Visibilidade};
pub use partes::{Campos, Item, Partes};
pub use servidor::{Acao, Arquivo, Corretiva, Restricao, SituacaoAcao, SituacaoArquivo};

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
    /// The field; for a part's field `COLECAO/ID/CAMPO`.
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
    /// When it first arrived, by the server's clock; `None` until then.
    pub recebido_em: Option<DateTime<Utc>>,
    /// The number that the server minted.
    pub numero: Option<String>,
    /// The situação that the server wrote; `None` is the fluxo's initial one.
    pub situacao: Option<String>,
    /// Fields that are filled in.
    pub campos: Campos,
    /// People who take part besides the responsável (R4).
    pub participantes: BTreeSet<UserId>,
    /// People who are told of its opening and its conclusion (R87).
    pub interessados: BTreeSet<UserId>,
    /// Items.
    pub itens: Partes,
    /// Expenses.
    pub despesas: Partes,
    /// Files.
    pub anexos: Partes,
    /// Links.
    pub vinculos: Partes,
    /// Requests, in causal order.
    pub pedidos: Vec<Pedido>,
    /// Analyses, in causal order.
    pub analises: Vec<Analise>,
    /// Notes, in causal order.
    pub notas: Vec<Nota>,
    /// Intents for the ERP, in the order of their asking.
    pub acoes: Vec<Acao>,
    /// Who may see it, where that is restricted.
    pub restricao: Option<Restricao>,
    /// Who restricted or freed it last.
    pub restricao_por: Option<UserId>,
    /// Corrective actions that it belongs to.
    pub corretivas: Vec<Corretiva>,
    /// The state of the bytes of its files, as the server wrote it; no entry for files of which the
    /// server has no bytes yet.
    pub arquivos: BTreeMap<ItemId, Arquivo>,
    /// Fields with several values.
    pub conflitos: Vec<Conflito>,
    /// Long texts that several wrote at once and whose changes joined, with what each wrote (ADR
    /// 0020). The field has the joined text.
    pub juncoes: Vec<Conflito>,
}

impl Registro {
    /// A new record, which has only its fields.
    pub fn novo(id: DocumentId, tipo: &Tipo, criacao: Autoria, campos: Campos) -> Self {
        Registro {
            id,
            kind: tipo.kind,
            tipo: tipo.referencia(),
            criacao,
            criado_em: DateTime::UNIX_EPOCH,
            recebido_em: None,
            numero: None,
            situacao: None,
            campos,
            participantes: BTreeSet::new(),
            interessados: BTreeSet::new(),
            itens: Partes::new(),
            despesas: Partes::new(),
            anexos: Partes::new(),
            vinculos: Partes::new(),
            pedidos: Vec::new(),
            analises: Vec::new(),
            notas: Vec::new(),
            acoes: Vec::new(),
            restricao: None,
            restricao_por: None,
            corretivas: Vec::new(),
            arquivos: BTreeMap::new(),
            conflitos: Vec::new(),
            juncoes: Vec::new(),
        }
    }

    /// The value of a field.
    pub fn valor(&self, campo: &str) -> &Valor {
        self.campos.get(campo).unwrap_or(&Valor::Nulo)
    }

    /// The id in a field.
    pub fn referencia(&self, campo: &str) -> Option<uuid::Uuid> {
        self.valor(campo).id()
    }

    /// The parts of a collection.
    pub const fn colecao(&self, colecao: Colecao) -> &Partes {
        match colecao {
            Colecao::Itens => &self.itens,
            Colecao::Despesas => &self.despesas,
            Colecao::Anexos => &self.anexos,
            Colecao::Vinculos => &self.vinculos,
        }
    }

    /// The parts of a collection, to write.
    pub const fn colecao_mut(&mut self, colecao: Colecao) -> &mut Partes {
        match colecao {
            Colecao::Itens => &mut self.itens,
            Colecao::Despesas => &mut self.despesas,
            Colecao::Anexos => &mut self.anexos,
            Colecao::Vinculos => &mut self.vinculos,
        }
    }

    /// The parts of a collection that were not removed.
    pub fn vivos(&self, colecao: Colecao) -> impl Iterator<Item = (&ItemId, &Item)> {
        self.colecao(colecao).iter().filter(|(_, parte)| !parte.removido)
    }

    /// How far the bytes of a file have come.
    pub fn arquivo(&self, anexo: &ItemId) -> SituacaoArquivo {
        self.arquivos.get(anexo).map_or(SituacaoArquivo::Esperada, |arquivo| arquivo.situacao)
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

    /// The priority: its own, else that of its category (R27).
    pub fn prioridade<'a>(&'a self, tipo: &'a Tipo) -> Option<&'a str> {
        let categoria = || tipo.categoria(self.valor("categoria").texto()?);
        let propria = self.valor("prioridade").texto();
        propria.or_else(|| categoria().map(|categoria| categoria.prioridade.as_str()))
    }

    /// The analysis of that type in force: the last one whose request was accepted, or the last
    /// partial one.
    pub fn vigente(&self, tipo: TipoAnalise) -> Option<&Analise> {
        self.analises.iter().rev().find(|analise| {
            let aceito = |id| {
                self.pedidos.iter().any(|pedido| {
                    pedido.id == id && pedido.veredito.as_ref().is_some_and(|v| v.recusa.is_none())
                })
            };
            analise.tipo == tipo && analise.pedido.is_none_or(aceito)
        })
    }

    /// Whether every item, or the record where there are not several, was said to be founded or not
    /// (R62).
    pub fn procedencia_completa(&self) -> bool {
        let disse = |valor: &Valor| !valor.vazio();
        let itens: Vec<&Item> = self.vivos(Colecao::Itens).map(|(_, item)| item).collect();
        let de_todos =
            !itens.is_empty() && itens.iter().all(|item| disse(item.valor("procedencia")));
        de_todos || (itens.len() < 2 && disse(self.valor("procedencia")))
    }

    /// Whether the record says otherwise than its items, each of which was judged: a case is
    /// founded where some item is (R62).
    pub fn procedencia_contraditoria(&self) -> bool {
        let procedente = |valor: &Valor| valor.texto() == Some("procedente");
        let do_registro = self.valor("procedencia");
        let itens = self.vivos(Colecao::Itens).map(|(_, item)| item.valor("procedencia"));
        let itens: Vec<&Valor> = itens.collect();
        let ditas = !itens.is_empty() && !itens.iter().any(|valor| valor.vazio());
        let algum = itens.iter().any(|valor| procedente(valor));
        ditas && !do_registro.vazio() && procedente(do_registro) != algum
    }

    /// Requests that were done, in order, each with its verdict.
    pub fn feitos(&self) -> impl DoubleEndedIterator<Item = (&Pedido, &Veredito)> {
        self.pedidos.iter().filter_map(|pedido| {
            let veredito = pedido.veredito.as_ref().filter(|v| v.recusa.is_none())?;
            Some((pedido, veredito))
        })
    }

    /// Whether it was ever concluded (R67).
    pub fn ja_concluido(&self, tipo: &Tipo) -> bool {
        let concluido =
            |codigo: &str| tipo.fluxo.situacao(codigo).is_some_and(|s| s.fase == Fase::Concluido);
        self.feitos().any(|(_, veredito)| concluido(&veredito.para))
    }

    /// When it came into its present situação, by the server's clock.
    pub fn etapa_desde(&self) -> Option<DateTime<Utc>> {
        // Not by order: requests of several people are not judged in the order of their writing.
        self.feitos().map(|(_, veredito)| veredito.quando).max().or(self.recebido_em)
    }

    /// Until when it may stay there (R70).
    pub fn etapa_ate(&self, tipo: &Tipo) -> Option<DateTime<Utc>> {
        let dias = tipo.prazos.get(&self.situacao(tipo)?.codigo)?;
        self.etapa_desde()?.checked_add_signed(Duration::days(i64::from(*dias)))
    }

    /// When the server ends the wait for the client, if nothing moves after this instant (R54).
    pub fn inativo_em(&self, tipo: &Tipo, movimento: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let dias = tipo.dias_inatividade.filter(|_| self.fase(tipo) == Fase::EsperaCliente)?;
        movimento.checked_add_signed(Duration::days(i64::from(dias)))
    }

    /// The situação that a client is shown: the last one that is not internal (R52).
    pub fn situacao_do_cliente<'a>(&self, tipo: &'a Tipo) -> Option<&'a Situacao> {
        let atual = self.situacao(tipo)?;
        if atual.visivel_cliente {
            return Some(atual);
        }
        let mut passadas: Vec<_> = self.feitos().map(|(_, v)| (v.quando, v.de.as_str())).collect();
        passadas.sort_by_key(|(quando, _)| *quando);
        let passadas = passadas.into_iter().rev().filter_map(|(_, de)| tipo.fluxo.situacao(de));
        let mut visiveis = passadas.chain(tipo.situacao(None)).filter(|s| s.visivel_cliente);
        visiveis.next()
    }

    /// Requests that the server has not judged yet.
    pub fn pedidos_pendentes(&self) -> impl Iterator<Item = &Pedido> {
        self.pedidos.iter().filter(|pedido| pedido.veredito.is_none())
    }

    /// A short name for lists: what tells this record from its neighbours.
    pub fn titulo(&self) -> String {
        let campo = match self.kind {
            Kind::Assistencia => "situacao_alegada",
            Kind::Ocorrencia if !self.valor("assunto").vazio() => "assunto",
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

    /// The label until the server has minted a number. Taken from the random end of the id, twelve
    /// digits of 48 bits: among a hundred thousand of a company two are alike in one of fifty
    /// thousand companies.
    pub fn rotulo_provisorio(id: DocumentId) -> String {
        let texto = id.uuid().simple().to_string().to_uppercase();
        format!("P-{}-{}-{}", &texto[20..24], &texto[24..28], &texto[28..])
    }

    /// Number, or the provisional label.
    pub fn rotulo(&self) -> String {
        self.numero.clone().unwrap_or_else(|| Self::rotulo_provisorio(self.id))
    }
}
