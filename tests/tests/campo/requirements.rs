//! `docs/requirements.md` is true: each requirement that is built has its row, each piece of code
//! that a row names is there, and so is each test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What must have a row. Printing, mass update, merge, delete, import and reports are not built
/// yet.
fn built() -> Vec<u32> {
    (1..=87).chain([91, 94, 100]).collect()
}

struct Row {
    requirement: u32,
    asks: String,
    code: String,
    proof: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(root().join("docs/requirements.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| R") && !line.starts_with("| R |"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [requirement, asks, code, proof] = cells[..] else {
            panic!("not four columns: {line}");
        };
        Row {
            requirement: requirement.trim_start_matches('R').parse().unwrap(),
            asks: asks.into(),
            code: code.into(),
            proof: proof.into(),
        }
    };
    rows.map(row).collect()
}

/// What a cell has in code type.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The text of a file, or of all files of a folder.
fn text(path: &str) -> Option<String> {
    let place = root().join(path);
    if place.is_dir() {
        let mut whole = String::new();
        for entry in fs::read_dir(place).unwrap() {
            let inside = format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap());
            whole.push_str(&text(&inside).unwrap_or_default());
        }
        return Some(whole);
    }
    fs::read_to_string(place).ok()
}

/// The last part of a path of names.
fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

#[test]
fn every_requirement_that_is_built_has_one_row() {
    let found: Vec<u32> = rows().iter().map(|row| row.requirement).collect();
    assert_eq!(found, built());
    for row in rows() {
        assert!(!row.asks.is_empty(), "R{} says nothing", row.requirement);
        assert!(!quoted(&row.code).is_empty(), "R{} names no code", row.requirement);
        assert!(!quoted(&row.proof).is_empty(), "R{} names no test", row.requirement);
    }
}

#[test]
fn the_code_that_a_row_names_is_there() {
    let mut faults = Vec::new();
    let mut read: BTreeMap<String, Option<String>> = BTreeMap::new();
    for row in rows() {
        // A name without a path is in the file that was named before it.
        let mut file = String::new();
        for name in quoted(&row.code) {
            let (path, symbol) = match name.split_once("::") {
                Some((path, symbol)) if path.contains('/') => (path, Some(symbol)),
                None if name.contains('/') => (name, None),
                _ => (file.as_str(), Some(name)),
            };
            let whole = read.entry(path.to_owned()).or_insert_with(|| text(path));
            match (whole, symbol) {
                (None, _) => faults.push(format!("R{}: no file {path}", row.requirement)),
                (Some(whole), Some(symbol)) if !whole.contains(last(symbol)) => {
                    faults.push(format!("R{}: no {symbol} in {path}", row.requirement));
                }
                _ => {}
            }
            file = path.to_owned();
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_test_that_proves_a_row_is_there() {
    let mut faults = Vec::new();
    for row in rows() {
        if row.proof.contains("planned:") || row.code.contains("planned:") {
            faults.push(format!("R{} is only planned", row.requirement));
        }
        for proof in quoted(&row.proof) {
            let Some((path, test)) = proof.split_once("::") else {
                faults.push(format!("R{}: {proof} is no test", row.requirement));
                continue;
            };
            let whole = text(path).unwrap_or_default();
            let whole = whole.replace("async fn", "fn");
            // A test, and not a helper of that name.
            let name = format!("fn {test}(");
            let proven = whole.split("test]").skip(1).any(|after| {
                after.lines().take(3).any(|line| line.trim_start().starts_with(&name))
            });
            if !proven {
                faults.push(format!("R{}: no test {test} in {path}", row.requirement));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
