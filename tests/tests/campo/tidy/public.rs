//! Nothing is visible to others that no other names. What stays is private, and the compiler says
//! when nobody uses it any more.

use super::{
    facts::{Public, Seen},
    modules::{Found, MODULES},
    none,
    workspace::WORKSPACE,
};
use std::collections::{BTreeMap, BTreeSet};

/// Who names a word: files, and crates as Cargo builds them (`mobile-core/src`, `sync/tests`).
#[derive(Default)]
struct Namers<'a> {
    files: BTreeSet<&'a str>,
    crates: BTreeSet<String>,
}

fn namers() -> BTreeMap<&'static str, Namers<'static>> {
    let mut namers: BTreeMap<&str, Namers<'_>> = BTreeMap::new();
    for (path, source) in &WORKSPACE.sources {
        let built = built_as(path, &source.member);
        for word in &source.facts.words {
            let of_word = namers.entry(word).or_default();
            of_word.files.insert(path);
            if !of_word.crates.contains(&built) {
                of_word.crates.insert(built.clone());
            }
        }
    }
    for word in &WORKSPACE.template_words {
        namers.entry(word).or_default().files.insert("a template");
    }
    namers
}

/// The crate that a file is built into: `src` is a library, which its own programs and tests name
/// as others do.
fn built_as(path: &str, member: &str) -> String {
    let inside = path.strip_prefix(member).unwrap_or(path);
    let mut parts = inside.split('/').skip(1);
    let part = parts.next().unwrap_or_default();
    let program = path.ends_with("src/main.rs") || parts.next() == Some("bin");
    format!("{member}/{part}{}", if program { "/main" } else { "" })
}

/// What is to mend, one fault a line.
pub fn faults() -> Vec<String> {
    let namers = namers();
    let reachable = MODULES.reachable();
    let mut mentioned: BTreeSet<&String> = BTreeSet::new();
    for (_, source) in WORKSPACE.product() {
        mentioned.extend(source.facts.public.iter().flat_map(|item| &item.mentions));
        mentioned.extend(&source.facts.implemented);
    }
    let mut faults = Vec::new();
    for (id, module) in MODULES.files() {
        let source = &WORKSPACE.sources[&module.file];
        let built = built_as(&module.file, &source.member);
        for item in &source.facts.public {
            let nobody = Namers::default();
            let of_word = namers.get(item.name.as_str()).unwrap_or(&nobody);
            let outside = of_word.crates.iter().any(|other| *other != built);
            let other_file = of_word.files.iter().any(|other| *other != module.file);
            let shown = item.is_type && mentioned.contains(&item.name);
            let dead = if is_reachable(&reachable, id, item) {
                !outside && !shown
            } else {
                !other_file && !shown
            };
            if dead {
                faults.push(told(&module.file, item));
            }
        }
    }
    faults
}

/// Whether another crate could name it.
fn is_reachable(reachable: &BTreeSet<(usize, String)>, id: usize, item: &Public) -> bool {
    let owner = item.of.as_ref().unwrap_or(&item.name);
    let inner = MODULES.inner(id, &item.scope).unwrap_or(id);
    let at = match MODULES.resolve(inner, std::slice::from_ref(owner)) {
        Some(Found::Item(at, name)) => (at, name),
        _ => (inner, owner.clone()),
    };
    item.seen == Seen::Everywhere && reachable.contains(&at)
}

fn told(file: &str, item: &Public) -> String {
    let of = item.of.as_ref().map(|of| format!("{of}::")).unwrap_or_default();
    let who = match item.seen {
        Seen::Everywhere => "no other crate",
        Seen::InCrate => "no other file",
    };
    format!("{file}:{}: {of}{} is visible, but {who} names it", item.line, item.name)
}

#[test]
fn nothing_is_visible_that_nobody_names() {
    none(&faults());
}
