//! The acompanhamento: every operation on the record, with who and when (R78).

use super::{
    fields::show_kept,
    load::{Loaded, Names},
};
use crate::web::{
    format::{self, Moment},
    queries::record::Entry,
};
use campo_domain::{ids::UserId, kind::Kind};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

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
    /// When it was done by the device's clock, where that differs.
    pub on_device: Option<String>,
    pub text: String,
    pub change: Option<Change>,
}

/// What a field was and became.
pub struct Change {
    pub label: String,
    pub from: String,
    pub to: String,
}

/// The lines that were asked for, newest first.
pub fn entries(loaded: &Loaded, now: DateTime<Utc>, fuso: Tz) -> Vec<EntryView> {
    let kind = loaded.registro.kind;
    let lines = loaded.history.iter().take(loaded.history_limit);
    lines.map(|entry| view(entry, kind, &loaded.names, now, fuso)).collect()
}

fn view(entry: &Entry, kind: Kind, names: &Names, now: DateTime<Utc>, fuso: Tz) -> EntryView {
    let differ = (entry.no_servidor - entry.no_aparelho).abs() > CLOCKS_DIFFER;
    let server = entry.por == UserId::SERVIDOR.uuid();
    EntryView {
        anchor: format!("h-{}-{}", entry.seq, entry.ordem),
        tipo: entry.tipo.clone(),
        who: names.people.name_or_unknown(entry.por),
        whence: if server { String::new() } else { names.device(entry.dispositivo) },
        at: Moment::new(entry.no_servidor, now, fuso),
        on_device: differ.then(|| format::instant(entry.no_aparelho, fuso)),
        text: text(entry, names, fuso),
        change: change(entry, kind, names, fuso),
    }
}

fn text(entry: &Entry, names: &Names, fuso: Tz) -> String {
    match (entry.tipo.as_str(), entry.para.as_deref().or(entry.de.as_deref())) {
        ("participante", Some(who)) => {
            let sentence = entry.texto.trim_end_matches('.');
            format!("{sentence}: {}.", show_kept(None, who, names, fuso))
        }
        _ => entry.texto.clone(),
    }
}

/// What became of a field, where the line is of one: `nome`, or `itens/ID/nome`.
fn change(entry: &Entry, kind: Kind, names: &Names, fuso: Tz) -> Option<Change> {
    let name = entry.campo.as_deref()?;
    let campo = match (entry.tipo.as_str(), name.rsplit_once('/')) {
        ("item", Some((_, name))) => kind.campo_item(name),
        ("campo" | "texto", _) => kind.campo(name),
        _ => None,
    }?;
    let kept = |value: &Option<String>| {
        let value = value.as_deref().filter(|value| !value.is_empty());
        value.map_or_else(String::new, |value| show_kept(Some(campo), value, names, fuso))
    };
    let label = match entry.tipo.as_str() {
        "item" => format!("{} do item", campo.rotulo),
        _ => campo.rotulo.to_owned(),
    };
    Some(Change { label, from: kept(&entry.de), to: kept(&entry.para) })
}
