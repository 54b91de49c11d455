//! A row of the acompanhamento, and what several kinds of rows have in common.

use campo_domain::{
    ids::{DocumentId, ItemId, NotaId, PedidoId},
    parte::Colecao,
    registro::{Autoria, Registro, Visibilidade},
    tipo::Tipo,
    valor::Valor,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One row of the acompanhamento.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evento {
    /// The document.
    pub documento: DocumentId,
    /// criacao, campo, texto, item, despesa, anexo, vinculo, participante, interessado, nota,
    /// pedido, analise, veredito, numero, acao, restricao, corretiva, arquivo.
    pub tipo: &'static str,
    /// The part that it is about: item, note, request, analysis, action.
    pub parte: Option<Uuid>,
    /// Who may read it: what a note says of itself; everything else is the company's own.
    pub visibilidade: Visibilidade,
    /// The note that a note answers (R81).
    pub resposta_a: Option<NotaId>,
    /// The field, where it is one.
    pub campo: Option<String>,
    /// Its label.
    pub rotulo: Option<String>,
    /// Its value before, as stored.
    pub de: Option<String>,
    /// Its value after, as stored.
    pub para: Option<String>,
    /// A sentence for the person.
    pub texto: String,
    /// Who, and on which device.
    pub autoria: Autoria,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
}

/// A value as text that does not depend on time zone or language: dates ISO, instants RFC 3339.
pub fn plain(valor: &Valor) -> Option<String> {
    Some(match valor {
        Valor::Nulo => return None,
        Valor::Texto(texto) => texto.clone(),
        Valor::Inteiro(n) => n.to_string(),
        Valor::Logico(sim) => sim.to_string(),
        Valor::Data(data) => data.to_string(),
        Valor::Instante(instante) => instante.to_rfc3339(),
        Valor::Id(id) => id.to_string(),
    })
}

/// A change to be told: the record before and after it, and a row with what all its rows share.
pub(super) struct Telling<'a> {
    pub(super) before: &'a Registro,
    pub(super) after: &'a Registro,
    pub(super) tipo: &'a Tipo,
    pub(super) base: &'a Evento,
}

impl Telling<'_> {
    /// What a person reads of a transition.
    pub(super) fn verb_label(&self, verbo: &str) -> String {
        self.tipo.fluxo.transicao(verbo).map_or(verbo.to_owned(), |t| t.rotulo.clone())
    }

    /// The row about a request of transition.
    pub(super) fn requested(&self, id: PedidoId) -> Option<Evento> {
        let pedido = self.after.pedidos.iter().find(|pedido| pedido.id == id)?;
        let rotulo = self.verb_label(&pedido.verbo);
        let texto = match &pedido.motivo {
            Some(motivo) => format!("Pedido: {rotulo}. Motivo: {motivo}"),
            None => format!("Pedido: {rotulo}."),
        };
        let campo = Some(pedido.verbo.clone());
        Some(Evento { tipo: "pedido", parte: Some(id.uuid()), campo, texto, ..self.base.clone() })
    }
}

/// What a person reads of a part: the field that names it, where that is filled in.
pub(super) fn title(registro: &Registro, em: Colecao, item: &ItemId) -> Option<String> {
    let campo = registro.kind.campo_de(em, em.campo_titulo())?;
    let valor = registro.colecao(em).get(item)?.valor(campo.nome);
    (!valor.vazio()).then(|| valor.exibir(campo, chrono_tz::UTC))
}
