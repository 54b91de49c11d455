//! What stands on what: the crates, and inside the server and the phone's core their modules. An
//! import leads to a lower layer, never to the same or a higher one.

use super::{circles, none, workspace::WORKSPACE};
use std::collections::BTreeMap;

/// The crates, and which of each other they are built from.
const CRATES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("fotos", &[]),
    ("sync", &["campo-domain"]),
    ("screens", &["campo-domain"]),
    ("mobile-core", &["campo-domain", "campo-sync", "campo-fotos", "campo-screens"]),
    ("server", &["campo-domain", "campo-sync", "campo-fotos", "campo-screens"]),
    (
        "tests",
        &["campo-domain", "campo-sync", "campo-screens", "campo-mobile-core", "campo-server"],
    ),
];

/// What the tests of a crate need besides: those of `screens` make records as phones do.
const TESTED_WITH: &[(&str, &str)] = &[("screens", "campo-sync")];

/// Crates of others that one of ours, tests included, must never be built from: what is pure has no
/// clock, socket, disk or database, and neither side takes the other's database.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["automerge", "axum", "minicbor", "rusqlite", "sqlx", "tokio", "ureq"]),
    ("fotos", &["axum", "rusqlite", "sqlx", "tokio", "ureq"]),
    ("sync", &["axum", "rusqlite", "sqlx", "tokio", "ureq"]),
    ("screens", &["automerge", "axum", "minicbor", "rusqlite", "sqlx", "tokio", "ureq"]),
    ("mobile-core", &["axum", "sqlx", "tokio"]),
    ("server", &["rusqlite", "ureq"]),
];

/// The modules of the server, lowest first. Those of one layer do not know each other.
pub const SERVER: &[&[&str]] = &[
    &["config", "visibility", "schemas"],
    &["error", "shutdown"],
    &["log", "db", "drain", "search", "objects", "postgres"],
    &["ledger", "projection"],
    &["live", "reference"],
    &["reading"],
    &["outbox"],
    &["commit"],
    &["app"],
    &["auth", "office"],
    &["http"],
    &["arquivos"],
    &["api", "web"],
    &["demo", "rebuild", "timers"],
    &["routes"],
    &["admin", "serve"],
    &["cli"],
    &["testing"],
];

/// The modules of the phone's core, lowest first.
pub const PHONE: &[&[&str]] = &[
    &["budget", "http", "retry"],
    &["store", "transfer"],
    &["error", "files"],
    &["names", "phone", "prepare"],
    &["commands", "history", "photos", "run", "sign_in"],
    &["creation", "sync"],
    &["form", "pending", "reading", "status"],
    &["show"],
];

/// The crates whose modules have layers.
pub const LAYERED: [(&str, &[&[&str]]); 2] = [("server", SERVER), ("mobile-core", PHONE)];

fn faults_of_crates() -> Vec<String> {
    let allowed: BTreeMap<_, _> = CRATES.iter().copied().collect();
    let never: BTreeMap<_, _> = NEVER.iter().copied().collect();
    let mut faults = Vec::new();
    for member in &WORKSPACE.members {
        let folder = member.folder.as_str();
        let Some(allowed) = allowed.get(folder) else {
            faults.push(format!("{folder} has no place among the crates"));
            continue;
        };
        for name in member.depends.union(&member.tested_with) {
            let ours = WORKSPACE.members.iter().any(|other| other.package == *name);
            let forbidden = never.get(folder).is_some_and(|names| names.contains(&name.as_str()));
            let name = name.as_str();
            let in_tests = !member.depends.contains(name) && TESTED_WITH.contains(&(folder, name));
            if forbidden || (ours && !in_tests && !allowed.contains(&name)) {
                faults.push(format!("{folder} must not depend on {name}"));
            }
        }
    }
    faults
}

/// What of a crate's modules does not agree with its layers.
fn faults_of_modules(folder: &str, layers: &[&[&str]]) -> Vec<String> {
    let each = layers.iter().enumerate();
    let layer_of: BTreeMap<&str, usize> =
        each.flat_map(|(at, names)| names.iter().map(move |name| (*name, at))).collect();
    let graph = circles::top_modules(folder);
    let mut faults = Vec::new();
    for name in layer_of.keys().filter(|name| !graph.contains_key(**name)) {
        faults.push(format!("{folder}: a layer names {name}, which is no module"));
    }
    for (from, needs) in &graph {
        let Some(own) = layer_of.get(from.as_str()) else {
            faults.push(format!("{folder}: {from} has no layer"));
            continue;
        };
        for (to, place) in needs {
            if layer_of.get(to.as_str()).is_some_and(|its| its >= own) {
                faults.push(format!("{folder}: {from} must not need {to} ({place})"));
            }
        }
    }
    faults
}

/// What is to mend, one fault a line.
pub fn faults() -> Vec<String> {
    let modules = LAYERED.iter().flat_map(|(folder, layers)| faults_of_modules(folder, layers));
    faults_of_crates().into_iter().chain(modules).collect()
}

#[test]
fn imports_lead_downward_only() {
    none(&faults());
}
