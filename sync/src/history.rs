//! What a change did, in words: the rows of the acompanhamento (R78). A pure function of the change
//! and of the record before and after, so that rebuilding from the log gives the same rows.

use crate::{document::Actor, inspect::Write};
use automerge::Change;
use campo_domain::{
    ids::DocumentId,
    registro::{Autoria, Registro},
    tipo::Tipo,
    valor::{Campo, Valor},
};
use chrono::{DateTime, Utc};

/// One row of the acompanhamento.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evento {
    /// The document.
    pub document: DocumentId,
    /// criacao, campo, texto, item, participante, nota, pedido, laudo, veredito, numero.
    pub tipo: &'static str,
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

/// Describes one change.
pub(crate) fn describe(
    change: &Change,
    writes: &[Write],
    before: Option<&Registro>,
    after: &Registro,
    tipo: &Tipo,
) -> Vec<Evento> {
    let actor = Actor::parse(change.actor_id()).unwrap_or(Actor::servidor(0));
    let quando = DateTime::from_timestamp_millis(change.timestamp());
    let base = Evento {
        document: after.id,
        tipo: "criacao",
        campo: None,
        rotulo: None,
        de: None,
        para: None,
        texto: format!("{} criada.", after.kind.rotulo()),
        autoria: actor.autoria(),
        quando: quando.unwrap_or(DateTime::UNIX_EPOCH),
    };
    let Some(before) = before else {
        let texto = match after.kind {
            campo_domain::kind::Kind::Cliente => "Cliente criado.".to_owned(),
            _ => base.texto.clone(),
        };
        return vec![Evento { texto, ..base }];
    };
    let mut eventos: Vec<Evento> = writes
        .iter()
        .enumerate()
        // A field that is written twice was settled by the last one.
        .filter(|(place, write)| !writes[place + 1..].iter().any(|later| same(write, later)))
        .filter_map(|(_, write)| written(write, before, after, tipo, &base))
        .collect();
    if before.numero != after.numero {
        let numero = after.numero.clone();
        let texto = format!("Número {} atribuído.", numero.as_deref().unwrap_or_default());
        eventos.push(Evento { tipo: "numero", para: numero, texto, ..base.clone() });
    }
    for pedido in &after.pedidos {
        let judged = pedido.veredito.as_ref().filter(|_| {
            before.pedidos.iter().any(|old| old.id == pedido.id && old.veredito.is_none())
        });
        let Some(veredito) = judged else { continue };
        let nome = |codigo: &str| {
            tipo.fluxo.situacao(codigo).map_or(codigo.to_owned(), |s| s.nome.clone())
        };
        let texto = match &veredito.recusa {
            None => format!("Situação: {} → {}.", nome(&veredito.de), nome(&veredito.para)),
            Some(recusa) => {
                format!("“{}” recusado: {}", rotulo_verbo(tipo, &pedido.verbo), recusa.mensagem())
            }
        };
        eventos.push(Evento {
            tipo: "veredito",
            de: Some(veredito.de.clone()),
            para: Some(veredito.para.clone()),
            texto,
            ..base.clone()
        });
    }
    eventos
}

/// Whether both write the same field.
fn same(write: &Write, later: &Write) -> bool {
    match (write, later) {
        (Write::Campo { campo: a, .. }, Write::Campo { campo: b, .. }) => a == b,
        (
            Write::ItemCampo { item: a, campo: x, .. },
            Write::ItemCampo { item: b, campo: y, .. },
        ) => a == b && x == y,
        (Write::Participante { usuario: a, .. }, Write::Participante { usuario: b, .. }) => a == b,
        _ => false,
    }
}

fn rotulo_verbo(tipo: &Tipo, verbo: &str) -> String {
    tipo.fluxo.transicao(verbo).map_or(verbo.to_owned(), |t| t.rotulo.clone())
}

fn written(
    write: &Write,
    before: &Registro,
    after: &Registro,
    tipo: &Tipo,
    base: &Evento,
) -> Option<Evento> {
    let changed =
        |tipo, campo: &Campo, nome: String, de: Option<String>, para: Option<String>| Evento {
            tipo,
            campo: Some(nome),
            rotulo: Some(campo.rotulo.to_owned()),
            de,
            para,
            texto: format!("{} alterado.", campo.rotulo),
            ..base.clone()
        };
    Some(match write {
        Write::Campo { campo, valor } => {
            let de = plain(before.valor(campo.nome));
            changed("campo", campo, campo.nome.to_owned(), de, plain(valor))
        }
        Write::Texto { campo } => {
            let (de, para) = middle(
                before.valor(campo.nome).texto().unwrap_or_default(),
                after.valor(campo.nome).texto().unwrap_or_default(),
            );
            changed("texto", campo, campo.nome.to_owned(), de, para)
        }
        Write::ItemNovo(item) => {
            let produto = item_text(after, item, "produto");
            let texto = format!("Item incluído: {}.", produto.as_deref().unwrap_or("—"));
            Evento { tipo: "item", para: produto, texto, ..base.clone() }
        }
        Write::ItemCampo { item, campo, valor } => {
            // The first fields of a new item are told by its inclusion.
            let old = before.itens.get(item)?;
            let de = old.campos.get(campo.nome).and_then(plain);
            changed("item", campo, format!("itens/{item}/{}", campo.nome), de, plain(valor))
        }
        Write::ItemRemovido(item) => {
            let produto = item_text(before, item, "produto");
            let texto = format!("Item removido: {}.", produto.as_deref().unwrap_or("—"));
            Evento { tipo: "item", de: produto, texto, ..base.clone() }
        }
        Write::Participante { usuario, participa } => {
            let texto =
                if *participa { "Participante incluído." } else { "Participante removido." };
            let id = Some(usuario.to_string());
            let (de, para) = if *participa { (None, id) } else { (id, None) };
            Evento { tipo: "participante", de, para, texto: texto.into(), ..base.clone() }
        }
        Write::Nota(id) => {
            let nota = after.notas.iter().find(|nota| nota.id == *id)?;
            Evento { tipo: "nota", texto: nota.texto.clone(), ..base.clone() }
        }
        Write::Pedido(id) => {
            let pedido = after.pedidos.iter().find(|pedido| pedido.id == *id)?;
            let rotulo = rotulo_verbo(tipo, &pedido.verbo);
            let texto = match &pedido.motivo {
                Some(motivo) => format!("Pedido: {rotulo}. Motivo: {motivo}"),
                None => format!("Pedido: {rotulo}."),
            };
            Evento { tipo: "pedido", campo: Some(pedido.verbo.clone()), texto, ..base.clone() }
        }
        Write::Laudo(id) => {
            let laudo = after.laudos.iter().find(|laudo| laudo.id == *id)?;
            let resultado = if laudo.procedente { "procedente" } else { "improcedente" };
            let texto = format!("Laudo ({resultado}): {}", laudo.conclusao);
            Evento { tipo: "laudo", para: Some(resultado.into()), texto, ..base.clone() }
        }
    })
}

fn item_text(registro: &Registro, item: &campo_domain::ids::ItemId, campo: &str) -> Option<String> {
    registro.itens.get(item)?.campos.get(campo).and_then(plain)
}

/// What differs between two texts, with a little around it; the whole of both would grow the
/// acompanhamento by the text's length with every letter.
fn middle(de: &str, para: &str) -> (Option<String>, Option<String>) {
    const AROUND: usize = 30;
    const CHARS_MAX: usize = 500;
    let (old, new): (Vec<char>, Vec<char>) = (de.chars().collect(), para.chars().collect());
    let prefix = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let ends = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = ends.take_while(|(a, b)| a == b).count();
    let cut = |chars: &[char]| {
        let from = prefix.saturating_sub(AROUND);
        let to = (chars.len() - suffix + AROUND).min(chars.len());
        let shown: String = chars[from..to].iter().take(CHARS_MAX).collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if to < chars.len() || to - from > CHARS_MAX { "…" } else { "" };
        (!shown.is_empty()).then(|| format!("{before}{shown}{after}"))
    };
    (cut(&old), cut(&new))
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn of_a_long_text_only_what_changed_is_told() {
        let long = "linha ".repeat(100);
        let (de, para) = middle(&format!("{long}porta{long}"), &format!("{long}mesa{long}"));
        let (de, para) = (de.unwrap(), para.unwrap());
        assert!(de.contains("porta") && para.contains("mesa"));
        assert!(de.chars().count() < 80 && de.starts_with('…') && de.ends_with('…'), "{de}");
        assert_eq!(middle("", "nova"), (None, Some("nova".into())));
    }
}
