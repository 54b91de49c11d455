//! The acompanhamento of a record, without connection (R78–R82): what each change of the document
//! did, in words, seen in one of five ways. The same words as the server's, from the same function.

use crate::{error::Error, phone::Phone, render::Render, store::documents};
use campo_domain::{
    ids::{DeviceId, DocumentId, NotaId, UserId},
    kind::Kind,
    refusal::{Codigo, Refusal},
    registro::{Registro, Visibilidade},
    tipo::{Tipo, Tipos},
    valor::{self, TipoCampo, Valor},
};
use campo_sync::{
    admission::Merged,
    client::LocalDocument,
    document::{self, DocumentError},
    exchange, history,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A way to see the acompanhamento.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vista {
    /// Everything.
    Tudo,
    /// Every situação and every responsável that it passed through (R79).
    Tramite,
    /// What was done, without the single fields (R80).
    Historico,
    /// Notes, each answer below what it answers (R81).
    Conversas,
    /// What was changed, with the value before and after (R82).
    Alteracoes,
}

impl Vista {
    /// Every view.
    pub const TODAS: [Vista; 5] =
        [Vista::Tudo, Vista::Tramite, Vista::Historico, Vista::Conversas, Vista::Alteracoes];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Vista::Tudo => "tudo",
            Vista::Tramite => "tramite",
            Vista::Historico => "historico",
            Vista::Conversas => "conversas",
            Vista::Alteracoes => "alteracoes",
        }
    }

    fn mostra(self, evento: &history::Evento) -> bool {
        let responsavel = evento.campo.as_deref() == Some("responsavel");
        let aceito = evento.tipo == "veredito" && evento.de != evento.para;
        match self {
            Vista::Tudo => true,
            Vista::Tramite => match evento.tipo {
                "criacao" | "pedido" | "veredito" => true,
                "campo" => responsavel,
                "analise" => evento.para.is_some(),
                _ => false,
            },
            Vista::Historico => match evento.tipo {
                "campo" | "texto" => false,
                "item" | "despesa" | "anexo" | "vinculo" => evento.campo.is_none(),
                _ => true,
            },
            Vista::Conversas => evento.tipo == "nota",
            Vista::Alteracoes => match evento.tipo {
                "campo" | "texto" | "item" | "despesa" | "anexo" | "vinculo" | "participante"
                | "interessado" | "restricao" => true,
                _ => aceito,
            },
        }
    }
}

/// An entry of the acompanhamento.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evento {
    /// criacao, campo, texto, item, despesa, anexo, vinculo, participante, interessado, nota,
    /// pedido, analise, veredito, numero, acao, restricao or corretiva.
    pub que: &'static str,
    /// Who.
    pub autor: String,
    /// Where: este aparelho, outro aparelho, retaguarda, servidor.
    pub onde: &'static str,
    /// When, by the clock of whoever wrote it.
    pub quando: DateTime<Utc>,
    /// When, by the server's clock, where this device knows it.
    pub no_servidor: Option<DateTime<Utc>>,
    /// What happened, or what was said.
    pub texto: String,
    /// The field that was written, as the person knows it.
    pub campo: Option<String>,
    /// What was there before.
    pub de: Option<String>,
    /// What is there since.
    pub para: Option<String>,
    /// Who may read it.
    pub visibilidade: Visibilidade,
    /// The note, where it is one.
    pub nota: Option<NotaId>,
    /// The note that it answers.
    pub resposta_a: Option<NotaId>,
    /// How deep in its conversation it stands.
    pub nivel: u32,
    /// A request that the server has not judged yet.
    pub aguarda: bool,
    /// Not sent yet.
    pub pendente: bool,
}

impl Phone {
    /// The acompanhamento of a record, in order.
    ///
    /// # Errors
    /// As [`Phone::show`].
    pub fn acompanhamento(&self, id: DocumentId, vista: Vista) -> Result<Vec<Evento>, Error> {
        self.read_as(|conn, account| {
            let absent = || Error::NaoEncontrado(id.to_string());
            let local = documents::load(conn, account.key, id)?.ok_or_else(absent)?;
            if !local.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let (merged, eventos) = replayed(&local, &account.tipos)?;
            let render = Render { conn, account };
            let reader = Reader { render, registro: &merged.registro, tipo: &merged.tipo };
            let vistos = eventos.iter().filter(|(evento, _)| vista.mostra(evento));
            let lidos: Result<Vec<_>, Error> =
                vistos.map(|(evento, pendente)| reader.evento(evento, *pendente)).collect();
            Ok(if vista == Vista::Conversas { conversas(lidos?) } else { lidos? })
        })
    }
}

/// What each change did, and whether it still has to be sent; and the record after all of them.
fn replayed(
    local: &LocalDocument,
    tipos: &Tipos,
) -> Result<(Merged, Vec<(history::Evento, bool)>), Error> {
    let mut merged: Option<Merged> = None;
    let mut eventos = Vec::new();
    for change in document::load(&local.chunks)?.get_changes(&[]) {
        let (after, new) = exchange::replay(merged.take(), change.raw_bytes(), tipos)?;
        eventos.extend(new.into_iter().map(|evento| (evento, false)));
        merged = Some(after);
    }
    for queued in &local.queue {
        let replayed = exchange::replay(merged.clone(), &queued.change, tipos);
        // What builds on a held branch is offered to it, and does not join the document here.
        let joined = replayed.ok().filter(|(after, _)| {
            let before = merged.as_ref().map(|merged| document::heads(&merged.document));
            before.is_none_or(|before| before != document::heads(&after.document))
        });
        let Some((after, new)) = joined else { continue };
        eventos.extend(new.into_iter().map(|evento| (evento, true)));
        merged = Some(after);
    }
    let merged = merged.ok_or(DocumentError::Lacks("changes"))?;
    Ok((merged, eventos))
}

/// Reads entries out for the person.
struct Reader<'a> {
    render: Render<'a>,
    registro: &'a Registro,
    tipo: &'a Tipo,
}

impl Reader<'_> {
    fn evento(&self, evento: &history::Evento, pendente: bool) -> Result<Evento, Error> {
        let pedido = self.registro.pedidos.iter().find(|pedido| {
            let analise = self.registro.analises.iter().find(|a| a.pedido == Some(pedido.id));
            let ids = [Some(pedido.id.uuid()), analise.map(|analise| analise.id.uuid())];
            matches!(evento.tipo, "pedido" | "analise") && ids.contains(&evento.parte)
        });
        let veredito = pedido.and_then(|pedido| pedido.veredito.as_ref());
        let de_la = evento.autoria.em == DeviceId::ESCRITORIO
            || matches!(evento.tipo, "veredito" | "numero" | "acao" | "restricao" | "corretiva");
        let no_servidor = match evento.tipo {
            _ if de_la => Some(evento.quando),
            "criacao" => self.registro.recebido_em,
            _ => veredito.map(|veredito| veredito.quando),
        };
        let (de, para) = (self.lido(evento, &evento.de)?, self.lido(evento, &evento.para)?);
        Ok(Evento {
            que: evento.tipo,
            autor: self.render.usuario(evento.autoria.por)?,
            onde: self.onde(evento),
            quando: evento.quando,
            no_servidor,
            texto: texto(evento, de.as_deref(), para.as_deref()),
            campo: evento.rotulo.clone().filter(|_| de.is_some() || para.is_some()),
            de,
            para,
            visibilidade: evento.visibilidade,
            nota: evento.parte.filter(|_| evento.tipo == "nota").map(NotaId::from),
            resposta_a: evento.resposta_a,
            nivel: 0,
            aguarda: evento.tipo == "pedido" && pedido.is_some() && veredito.is_none(),
            pendente,
        })
    }

    fn onde(&self, evento: &history::Evento) -> &'static str {
        match evento.autoria {
            autoria if autoria.por == UserId::SERVIDOR => "servidor",
            autoria if autoria.em == DeviceId::ESCRITORIO => "retaguarda",
            autoria if autoria.em == self.render.account.device => "este aparelho",
            _ => "outro aparelho",
        }
    }

    /// A stored value as the person reads it.
    fn lido(
        &self,
        evento: &history::Evento,
        texto: &Option<String>,
    ) -> Result<Option<String>, Error> {
        let Some(texto) = texto.as_deref() else { return Ok(None) };
        let (kind, nome) = (self.registro.kind, evento.campo.as_deref().unwrap_or_default());
        let lido = match evento.tipo {
            "veredito" => self.tipo.fluxo.situacao(texto).map(|situacao| situacao.nome.clone()),
            // An excerpt, of a text that is not there any more.
            "texto" => None,
            "participante" | "interessado" | "analise" => match texto.parse() {
                Ok(usuario) => Some(self.render.usuario(usuario)?),
                Err(_) => None,
            },
            _ => match campo(kind, evento.tipo, nome) {
                Some(campo) if kind.campo(nome) == Some(campo) => {
                    Some(self.render.do_registro(campo, &guardado(campo, texto), self.tipo)?)
                }
                Some(campo) => Some(self.render.valor(campo, &guardado(campo, texto))?),
                None => None,
            },
        };
        Ok(Some(lido.unwrap_or_else(|| texto.to_owned())))
    }
}

/// The field that an entry is about: of the record, of a part (`colecao/id/campo`), or what names a
/// part that was added or removed.
fn campo(kind: Kind, tipo: &str, nome: &str) -> Option<&'static valor::Campo> {
    use campo_domain::parte::Colecao;
    let em = match tipo {
        "item" => Colecao::Itens,
        "despesa" => Colecao::Despesas,
        "anexo" => Colecao::Anexos,
        "vinculo" => Colecao::Vinculos,
        _ => return kind.campo(nome),
    };
    let nome = nome.rsplit('/').next().filter(|nome| !nome.is_empty());
    kind.campo_de(em, nome.unwrap_or_else(|| em.campo_titulo()))
}

/// The value that `campo_sync::history::plain` wrote.
fn guardado(campo: &valor::Campo, texto: &str) -> Valor {
    let lido = match campo.tipo {
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            texto.parse().ok().map(Valor::Inteiro)
        }
        TipoCampo::Logico => texto.parse().ok().map(Valor::Logico),
        TipoCampo::Data => texto.parse().ok().map(Valor::Data),
        TipoCampo::Instante => texto.parse().ok().map(Valor::Instante),
        TipoCampo::Referencia(valor::Alvo::Catalogo(_)) => None,
        TipoCampo::Referencia(_) => texto.parse().ok().map(Valor::Id),
        _ => None,
    };
    lido.unwrap_or_else(|| Valor::Texto(texto.to_owned()))
}

/// The sentence, with names where it has codes or none.
fn texto(evento: &history::Evento, de: Option<&str>, para: Option<&str>) -> String {
    let (frase, nome) = (evento.texto.trim_end_matches('.'), para.or(de));
    match (evento.tipo, nome) {
        ("participante" | "interessado", Some(nome)) => format!("{frase}: {nome}."),
        ("analise", Some(nome)) => format!("{}\nEncaminhada a {nome}.", evento.texto),
        ("item" | "despesa" | "anexo" | "vinculo", Some(nome)) if evento.campo.is_none() => {
            let (o_que, _) = frase.split_once(": ").unwrap_or((frase, ""));
            format!("{o_que}: {nome}.")
        }
        _ => evento.texto.clone(),
    }
}

/// Each answer below what it answers, at its depth; otherwise in the order in which they stand.
fn conversas(notas: Vec<Evento>) -> Vec<Evento> {
    let ids: BTreeSet<NotaId> = notas.iter().filter_map(|evento| evento.nota).collect();
    let mut respostas: BTreeMap<Option<NotaId>, Vec<Evento>> = BTreeMap::new();
    for nota in notas {
        let a_quem = nota.resposta_a.filter(|id| ids.contains(id) && nota.nota != Some(*id));
        respostas.entry(a_quem).or_default().push(nota);
    }
    let mut ordenadas = Vec::new();
    // What answers itself in a circle hangs on nothing, and comes last.
    while let Some((_, primeiras)) = respostas.pop_first() {
        let mut pilha: Vec<(u32, Evento)> = primeiras.into_iter().rev().map(|e| (0, e)).collect();
        while let Some((nivel, evento)) = pilha.pop() {
            let abaixo = evento.nota.and_then(|nota| respostas.remove(&Some(nota)));
            let abaixo = abaixo.into_iter().flatten().rev();
            ordenadas.push(Evento { nivel, ..evento });
            pilha.extend(abaixo.map(|resposta| (nivel + 1, resposta)));
        }
    }
    ordenadas
}
