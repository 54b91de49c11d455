//! The lines of the acompanhamento: one log, five views of it (R78–R82), each line with names in
//! place of ids and codes.

use crate::{
    log::{kept, located},
    look::Look,
    names::Cited,
    words::{Words, words},
};
use campo_domain::{
    ids::{DeviceId, NotaId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{SituacaoArquivo, Visibilidade},
    valor::{Campo, Valor},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// From which difference on the clock of the device is shown beside the server's.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);
/// Characters that are quoted of a note that another one answers.
const QUOTED_CHARS: usize = 60;

/// A way to see the acompanhamento.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// Everything (R78).
    #[default]
    Tudo,
    /// Every situação and every responsável that the record passed through (R79).
    Tramite,
    /// What was done, without the single fields (R80).
    Historico,
    /// Notes with their answers (R81).
    Conversas,
    /// What was changed, with the value before and after (R82).
    Alteracoes,
}

impl View {
    /// Every view, in the order of the tabs.
    pub const ALL: [View; 5] =
        [View::Tudo, View::Tramite, View::Historico, View::Conversas, View::Alteracoes];

    /// The stable name, in addresses and on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            View::Tudo => "tudo",
            View::Tramite => "tramite",
            View::Historico => "historico",
            View::Conversas => "conversas",
            View::Alteracoes => "alteracoes",
        }
    }

    /// What a person reads.
    pub const fn label(self) -> &'static str {
        match self {
            View::Tudo => "Tudo",
            View::Tramite => "Trâmite",
            View::Historico => "Histórico",
            View::Conversas => "Conversas",
            View::Alteracoes => "Alterações",
        }
    }

    /// The view of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        View::ALL.into_iter().find(|view| view.code() == code)
    }

    /// Whether the view has that line of the log.
    pub fn shows(self, entry: &Entry) -> bool {
        let moved = entry.tipo == "veredito" && entry.before != entry.after;
        let of_part = matches!(entry.tipo.as_str(), "item" | "despesa" | "anexo" | "vinculo");
        match self {
            View::Tudo => true,
            View::Tramite => match entry.tipo.as_str() {
                "criacao" | "pedido" | "veredito" => true,
                "campo" => entry.field.as_deref() == Some("responsavel"),
                "analise" => entry.after.is_some(),
                _ => false,
            },
            View::Historico => match entry.tipo.as_str() {
                "campo" | "texto" => false,
                _ => !of_part || entry.field.is_none(),
            },
            View::Conversas => entry.tipo == "nota",
            View::Alteracoes => match entry.tipo.as_str() {
                "campo" | "texto" | "participante" | "interessado" => true,
                _ => of_part || moved,
            },
        }
    }
}

/// One line of the log, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is: criacao, campo, texto, item, despesa, anexo, vinculo, participante,
    /// interessado, nota, pedido, analise, veredito, numero, acao, restricao, corretiva, arquivo.
    pub tipo: String,
    /// The part that it is about: item, note, request, analysis, action.
    pub part: Option<Uuid>,
    /// The field, where it is one: `CAMPO`, or `COLECAO/ID/CAMPO` of a part.
    pub field: Option<String>,
    /// What the field was called when the line was written.
    pub label: Option<String>,
    /// The value before, as text of the log.
    pub before: Option<String>,
    /// The value after, as text of the log.
    pub after: Option<String>,
    /// The sentence of the log.
    pub text: String,
    /// Who may read it.
    pub visibility: Visibilidade,
    /// The note that a note answers.
    pub answers: Option<NotaId>,
    /// Who.
    pub by: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When, by the clock of the device.
    pub on_device: DateTime<Utc>,
    /// When, by the server's clock, where that is known here.
    pub on_server: Option<DateTime<Utc>>,
}

/// A line, ready to be read.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The line of the log.
    pub entry: &'a Entry,
    /// The sentence, with names in place of ids and codes.
    pub text: String,
    /// What was changed, where the view shows that.
    pub change: Option<Change>,
    /// What a note says of itself: who may read it, and which way it went (R81).
    pub mark: Option<&'static str>,
    /// The note that it answers.
    pub quote: Option<Quote>,
    /// Whether the clock of the device and the server's told different times.
    pub clocks_differ: bool,
}

/// What something was and became.
#[derive(Clone, Debug)]
pub struct Change {
    /// The field by the name that programs know; `situacao` of a verdict.
    pub field: Option<String>,
    /// What a person reads of it.
    pub label: Option<String>,
    /// What was there before.
    pub before: Option<Side>,
    /// What is there since.
    pub after: Option<Side>,
    /// Whether it is one field of the record or of a part, and not a part or a person as a whole.
    pub of_field: bool,
}

/// One side of a change.
#[derive(Clone, Debug)]
pub struct Side {
    /// The value and its field, where the line is of one.
    pub value: Option<(&'static Campo, Valor)>,
    /// The text of the log.
    pub text: String,
    /// As people read it.
    pub words: Words,
}

/// The beginning of a note that another one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Who wrote it.
    pub by: UserId,
    /// The beginning, on one line.
    pub text: String,
}

impl Entry {
    /// What the line mentions.
    pub fn cite(&self, kind: Kind, cited: &mut Cited) {
        cited.people.insert(self.by);
        cited.devices.insert(self.device);
        for text in [&self.before, &self.after].into_iter().flatten() {
            match self.subject(kind) {
                Subject::Field(campo) => cited.kept(Some(campo), text),
                Subject::Person => cited.kept(None, text),
                Subject::Other => {}
            }
        }
    }

    fn subject(&self, kind: Kind) -> Subject {
        let field = match (self.tipo.as_str(), &self.field) {
            ("participante" | "interessado" | "analise", _) => return Subject::Person,
            ("campo", Some(name)) => located(kind, name).map(|at| at.campo),
            // What names a part that was added or removed may be a code.
            (tipo, name) => collection(tipo).and_then(|collection| match name {
                Some(name) => located(kind, name).map(|at| at.campo),
                None => kind.campo_de(collection, collection.campo_titulo()),
            }),
        };
        field.map_or(Subject::Other, Subject::Field)
    }
}

enum Subject {
    Field(&'static Campo),
    Person,
    Other,
}

/// The collection that a line of that type is about.
fn collection(tipo: &str) -> Option<Colecao> {
    Some(match tipo {
        "item" => Colecao::Itens,
        "despesa" => Colecao::Despesas,
        "anexo" => Colecao::Anexos,
        "vinculo" => Colecao::Vinculos,
        _ => return None,
    })
}

/// Lines of the log as people read them, in the order in which they are given.
pub fn lines<'a>(look: &Look<'_>, entries: &'a [Entry]) -> Vec<Line<'a>> {
    entries.iter().map(|entry| line(look, entry)).collect()
}

fn line<'a>(look: &Look<'_>, entry: &'a Entry) -> Line<'a> {
    let before = entry.before.as_deref().map(|text| side(look, entry, text));
    let after = entry.after.as_deref().map(|text| side(look, entry, text));
    let by_server = entry.by == UserId::SERVIDOR;
    let note = entry.tipo == "nota";
    Line {
        text: sentence(entry, after.as_ref().or(before.as_ref())),
        change: change(look, entry, before, after),
        mark: note.then(|| mark(look, entry)).flatten(),
        quote: entry.answers.and_then(|id| quote(look, id)),
        clocks_differ: !by_server
            && entry.on_server.is_some_and(|at| (at - entry.on_device).abs() > CLOCKS_DIFFER),
        entry,
    }
}

fn side(look: &Look<'_>, entry: &Entry, text: &str) -> Side {
    let plain = |text: &str| Words { text: text.to_owned(), ..Words::default() };
    let kind = look.record.kind;
    let (value, words) = match (entry.tipo.as_str(), entry.subject(kind)) {
        (_, Subject::Field(campo)) => {
            let own = entry.tipo == "campo";
            let value = kept(campo, text);
            let said = words(campo, &value, own.then_some(look.tipo), look.names, look.zone);
            (Some((campo, value)), said)
        }
        (_, Subject::Person) => {
            let id = text.parse::<UserId>().ok();
            (None, plain(id.map_or(text, |id| look.names.person_or_unknown(id))))
        }
        ("veredito", _) => {
            (None, plain(look.tipo.fluxo.situacao(text).map_or(text, |s| s.nome.as_str())))
        }
        ("arquivo", _) => {
            (None, plain(SituacaoArquivo::de_codigo(text).map_or(text, |s| s.rotulo())))
        }
        _ => (None, plain(text)),
    };
    Side { value, text: text.to_owned(), words }
}

/// The sentence of the log, with the name that it left out or has as a code.
fn sentence(entry: &Entry, named: Option<&Side>) -> String {
    let Some(name) = named.map(|side| side.words.text.as_str()) else {
        return entry.text.clone();
    };
    let text = entry.text.trim_end_matches('.');
    match entry.tipo.as_str() {
        "participante" | "interessado" => format!("{text}: {name}."),
        "analise" => format!("{}\nEncaminhado a {name}.", entry.text),
        "item" | "despesa" | "anexo" | "vinculo" if entry.field.is_none() => {
            let (what, _) = text.split_once(": ").unwrap_or((text, ""));
            format!("{what}: {name}.")
        }
        _ => entry.text.clone(),
    }
}

fn change(
    look: &Look<'_>,
    entry: &Entry,
    before: Option<Side>,
    after: Option<Side>,
) -> Option<Change> {
    let at = entry.field.as_deref().and_then(|name| located(look.record.kind, name));
    let (field, label, of_field) = match entry.tipo.as_str() {
        "campo" | "texto" => {
            let label = at.map(|at| at.label(look.tipo)).or_else(|| entry.label.clone());
            (entry.field.clone(), label, true)
        }
        // The change log reads of a situação like of any other field (R82).
        "veredito" => (Some("situacao".to_owned()), Some("Situação".to_owned()), false),
        "participante" => (None, Some("Participante".to_owned()), false),
        "interessado" => (None, Some("Interessado".to_owned()), false),
        tipo => match (collection(tipo), at) {
            (Some(_), Some(at)) => (entry.field.clone(), Some(at.label(look.tipo)), true),
            (Some(collection), None) => {
                (entry.field.clone(), Some(collection.rotulo().to_owned()), false)
            }
            // What else has a value before or after is no change of the record's own.
            (None, _) if before.is_none() && after.is_none() => return None,
            (None, _) => (entry.field.clone(), entry.label.clone(), false),
        },
    };
    Some(Change { field, label, before, after, of_field })
}

fn mark(look: &Look<'_>, entry: &Entry) -> Option<&'static str> {
    match entry.visibility {
        Visibilidade::Cliente if look.names.is_client(entry.by) => Some("recebida do cliente"),
        Visibilidade::Cliente => Some("visível ao cliente"),
        Visibilidade::Interna if look.tipo.visivel_no_portal => Some("interna"),
        Visibilidade::Interna => None,
    }
}

fn quote(look: &Look<'_>, id: NotaId) -> Option<Quote> {
    let note = look.record.notas.iter().find(|note| note.id == id)?;
    let mut text: String = note.texto.chars().take(QUOTED_CHARS).collect();
    if text.len() < note.texto.len() {
        text.push('…');
    }
    Some(Quote { by: note.autoria.por, text: text.replace('\n', " ") })
}

/// Notes as conversations: each with its place in the list that was given and its depth, every
/// answer below what it answers, in the order of the list otherwise. Sorted by place, a
/// conversation is what was said one after the other. Flat, because how deep answers go is up to
/// whoever writes.
pub fn threads(notes: &[(NotaId, Option<NotaId>)]) -> Vec<Vec<(u32, usize)>> {
    let places: BTreeMap<NotaId, usize> =
        notes.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
    let mut answers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut firsts = Vec::new();
    for (place, (_, answered)) in notes.iter().enumerate() {
        match answered.and_then(|id| places.get(&id)).filter(|above| **above != place) {
            Some(above) => answers.entry(*above).or_default().push(place),
            None => firsts.push(place),
        }
    }
    let mut seen = vec![false; notes.len()];
    // What answers itself in a circle hangs on nothing, and comes last.
    let circles = 0..notes.len();
    let mut conversations = Vec::new();
    for first in firsts.into_iter().chain(circles) {
        let (mut conversation, mut open) = (Vec::new(), vec![(0, first)]);
        while let Some((depth, place)) = open.pop() {
            if !std::mem::replace(&mut seen[place], true) {
                conversation.push((depth, place));
                let below = answers.get(&place).into_iter().flatten().rev();
                open.extend(below.map(|answer| (depth + 1, *answer)));
            }
        }
        if !conversation.is_empty() {
            conversations.push(conversation);
        }
    }
    conversations
}
