//! What a person's change wrote, in words.

use super::evento::{Evento, Telling, plain, title};
use crate::inspect::Write;
use campo_domain::{
    ids::{AnaliseId, ItemId, NotaId, UserId},
    parte::Colecao,
    registro::Conflito,
    valor::{Campo, Valor},
};

/// A row for each thing that the change writes.
pub(super) fn written(writes: &[Write], telling: &Telling<'_>) -> Vec<Evento> {
    writes
        .iter()
        .enumerate()
        // Of a field that is written twice only the last write counts.
        .filter(|(place, write)| !writes[place + 1..].iter().any(|later| same(write, later)))
        .filter_map(|(_, write)| telling.row(write))
        .collect()
}

/// Whether both write the same field.
fn same(write: &Write, later: &Write) -> bool {
    match (write, later) {
        (Write::Campo { campo: a, .. }, Write::Campo { campo: b, .. }) => a == b,
        (
            Write::ItemCampo { em: e, item: a, campo: x, .. },
            Write::ItemCampo { em: f, item: b, campo: y, .. },
        ) => e == f && a == b && x == y,
        (Write::Participante { usuario: a, .. }, Write::Participante { usuario: b, .. })
        | (Write::Interessado { usuario: a, .. }, Write::Interessado { usuario: b, .. }) => a == b,
        _ => false,
    }
}

impl Telling<'_> {
    fn row(&self, write: &Write) -> Option<Evento> {
        Some(match write {
            Write::Campo { campo, valor } => {
                let de = plain(self.before.valor(campo.nome));
                let tipo = if campo.longo() { "texto" } else { "campo" };
                let row = self.field(tipo, campo, campo.nome.to_owned(), de, plain(valor));
                match self.together(campo) {
                    Some(how) => {
                        let rotulo = self.label(campo);
                        Evento { texto: format!("{rotulo} alterado, {how}."), ..row }
                    }
                    None => row,
                }
            }
            Write::ItemNovo { em, item } => {
                let titulo = title(self.after, *em, item);
                let texto = part_sentence(*em, "incluíd", titulo.as_deref());
                Evento { para: titulo, texto, ..self.part(*em, *item) }
            }
            Write::ItemCampo { em, item, campo, valor } => {
                self.part_field(*em, *item, campo, valor)?
            }
            Write::ItemRemovido { em, item } => {
                let titulo = title(self.before, *em, item);
                let texto = part_sentence(*em, "removid", titulo.as_deref());
                Evento { de: titulo, texto, ..self.part(*em, *item) }
            }
            Write::Participante { usuario, participa } => {
                self.person("participante", "Participante", *usuario, *participa)
            }
            Write::Interessado { usuario, interessado } => {
                self.person("interessado", "Interessado", *usuario, *interessado)
            }
            Write::Nota { id, .. } => self.note(*id)?,
            Write::Pedido(id) => self.requested(*id)?,
            Write::Analise { id, .. } => self.analysis(*id)?,
        })
    }

    /// How a field stands that others wrote without knowing of this change.
    fn together(&self, campo: &Campo) -> Option<&'static str> {
        let among = |several: &[Conflito]| several.iter().any(|one| one.campo == campo.nome);
        match () {
            () if among(&self.after.conflitos) => {
                Some("ao mesmo tempo que outra pessoa: falta decidir qual vale")
            }
            () if among(&self.after.juncoes) => {
                Some("e junto com o que outra pessoa escreveu ao mesmo tempo")
            }
            () => None,
        }
    }

    /// What a person reads of a field. Fields of parts have no name of the company's own.
    fn label(&self, campo: &Campo) -> String {
        match self.after.kind.campo(campo.nome) {
            Some(of_record) if of_record == campo => self.tipo.rotulo(campo.nome).to_owned(),
            _ => campo.rotulo.to_owned(),
        }
    }

    fn field(
        &self,
        tipo: &'static str,
        campo: &Campo,
        nome: String,
        de: Option<String>,
        para: Option<String>,
    ) -> Evento {
        let rotulo = self.label(campo);
        let texto = format!("{rotulo} alterado.");
        let (campo, rotulo) = (Some(nome), Some(rotulo));
        Evento { tipo, campo, rotulo, de, para, texto, ..self.base.clone() }
    }

    fn part(&self, em: Colecao, item: ItemId) -> Evento {
        Evento { tipo: of(em), parte: Some(item.uuid()), ..self.base.clone() }
    }

    /// None where the part is new: the row of its inclusion tells of its first fields.
    fn part_field(
        &self,
        em: Colecao,
        item: ItemId,
        campo: &Campo,
        valor: &Valor,
    ) -> Option<Evento> {
        let old = self.before.colecao(em).get(&item)?;
        let de = old.campos.get(campo.nome).and_then(plain);
        let nome = format!("{em}/{item}/{}", campo.nome);
        let parte = Some(item.uuid());
        Some(Evento { parte, ..self.field(of(em), campo, nome, de, plain(valor)) })
    }

    fn person(&self, tipo: &'static str, word: &str, usuario: UserId, belongs: bool) -> Evento {
        let id = Some(usuario.to_string());
        let (de, para, verb) =
            if belongs { (None, id, "incluído") } else { (id, None, "removido") };
        Evento { tipo, de, para, texto: format!("{word} {verb}."), ..self.base.clone() }
    }

    fn note(&self, id: NotaId) -> Option<Evento> {
        let nota = self.after.notas.iter().find(|nota| nota.id == id)?;
        Some(Evento {
            tipo: "nota",
            parte: Some(id.uuid()),
            visibilidade: nota.visibilidade,
            resposta_a: nota.resposta_a,
            texto: nota.texto.clone(),
            ..self.base.clone()
        })
    }

    fn analysis(&self, id: AnaliseId) -> Option<Evento> {
        let analise = self.after.analises.iter().find(|analise| analise.id == id)?;
        let resultado = match analise.procedente {
            Some(true) => " (procedente)",
            Some(false) => " (improcedente)",
            None => "",
        };
        Some(Evento {
            tipo: "analise",
            parte: Some(id.uuid()),
            campo: Some(analise.tipo.codigo().into()),
            rotulo: Some(analise.tipo.rotulo().into()),
            para: analise.encaminhar.map(|usuario| usuario.to_string()),
            texto: format!("{}{resultado}: {}", analise.tipo.rotulo(), analise.texto),
            ..self.base.clone()
        })
    }
}

/// The name of the event about a part.
const fn of(em: Colecao) -> &'static str {
    match em {
        Colecao::Itens => "item",
        Colecao::Despesas => "despesa",
        Colecao::Anexos => "anexo",
        Colecao::Vinculos => "vinculo",
    }
}

/// `verb` without its ending, which follows the gender of the part's name.
fn part_sentence(em: Colecao, verb: &str, titulo: Option<&str>) -> String {
    let ending = if em == Colecao::Despesas { "a" } else { "o" };
    format!("{} {verb}{ending}: {}.", em.rotulo(), titulo.unwrap_or("—"))
}
