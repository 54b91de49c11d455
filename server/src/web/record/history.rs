//! The acompanhamento of a record: its lines, its stages, its conversations (R78–R82), and the form
//! that writes into it.

use super::load::Loaded;
use crate::{
    reading::{
        timeline::{Entry, Visao},
        values::{self, Reader},
    },
    web::{
        form::Draft,
        format::{self, Moment},
        page::Visit,
    },
};
use campo_domain::{
    fluxo::Situacao,
    ids::UserId,
    parte::Colecao,
    policy::{self, Parte},
    registro::{Registro, Visibilidade},
    tipo::Tipo,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// From which difference on the clock of the device is shown beside the server's.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);

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
    pub change: Option<Change>,
    /// What a note says of itself: who may read it, and which way it went.
    pub mark: Option<&'static str>,
    /// The note that it answers, as far as it is known.
    pub answers: Option<String>,
    /// The form that answers a note.
    pub reply: Option<NoteForm>,
    /// Whether it stands below the note that it answers.
    pub indented: bool,
}

/// What a field was and became.
pub struct Change {
    pub label: String,
    pub from: String,
    pub to: String,
}

/// A form that writes a note.
pub struct NoteForm {
    pub id: Uuid,
    pub form: String,
    pub answers: Option<Uuid>,
    pub text: String,
    /// Whether a client reads along here at all.
    pub portal: bool,
    pub for_client: bool,
    pub error: Option<String>,
}

/// A stage that the record passed through (R79).
pub struct Stage {
    pub situacao: String,
    pub fase: &'static str,
    pub from: Moment,
    pub until: Option<Moment>,
    /// Who was responsible meanwhile.
    pub attendants: String,
    /// Who brought it there, and why.
    pub by: String,
    pub motivo: String,
}

/// A tab of the acompanhamento.
pub struct Tab {
    pub visao: Visao,
    pub current: bool,
}

/// The tabs.
pub fn tabs(current: Visao) -> Vec<Tab> {
    Visao::TODAS.map(|visao| Tab { visao, current: visao == current }).into()
}

/// The lines that were asked for: newest first; conversations with their answers below, in order.
pub fn entries(loaded: &Loaded, visit: &Visit, draft: Option<&Draft>) -> Vec<EntryView> {
    let lines: Vec<&Entry> = loaded.history.iter().take(loaded.history_limit).collect();
    match loaded.visao {
        Visao::Tramite => Vec::new(),
        Visao::Conversas => {
            let by_note: BTreeMap<Uuid, &Entry> =
                lines.iter().filter_map(|line| Some((line.parte?, *line))).collect();
            let root = |line: &Entry| thread(line, &by_note);
            let mut threads: Vec<(i64, i32, Vec<&Entry>)> = Vec::new();
            // Oldest first within a thread; the newest thread comes first.
            for line in lines.iter().rev() {
                let key = root(line);
                match threads.iter_mut().find(|(seq, ordem, _)| (*seq, *ordem) == key) {
                    Some((.., notes)) => notes.push(line),
                    None => threads.push((key.0, key.1, vec![line])),
                }
            }
            let ordered = threads.into_iter().rev().flat_map(|(.., notes)| notes);
            ordered.map(|line| view(line, loaded, visit, draft)).collect()
        }
        _ => lines.into_iter().map(|line| view(line, loaded, visit, draft)).collect(),
    }
}

/// Where the thread of a note begins, as far as its notes are loaded.
fn thread(line: &Entry, by_note: &BTreeMap<Uuid, &Entry>) -> (i64, i32) {
    let mut first = line;
    // A note answers an older one, so this ends; bounded all the same.
    for _ in 0..by_note.len() {
        match first.resposta_a.and_then(|id| by_note.get(&id)) {
            Some(above) => first = above,
            None => break,
        }
    }
    (first.seq, first.ordem)
}

fn view(entry: &Entry, loaded: &Loaded, visit: &Visit, draft: Option<&Draft>) -> EntryView {
    let (names, fuso) = (&loaded.names, loaded.fuso);
    let server = entry.por == UserId::SERVIDOR.uuid();
    let is_note = entry.tipo == "nota";
    EntryView {
        anchor: format!("h-{}-{}", entry.seq, entry.ordem),
        tipo: entry.tipo.clone(),
        who: names.people.name_or_unknown(entry.por),
        whence: if server { String::new() } else { names.device(entry.dispositivo) },
        at: Moment::new(entry.no_servidor, visit.now, fuso),
        on_device: format::instant(entry.no_aparelho, fuso),
        differ: !server && (entry.no_servidor - entry.no_aparelho).abs() > CLOCKS_DIFFER,
        text: text(entry, &loaded.reader()),
        change: change(entry, loaded)
            .or_else(|| (loaded.visao == Visao::Alteracoes).then(|| alteration(entry, loaded))?),
        mark: is_note.then(|| mark(entry, loaded)).flatten(),
        answers: entry.resposta_a.and_then(|id| quoted(id, loaded)),
        reply: entry
            .parte
            .filter(|_| is_note)
            .and_then(|id| reply(id, entry, loaded, visit, draft)),
        indented: loaded.visao == Visao::Conversas && entry.resposta_a.is_some(),
    }
}

fn text(entry: &Entry, reader: &Reader<'_>) -> String {
    match (entry.tipo.as_str(), entry.para.as_deref().or(entry.de.as_deref())) {
        ("participante" | "interessado", Some(who)) => {
            let sentence = entry.texto.trim_end_matches('.');
            format!("{sentence}: {}.", reader.show_kept(None, who))
        }
        ("analise", Some(who)) => {
            format!("{}\nEncaminhado a {}.", entry.texto, reader.show_kept(None, who))
        }
        // What names a part may be a code.
        ("despesa" | "vinculo", Some(code)) if entry.campo.is_none() => {
            let em = part_of(&entry.tipo).unwrap_or_default();
            let campo = reader.tipo.kind.campo_de(em, em.campo_titulo());
            entry.texto.replace(code, &reader.show_kept(campo, code))
        }
        _ => entry.texto.clone(),
    }
}

/// What became of a field, where the line is of one: `nome`, or `COLECAO/ID/nome`.
fn change(entry: &Entry, loaded: &Loaded) -> Option<Change> {
    const FIELDS: [&str; 6] = ["campo", "texto", "item", "despesa", "anexo", "vinculo"];
    let name = entry.campo.as_deref().filter(|_| FIELDS.contains(&entry.tipo.as_str()))?;
    let (campo, part) = values::named(loaded.registro.kind, name)?;
    let kept = |value: &Option<String>| {
        let value = value.as_deref().filter(|value| !value.is_empty());
        value.map_or_else(String::new, |value| loaded.reader().show_kept(Some(campo), value))
    };
    let label = match part {
        Some((em, _)) => values::label_of_part(campo, em),
        None => loaded.tipo.rotulo(campo.nome).to_owned(),
    };
    Some(Change { label, from: kept(&entry.de), to: kept(&entry.para) })
}

/// What the change log says of what is no single field: people, parts as a whole, the situação.
fn alteration(entry: &Entry, loaded: &Loaded) -> Option<Change> {
    let kind = loaded.registro.kind;
    let named = |value: &str| match entry.tipo.as_str() {
        "veredito" => {
            loaded.tipo.fluxo.situacao(value).map_or(value.to_owned(), |s| s.nome.clone())
        }
        "participante" | "interessado" => loaded.reader().show_kept(None, value),
        _ => {
            let em = part_of(&entry.tipo);
            let campo = em.and_then(|em| kind.campo_de(em, em.campo_titulo()));
            campo.map_or_else(|| value.to_owned(), |c| loaded.reader().show_kept(Some(c), value))
        }
    };
    let label = match entry.tipo.as_str() {
        "veredito" => "Situação",
        "participante" => "Participante",
        "interessado" => "Interessado",
        tipo => part_of(tipo)?.rotulo(),
    };
    let kept = |value: &Option<String>| value.as_deref().map(named).unwrap_or_default();
    Some(Change { label: label.to_owned(), from: kept(&entry.de), to: kept(&entry.para) })
}

/// The collection that a line of that type is about.
fn part_of(tipo: &str) -> Option<Colecao> {
    Some(match tipo {
        "item" => Colecao::Itens,
        "despesa" => Colecao::Despesas,
        "anexo" => Colecao::Anexos,
        "vinculo" => Colecao::Vinculos,
        _ => return None,
    })
}

/// Which way a note went, where clients read along (R81).
fn mark(entry: &Entry, loaded: &Loaded) -> Option<&'static str> {
    match entry.visibilidade.as_str() {
        "cliente" if loaded.names.people.is_client(entry.por) => Some("recebida do cliente"),
        "cliente" => Some("visível ao cliente"),
        _ if loaded.tipo.visivel_no_portal => Some("interna"),
        _ => None,
    }
}

/// The beginning of the note that another one answers.
fn quoted(id: Uuid, loaded: &Loaded) -> Option<String> {
    let nota = loaded.registro.notas.iter().find(|nota| nota.id.uuid() == id)?;
    let who = loaded.names.people.name_or_unknown(nota.autoria.por.uuid());
    let mut words: String = nota.texto.chars().take(60).collect();
    if words.len() < nota.texto.len() {
        words.push('…');
    }
    Some(format!("{who}: {}", words.replace('\n', " ")))
}

/// The form of a new note, where the person may write one.
pub fn note(loaded: &Loaded, visit: &Visit, draft: Option<&Draft>) -> Option<NoteForm> {
    note_form(loaded, visit, draft, "nota".into(), None, false)
}

fn reply(
    id: Uuid,
    entry: &Entry,
    loaded: &Loaded,
    visit: &Visit,
    draft: Option<&Draft>,
) -> Option<NoteForm> {
    // An answer goes where the question came from.
    let for_client = entry.visibilidade == "cliente";
    note_form(loaded, visit, draft, format!("resposta-{id}"), Some(id), for_client)
}

fn note_form(
    loaded: &Loaded,
    visit: &Visit,
    draft: Option<&Draft>,
    form: String,
    answers: Option<Uuid>,
    for_client: bool,
) -> Option<NoteForm> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let may =
        |parte| policy::pode_alterar_registro(&visit.auth.pessoa, registro, tipo, parte).is_ok();
    if !may(Parte::Nota) {
        return None;
    }
    let draft = Draft::of(draft, &form);
    let portal = tipo.visivel_no_portal && may(Parte::NotaAoCliente);
    Some(NoteForm {
        id: draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("nota")),
        answers,
        text: Draft::text(draft, "texto", String::new),
        portal,
        for_client: draft.map_or(for_client, |d| d.sent.get("visibilidade") == "cliente"),
        error: Draft::error(draft),
        form,
    })
}

/// Every stage that the record passed through, the first one first, with who was responsible in it.
pub fn stages(loaded: &Loaded, visit: &Visit) -> Vec<Stage> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let name = |id: UserId| loaded.names.people.name_or_unknown(id.uuid());
    let mut feitos: Vec<_> = registro.feitos().collect();
    feitos.sort_by_key(|(_, veredito)| veredito.quando);
    let begun = registro.recebido_em.unwrap_or(registro.criado_em);
    let first = feitos.first().map(|(_, veredito)| veredito.de.as_str());
    let mut passed = vec![(first, begun, name(registro.criacao.por), String::new())];
    for (pedido, veredito) in &feitos {
        let motivo = pedido.motivo.clone().unwrap_or_default();
        passed.push((Some(&veredito.para), veredito.quando, name(pedido.autoria.por), motivo));
    }
    let held = attendance(loaded, begun);
    let ends = passed.iter().skip(1).map(|stage| Some(stage.1)).chain([None]);
    let ends: Vec<Option<DateTime<Utc>>> = ends.collect();
    let moment = |at| Moment::new(at, visit.now, loaded.fuso);
    passed
        .into_iter()
        .zip(ends)
        .map(|((codigo, from, by, motivo), until)| {
            let situacao = situacao(tipo, registro, codigo);
            let meanwhile = held.iter().filter(|(since, to, _)| {
                until.is_none_or(|until| *since < until) && to.is_none_or(|to| to > from)
            });
            let mut attendants: Vec<String> = Vec::new();
            for (.., who) in meanwhile {
                let who = who.map_or_else(|| "Sem responsável".to_owned(), name);
                if attendants.last() != Some(&who) {
                    attendants.push(who);
                }
            }
            Stage {
                situacao: situacao.map_or_else(String::new, |s| s.nome.clone()),
                fase: situacao.map_or("", |s| s.fase.codigo()),
                from: moment(from),
                until: until.map(moment),
                attendants: attendants.join(" → "),
                by,
                motivo,
            }
        })
        .collect()
}

fn situacao<'a>(tipo: &'a Tipo, registro: &Registro, codigo: Option<&str>) -> Option<&'a Situacao> {
    match codigo {
        Some(codigo) => tipo.fluxo.situacao(codigo),
        None => registro.situacao(tipo),
    }
}

/// A stretch of time in which one person, or nobody, was responsible.
type Attendance = (DateTime<Utc>, Option<DateTime<Utc>>, Option<UserId>);

/// Who was responsible, since when and until when, oldest first.
fn attendance(loaded: &Loaded, begun: DateTime<Utc>) -> Vec<Attendance> {
    let person = |value: &Option<String>| value.as_deref().and_then(|id| id.parse().ok());
    let changes: Vec<&Entry> = loaded.history.iter().rev().collect();
    let mut held: Vec<Attendance> = Vec::new();
    let first = changes.first().map(|change| person(&change.de));
    held.push((begun, None, first.unwrap_or_else(|| loaded.registro.responsavel())));
    for change in changes {
        if let Some(last) = held.last_mut() {
            last.1 = Some(change.no_servidor);
        }
        held.push((change.no_servidor, None, person(&change.para)));
    }
    held
}
