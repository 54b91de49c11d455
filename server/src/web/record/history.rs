//! The acompanhamento: every operation on the record, with who and when (R78).

use super::{
    fields::show_kept,
    load::{Loaded, Names},
};
use crate::web::{
    format::{self, Moment},
    queries::record::Entry,
};
use campo_domain::kind::Kind;
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
    EntryView {
        anchor: format!("h-{}-{}", entry.seq, entry.ordem),
        tipo: entry.tipo.clone(),
        who: names.people.name_or_unknown(entry.por),
        whence: names.device(entry.dispositivo),
        at: Moment::new(entry.no_servidor, now, fuso),
        on_device: differ.then(|| format::instant(entry.no_aparelho, fuso)),
        text: entry.texto.clone(),
        change: change(entry, kind, names, fuso),
    }
}

fn change(entry: &Entry, kind: Kind, names: &Names, fuso: Tz) -> Option<Change> {
    if entry.de.is_none() && entry.para.is_none() {
        return None;
    }
    let name = entry.campo.as_deref().unwrap_or_default();
    let campo = match entry.tipo.as_str() {
        "item" => kind.campo_item(name.rsplit('/').next().unwrap_or(name)),
        _ => kind.campo(name),
    };
    let kept = |value: &Option<String>| {
        let value = value.as_deref().unwrap_or_default();
        show_kept(campo, value, names, fuso)
    };
    let label = entry.rotulo.clone().or_else(|| campo.map(|campo| campo.rotulo.to_owned()));
    Some(Change { label: label.unwrap_or_default(), from: kept(&entry.de), to: kept(&entry.para) })
}
