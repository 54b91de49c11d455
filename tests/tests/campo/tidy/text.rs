//! What the text of a file must and must not have.

use super::{
    none, root,
    workspace::{Part, WORKSPACE},
};
use std::fs;

fn faults_of(check: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let each = WORKSPACE.sources.iter();
    each.filter_map(|(path, file)| Some(format!("{path}: {}", check(&file.text)?))).collect()
}

/// Files that do not open with what they are for.
pub fn without_header() -> Vec<String> {
    faults_of(|text| {
        let says = text.trim_start().starts_with("//!");
        (!says).then(|| "does not open with //!".into())
    })
}

/// Marks of something unfinished, and tests that are passed over.
pub fn left_open() -> Vec<String> {
    // Put together here, so that this file does not find itself.
    let open = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let conflict = ["<<<<", ">>>>"].map(|half| half.repeat(2)[..7].to_owned());
    let marks = [["FIX", "ME"].concat(), ["XX", "X"].concat(), ["#[ig", "nore"].concat()];
    let marks = [&conflict[..], &marks].concat();
    faults_of(|text| {
        let found = open.iter().chain(&marks).find(|word| text.contains(word.as_str()))?;
        Some(format!("has {found}"))
    })
}

/// The crates that say the same whenever and wherever they are asked.
const PURE: [&str; 4] = ["domain", "sync", "screens", "fotos"];

/// What asks for the time, for chance or for the network in a pure crate.
pub fn clocks() -> Vec<String> {
    let pure = WORKSPACE
        .sources
        .iter()
        .filter(|(_, file)| PURE.contains(&file.member.as_str()) && file.part == Part::Source);
    let words =
        ["Utc::now", "SystemTime::now", "Instant::now", "now_v7", "new_v4", "rand::", "std::net"];
    pure.flat_map(|(path, file)| {
        let found = words.iter().filter(|word| file.text.contains(**word));
        found.map(move |word| format!("{path} has {word}"))
    })
    .collect()
}

/// Where what a test needs is missing, it says so and passes; the check of every change requires
/// it.
pub fn passed_over() -> Vec<String> {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let required = ci.contains("export CAMPO_TESTS_BROWSER=required");
    let mut faults = Vec::new();
    if !required {
        faults.push(".ci/run does not require the tests in a browser".to_owned());
    }
    let says = ["println!(\"passed", "over"].join(" ");
    for (path, file) in &WORKSPACE.sources {
        if file.text.contains(&says) && !file.text.contains("CAMPO_TESTS_BROWSER") {
            faults.push(format!("{path} passes over a test that nothing can require"));
        }
    }
    faults
}

/// Links of the documents that lead to no file of this repository.
pub fn dead_links() -> Vec<String> {
    let mut faults = Vec::new();
    for folder in ["", "docs", "docs/adr", "migrations"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
            let own = links.filter(|link| !link.is_empty() && !link.contains(':'));
            let dead = own.filter(|link| !path.with_file_name(link).exists());
            faults.extend(dead.map(|link| format!("{}: no {link}", path.display())));
        }
    }
    faults
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    none(&dead_links());
}

#[test]
fn every_module_says_what_it_is_for() {
    none(&without_header());
}

#[test]
fn nothing_is_left_open() {
    none(&left_open());
}

#[test]
fn the_rules_know_no_clock_and_no_chance() {
    none(&clocks());
}

#[test]
fn no_check_passes_over_the_tests_in_a_browser() {
    none(&passed_over());
}
