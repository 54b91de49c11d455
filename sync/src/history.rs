//! What a change did, in words: the rows of the acompanhamento (R78). A pure function of the change
//! and of the record before and after, so that rebuilding from the log gives the same rows.

use crate::{document::Actor, inspect::Write};
use automerge::Change;
use campo_domain::{
    ids::{DeviceId, DocumentId, ItemId, NotaId, UserId},
    parte::{Colecao, frase_do_motivo},
    registro::{Autoria, Registro, SituacaoAcao, SituacaoArquivo, Visibilidade},
    tipo::Tipo,
    valor::{Campo, Valor},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One row of the acompanhamento.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evento {
    /// The document.
    pub document: DocumentId,
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
        parte: None,
        visibilidade: Visibilidade::Interna,
        resposta_a: None,
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
    served(before, after, tipo, &base, &mut eventos);
    eventos
}

/// What the server wrote by itself or in a person's name.
fn served(
    before: &Registro,
    after: &Registro,
    tipo: &Tipo,
    base: &Evento,
    eventos: &mut Vec<Evento>,
) {
    let in_name_of =
        |por: UserId| Evento { autoria: Autoria { por, em: DeviceId::ESCRITORIO }, ..base.clone() };
    if base.autoria.por == UserId::SERVIDOR && before.responsavel() != after.responsavel() {
        let (de, para) = (before.valor("responsavel"), after.valor("responsavel"));
        let rotulo = tipo.rotulo("responsavel");
        eventos.push(Evento {
            tipo: "campo",
            campo: Some("responsavel".into()),
            rotulo: Some(rotulo.to_owned()),
            de: plain(de),
            para: plain(para),
            texto: format!("{rotulo} alterado."),
            ..base.clone()
        });
    }
    if base.autoria.por == UserId::SERVIDOR {
        let new = after.pedidos.iter().filter(|p| !before.pedidos.iter().any(|o| o.id == p.id));
        eventos.extend(new.filter_map(|pedido| {
            Some(Evento {
                parte: Some(pedido.id.uuid()),
                ..requested(after, pedido.id, tipo, base)?
            })
        }));
    }
    if before.restricao != after.restricao {
        let restrita = after.restricao.is_some();
        let texto =
            if restrita { "Visualização restringida." } else { "Visualização liberada." };
        let evento = after.restricao_por.map_or_else(|| base.clone(), in_name_of);
        eventos.push(Evento { tipo: "restricao", texto: texto.into(), ..evento });
    }
    for acao in &after.acoes {
        let old = before.acoes.iter().find(|old| old.id == acao.id);
        if old == Some(acao) {
            continue;
        }
        let rotulo = tipo.acao(&acao.codigo).map_or(acao.codigo.clone(), |a| a.rotulo.clone());
        let texto = match acao.situacao {
            SituacaoAcao::Solicitada => match &acao.observacao {
                Some(observacao) => format!("{rotulo}: solicitada. {observacao}"),
                None => format!("{rotulo}: solicitada."),
            },
            situacao => {
                let mut texto = format!("{rotulo}: {}", situacao.rotulo().to_lowercase());
                if let Some(externo) = &acao.externo {
                    texto.push_str(&format!(" ({externo})"));
                }
                texto.push('.');
                if let Some(retorno) = &acao.retorno {
                    texto.push_str(&format!(" {retorno}"));
                }
                texto
            }
        };
        let por = if old.is_none() { Some(acao.por) } else { acao.respondida_por };
        let evento = por.map_or_else(|| base.clone(), in_name_of);
        eventos.push(Evento {
            tipo: "acao",
            parte: Some(acao.id.uuid()),
            campo: Some(acao.codigo.clone()),
            rotulo: Some(rotulo),
            de: old.map(|old| old.situacao.codigo().to_owned()),
            para: Some(acao.situacao.codigo().to_owned()),
            texto,
            ..evento
        });
    }
    let linked = after.corretivas.iter().filter(|c| !before.corretivas.contains(c));
    eventos.extend(linked.map(|corretiva| Evento {
        tipo: "corretiva",
        parte: Some(corretiva.id.uuid()),
        para: Some(corretiva.numero.clone()),
        texto: format!("Ação corretiva {} vinculada.", corretiva.numero),
        ..in_name_of(corretiva.por)
    }));
    let moved = after.arquivos.iter().filter(|(id, now)| before.arquivos.get(id) != Some(now));
    eventos.extend(moved.map(|(id, arquivo)| {
        let nome = title(after, Colecao::Anexos, id);
        let nome = nome.as_deref().unwrap_or("—");
        let texto = match (arquivo.situacao, &arquivo.motivo) {
            (SituacaoArquivo::Recusada, motivo) => {
                let frase = frase_do_motivo(motivo.as_deref().unwrap_or_default());
                format!("Arquivo {nome}: recusado. {frase}")
            }
            (situacao, _) => format!("Arquivo {nome}: {}.", dito(situacao)),
        };
        Evento {
            tipo: "arquivo",
            parte: Some(id.uuid()),
            de: Some(before.arquivo(id).codigo().to_owned()),
            para: Some(arquivo.situacao.codigo().to_owned()),
            texto,
            ..base.clone()
        }
    }));
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
            parte: Some(pedido.id.uuid()),
            campo: Some(pedido.verbo.clone()),
            de: Some(veredito.de.clone()),
            para: Some(veredito.para.clone()),
            texto,
            ..base.clone()
        });
    }
}

/// What is told of a file that has come so far.
const fn dito(situacao: SituacaoArquivo) -> &'static str {
    match situacao {
        SituacaoArquivo::Esperada => "aguardando envio",
        SituacaoArquivo::Recebida => "recebido, em conferência",
        SituacaoArquivo::Verificada => "conferido",
        SituacaoArquivo::Recusada => "recusado",
    }
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
    // Fields of parts have no name of the company's own.
    let label = |campo: &Campo| match after.kind.campo(campo.nome) {
        Some(of_record) if of_record == campo => tipo.rotulo(campo.nome).to_owned(),
        _ => campo.rotulo.to_owned(),
    };
    let changed =
        |tipo, campo: &Campo, nome: String, de: Option<String>, para: Option<String>| Evento {
            tipo,
            campo: Some(nome),
            rotulo: Some(label(campo)),
            de,
            para,
            texto: format!("{} alterado.", label(campo)),
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
        Write::ItemNovo { em, item } => {
            let titulo = title(after, *em, item);
            let shown = titulo.as_deref().unwrap_or("—");
            let texto = told(*em, "incluíd", shown);
            let parte = Some(item.uuid());
            Evento { tipo: of(*em), parte, para: titulo, texto, ..base.clone() }
        }
        Write::ItemCampo { em, item, campo, valor } => {
            // The first fields of a new part are told by its inclusion.
            let old = before.colecao(*em).get(item)?;
            let de = old.campos.get(campo.nome).and_then(plain);
            let nome = format!("{em}/{item}/{}", campo.nome);
            let parte = Some(item.uuid());
            Evento { parte, ..changed(of(*em), campo, nome, de, plain(valor)) }
        }
        Write::ItemRemovido { em, item } => {
            let titulo = title(before, *em, item);
            let shown = titulo.as_deref().unwrap_or("—");
            let texto = told(*em, "removid", shown);
            let parte = Some(item.uuid());
            Evento { tipo: of(*em), parte, de: titulo, texto, ..base.clone() }
        }
        Write::Participante { usuario, participa } => {
            let texto =
                if *participa { "Participante incluído." } else { "Participante removido." };
            let id = Some(usuario.to_string());
            let (de, para) = if *participa { (None, id) } else { (id, None) };
            Evento { tipo: "participante", de, para, texto: texto.into(), ..base.clone() }
        }
        Write::Interessado { usuario, interessado } => {
            let texto =
                if *interessado { "Interessado incluído." } else { "Interessado removido." };
            let id = Some(usuario.to_string());
            let (de, para) = if *interessado { (None, id) } else { (id, None) };
            Evento { tipo: "interessado", de, para, texto: texto.into(), ..base.clone() }
        }
        Write::Nota { id, .. } => {
            let nota = after.notas.iter().find(|nota| nota.id == *id)?;
            Evento {
                tipo: "nota",
                parte: Some(id.uuid()),
                visibilidade: nota.visibilidade,
                resposta_a: nota.resposta_a,
                texto: nota.texto.clone(),
                ..base.clone()
            }
        }
        Write::Pedido(id) => requested(after, *id, tipo, base)?,
        Write::Analise { id, .. } => {
            let analise = after.analises.iter().find(|analise| analise.id == *id)?;
            let resultado = match analise.procedente {
                Some(true) => " (procedente)",
                Some(false) => " (improcedente)",
                None => "",
            };
            Evento {
                tipo: "analise",
                parte: Some(id.uuid()),
                campo: Some(analise.tipo.codigo().into()),
                rotulo: Some(analise.tipo.rotulo().into()),
                para: analise.encaminhar.map(|usuario| usuario.to_string()),
                texto: format!("{}{resultado}: {}", analise.tipo.rotulo(), analise.texto),
                ..base.clone()
            }
        }
    })
}

fn requested(
    after: &Registro,
    id: campo_domain::ids::PedidoId,
    tipo: &Tipo,
    base: &Evento,
) -> Option<Evento> {
    let pedido = after.pedidos.iter().find(|pedido| pedido.id == id)?;
    let rotulo = rotulo_verbo(tipo, &pedido.verbo);
    let texto = match &pedido.motivo {
        Some(motivo) => format!("Pedido: {rotulo}. Motivo: {motivo}"),
        None => format!("Pedido: {rotulo}."),
    };
    let campo = Some(pedido.verbo.clone());
    Some(Evento { tipo: "pedido", parte: Some(id.uuid()), campo, texto, ..base.clone() })
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

fn told(em: Colecao, verb: &str, what: &str) -> String {
    let ending = if em == Colecao::Despesas { "a" } else { "o" };
    format!("{} {verb}{ending}: {what}.", em.rotulo())
}

fn title(registro: &Registro, em: Colecao, item: &ItemId) -> Option<String> {
    let campo = registro.kind.campo_de(em, em.campo_titulo())?;
    let valor = registro.colecao(em).get(item)?.valor(campo.nome);
    (!valor.vazio()).then(|| valor.exibir(campo, chrono_tz::UTC))
}

/// What differs between two texts, all of it (R82), with a little around it; the whole of both
/// would grow the acompanhamento by the text's length with every letter.
fn middle(de: &str, para: &str) -> (Option<String>, Option<String>) {
    const AROUND: usize = 30;
    let (old, new): (Vec<char>, Vec<char>) = (de.chars().collect(), para.chars().collect());
    let prefix = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let ends = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = ends.take_while(|(a, b)| a == b).count();
    let cut = |chars: &[char]| {
        let from = prefix.saturating_sub(AROUND);
        let to = (chars.len() - suffix + AROUND).min(chars.len());
        let shown: String = chars[from..to].iter().collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if to < chars.len() { "…" } else { "" };
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
        let (old, new) = ("L".repeat(5_000), "M".repeat(5_000));
        assert_eq!(middle(&old, &new), (Some(old.clone()), Some(new.clone())));
    }
}
