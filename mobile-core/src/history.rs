//! The acompanhamento of a record, without connection (R78–R82): what each change of the document
//! did, in one of five views. The words are those of `campo_screens::lines`, as in the office.

use crate::{error::Error, names, phone::Phone, store::documents};
use campo_domain::{
    ids::{DeviceId, DocumentId, NotaId, UserId},
    refusal::{Codigo, Refusal},
    registro::{Registro, Visibilidade},
    tipo::Tipos,
    workflow::Onde,
};
use campo_screens::{Cited, Entry, Line, Look, View, lines, threads};
use campo_sync::{
    admission::Merged,
    client::LocalDocument,
    document::{self, DocumentError},
    exchange, history,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// An entry of the acompanhamento.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evento {
    /// criacao, campo, texto, item, despesa, anexo, vinculo, participante, interessado, nota,
    /// pedido, analise, veredito, numero, acao, restricao or corretiva.
    pub que: String,
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
    pub fn acompanhamento(&self, id: DocumentId, view: View) -> Result<Vec<Evento>, Error> {
        self.read_as(|conn, account| {
            let absent = || Error::NaoEncontrado(id.to_string());
            let local = documents::load(conn, account.key, id)?.ok_or_else(absent)?;
            if !local.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let (merged, eventos) = replayed(&local, &account.tipos)?;
            let registro = &merged.registro;
            let entries = eventos.into_iter().map(|(evento, pending)| {
                let at = Standing::of(registro, &evento, pending);
                (entry(evento, at.on_server), at)
            });
            let (entries, standings): (Vec<Entry>, Vec<Standing>) =
                entries.filter(|(entry, _)| view.shows(entry)).unzip();
            let mut cited = Cited::default();
            entries.iter().for_each(|entry| entry.cite(registro.kind, &mut cited));
            let names = names::load(conn, account, &cited)?;
            let look = Look {
                record: registro,
                expected: registro,
                tipo: &merged.tipo,
                person: &account.pessoa,
                place: Onde::Aparelho,
                now: Utc::now(),
                zone: account.conta.fuso,
                names: &names,
            };
            let shown = lines(&look, &entries).into_iter().zip(&standings);
            let shown: Vec<Evento> =
                shown.map(|(line, at)| evento(&look, account.device, line, at)).collect();
            Ok(if view == View::Conversas { nested(&shown) } else { shown })
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

/// How an entry stands with the server.
struct Standing {
    on_server: Option<DateTime<Utc>>,
    /// A request that the server has not judged yet.
    waits: bool,
    /// Not sent yet.
    pending: bool,
}

impl Standing {
    fn of(registro: &Registro, evento: &history::Evento, pending: bool) -> Self {
        let request = registro.pedidos.iter().find(|request| {
            let analysis = registro.analises.iter().find(|a| a.pedido == Some(request.id));
            let ids = [Some(request.id.uuid()), analysis.map(|analysis| analysis.id.uuid())];
            matches!(evento.tipo, "pedido" | "analise") && ids.contains(&evento.parte)
        });
        let verdict = request.and_then(|request| request.veredito.as_ref());
        let by_office = evento.autoria.em == DeviceId::ESCRITORIO
            || matches!(evento.tipo, "veredito" | "numero" | "acao" | "restricao" | "corretiva");
        let on_server = match evento.tipo {
            _ if by_office => Some(evento.quando),
            "criacao" => registro.recebido_em,
            _ => verdict.map(|verdict| verdict.quando),
        };
        let waits = evento.tipo == "pedido" && request.is_some() && verdict.is_none();
        Standing { on_server, waits, pending }
    }
}

fn entry(evento: history::Evento, on_server: Option<DateTime<Utc>>) -> Entry {
    Entry {
        tipo: evento.tipo.to_owned(),
        part: evento.parte,
        field: evento.campo,
        label: evento.rotulo,
        before: evento.de,
        after: evento.para,
        text: evento.texto,
        visibility: evento.visibilidade,
        answers: evento.resposta_a,
        by: evento.autoria.por,
        device: evento.autoria.em,
        on_device: evento.quando,
        on_server,
    }
}

fn evento(look: &Look<'_>, own: DeviceId, line: Line<'_>, at: &Standing) -> Evento {
    let entry = line.entry;
    let side = |side: Option<campo_screens::Side>| side.map(|side| side.words.text);
    let (label, before, after) = match line.change {
        // Only changes of a field get a label; for others the sentence names the part or person.
        Some(change) => {
            let label = change.label.filter(|_| change.of_field);
            (label, side(change.before), side(change.after))
        }
        None => (None, None, None),
    };
    Evento {
        que: entry.tipo.clone(),
        autor: look.names.person_or_unknown(entry.by).to_owned(),
        onde: match (entry.by, entry.device) {
            (UserId::SERVIDOR, _) => "servidor",
            (_, DeviceId::ESCRITORIO) => "retaguarda",
            (_, device) if device == own => "este aparelho",
            _ => "outro aparelho",
        },
        quando: entry.on_device,
        no_servidor: entry.on_server,
        texto: line.text,
        campo: label.filter(|_| before.is_some() || after.is_some()),
        de: before,
        para: after,
        visibilidade: entry.visibility,
        nota: entry.part.filter(|_| entry.tipo == "nota").map(NotaId::from),
        resposta_a: entry.answers,
        nivel: 0,
        aguarda: at.waits,
        pendente: at.pending,
    }
}

/// Puts each answer below its note, with its depth; otherwise keeps the order.
fn nested(notes: &[Evento]) -> Vec<Evento> {
    let ids: Vec<_> = notes.iter().filter_map(|note| Some((note.nota?, note.resposta_a))).collect();
    let placed = threads(&ids).into_iter().flatten();
    placed.map(|(nivel, place)| Evento { nivel, ..notes[place].clone() }).collect()
}
