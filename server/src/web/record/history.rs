//! The acompanhamento of a record: its lines, its stages, its conversations (R78–R82), and the form
//! that writes into it.

use super::{
    load::RecordRead,
    shown::{device, moment, person},
};
use crate::{
    reading::timeline::Place,
    web::{form::Draft, format::Moment},
};
use campo_domain::{
    ids::{NotaId, UserId},
    pt_br,
    registro::Visibilidade,
};
use campo_screens::{self as screens, Entry, Line, Look, May, Side, View, threads, visits};
use uuid::Uuid;

/// One line.
pub struct EntryView {
    /// Its place, stable while newer lines come.
    pub anchor: String,
    pub tipo: String,
    pub who: String,
    /// On which device; empty for the server itself.
    pub whence: String,
    /// When it reached the server.
    pub at: Moment,
    /// When it was done by the device's clock.
    pub on_device: String,
    /// Whether the two clocks tell different times.
    pub differ: bool,
    pub text: String,
    pub change: Option<ChangeView>,
    /// What a note says of itself: who may read it, and which way it went.
    pub mark: Option<&'static str>,
    /// The note that it answers, as far as it is known.
    pub answers: Option<String>,
    /// The form that answers a note.
    pub reply: Option<NoteForm>,
    /// Whether it stands below the note that it answers.
    pub indented: bool,
}

/// What something was and became.
pub struct ChangeView {
    pub label: String,
    pub from: String,
    pub to: String,
}

/// A form that writes a note.
pub struct NoteForm {
    pub id: Uuid,
    /// Its key in the page.
    pub key: String,
    pub answers: Option<Uuid>,
    pub text: String,
    /// Whether a client reads along here at all.
    pub portal: bool,
    pub for_client: bool,
    pub error: Option<String>,
}

/// A situação that the record passed through (R79).
pub struct StageView {
    pub situacao: String,
    pub fase: &'static str,
    pub from: Moment,
    pub until: Option<Moment>,
    /// Who was responsible meanwhile.
    pub attendants: String,
    /// Who brought it there, and why.
    pub by: String,
    pub reason: String,
}

/// A tab of the acompanhamento.
pub struct Tab {
    pub view: View,
    pub current: bool,
}

/// The tabs.
pub fn tabs(current: View) -> Vec<Tab> {
    View::ALL.map(|view| Tab { view, current: view == current }).into()
}

/// What a line needs besides itself.
struct Lines<'a> {
    look: &'a Look<'a>,
    may: &'a May,
    view: View,
    draft: Option<&'a Draft>,
}

/// The lines that were asked for: newest first; conversations with their answers below, in order.
pub fn entries(
    look: &Look<'_>,
    may: &May,
    read: &RecordRead,
    draft: Option<&Draft>,
) -> Vec<EntryView> {
    let log = &read.log;
    let context = Lines { look, may, view: log.view, draft };
    let lines = screens::lines(look, &log.entries).into_iter().zip(&log.places);
    let shown = lines.map(|(line, place)| context.entry(line, *place));
    match log.view {
        View::Conversas => by_conversation(shown.collect(), &log.entries),
        _ => shown.collect(),
    }
}

/// The newest conversation first; within one, the oldest note.
fn by_conversation(lines: Vec<EntryView>, entries: &[Entry]) -> Vec<EntryView> {
    // Oldest first, as the conversations count them.
    let notes: Vec<(NotaId, Option<NotaId>)> = entries
        .iter()
        .rev()
        .map(|entry| (note(entry).unwrap_or(NotaId::from_u128(0)), entry.answers))
        .collect();
    let mut lines: Vec<Option<EntryView>> = lines.into_iter().rev().map(Some).collect();
    let mut ordered = Vec::new();
    for mut conversation in threads(&notes).into_iter().rev() {
        conversation.sort_by_key(|(_, place)| *place);
        let places = conversation.into_iter().map(|(_, place)| place);
        ordered.extend(places.filter_map(|place| lines.get_mut(place)?.take()));
    }
    ordered
}

/// The note that a line is.
fn note(entry: &Entry) -> Option<NotaId> {
    entry.part.filter(|_| entry.tipo == "nota").map(NotaId::from)
}

impl Lines<'_> {
    fn entry(&self, line: Line<'_>, place: Place) -> EntryView {
        let (look, entry) = (self.look, line.entry);
        let by_server = entry.by == UserId::SERVIDOR;
        let quoted = |quote: screens::Quote| format!("{}: {}", person(look, quote.by), quote.text);
        EntryView {
            anchor: format!("h-{}-{}", place.seq, place.order),
            tipo: entry.tipo.clone(),
            who: person(look, entry.by),
            whence: if by_server { String::new() } else { device(look, entry.device) },
            at: moment(look, entry.on_server.unwrap_or(entry.on_device)),
            on_device: pt_br::moment(entry.on_device, look.zone),
            differ: line.clocks_differ,
            text: line.text,
            change: line.change.and_then(|change| self.change(change)),
            mark: line.mark,
            answers: line.quote.map(quoted),
            reply: note(entry).and_then(|id| {
                // An answer goes where the question came from.
                let for_client = entry.visibility == Visibilidade::Cliente;
                let key = format!("resposta-{id}");
                note_form(look, self.may, self.draft, key, Some(id.uuid()), for_client)
            }),
            indented: self.view == View::Conversas && entry.answers.is_some(),
        }
    }

    /// What became of a field; in the change log, of whatever it has.
    fn change(&self, change: screens::Change) -> Option<ChangeView> {
        let shown = change.of_field || self.view == View::Alteracoes;
        let side = |side: Option<Side>| side.map(|side| side.words.text).unwrap_or_default();
        let label = change.label.filter(|_| shown)?;
        Some(ChangeView { label, from: side(change.before), to: side(change.after) })
    }
}

/// The form of a new note, where the person may write one.
pub fn new_note(look: &Look<'_>, may: &May, draft: Option<&Draft>) -> Option<NoteForm> {
    note_form(look, may, draft, "nota".into(), None, false)
}

fn note_form(
    look: &Look<'_>,
    may: &May,
    draft: Option<&Draft>,
    key: String,
    answers: Option<Uuid>,
    for_client: bool,
) -> Option<NoteForm> {
    may.notes.as_ref().ok()?;
    let draft = Draft::of(draft, &key);
    Some(NoteForm {
        id: Draft::id(draft, "nota"),
        answers,
        text: Draft::text(draft, "texto", String::new),
        portal: look.tipo.visivel_no_portal && may.notes_to_client.is_ok(),
        for_client: draft.map_or(for_client, |d| d.sent.get("visibilidade") == "cliente"),
        error: Draft::error(draft),
        key,
    })
}

/// Every situação that the record passed through, the first one first, with who was responsible in
/// it.
pub fn stages(look: &Look<'_>, read: &RecordRead) -> Vec<StageView> {
    let stages = screens::stages(look.record, look.tipo, &read.log.handovers, look.now);
    let view = |visit: screens::Visit<'_>| {
        let attendants = visit.attendants.iter().map(|attendant| match attendant {
            Some(id) => person(look, *id),
            None => "Sem responsável".to_owned(),
        });
        StageView {
            situacao: visit.situacao.map_or_else(String::new, |s| s.nome.clone()),
            fase: visit.situacao.map_or("", |s| s.fase.codigo()),
            from: moment(look, visit.since),
            until: visit.until.map(|until| moment(look, until)),
            attendants: attendants.collect::<Vec<_>>().join(" → "),
            by: person(look, visit.by),
            reason: visit.reason.unwrap_or_default().to_owned(),
        }
    };
    visits(&stages).into_iter().map(view).collect()
}
