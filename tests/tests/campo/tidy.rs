//! The house rules that a machine can check: arrows between crates, sizes, headers, nothing left
//! open.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["domain", "sync", "mobile-core", "server", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 60, "the sources were not found");
    found.sort();
    found
}

fn faults(check: impl Fn(&str) -> Option<String>) -> Vec<String> {
    sources()
        .iter()
        .filter_map(|(path, text)| Some(format!("{}: {}", path.display(), check(text)?)))
        .collect()
}

#[test]
fn lines_fit_on_a_screen_and_files_in_a_head() {
    let faults = faults(|text| {
        if text.lines().count() > 700 {
            return Some("more than 700 lines: split it by subject".into());
        }
        let long = text.lines().position(|line| line.chars().count() > 100)?;
        Some(format!("line {} is over 100 columns", long + 1))
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let faults = faults(|text| {
        let says = text.trim_start().starts_with("//!");
        (!says).then(|| "does not open with //!".into())
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file does not find itself.
    let open = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let marks = [["FIX", "ME"].concat(), ["XX", "X"].concat(), ["#[ig", "nore"].concat()];
    let faults = faults(|text| {
        let found = open.iter().chain(&marks).find(|word| text.contains(word.as_str()))?;
        Some(format!("has {found}"))
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn dependencies_point_downward_only() {
    let never: [(&str, &[&str]); 4] = [
        (
            "domain",
            &["automerge", "sqlx", "axum", "rusqlite", "tokio", "ureq", "minicbor", "campo-sync"],
        ),
        (
            "sync",
            &["sqlx", "axum", "rusqlite", "tokio", "ureq", "campo-server", "campo-mobile-core"],
        ),
        ("mobile-core", &["sqlx", "axum", "tokio", "campo-server", "campo-tests"]),
        ("server", &["rusqlite", "ureq", "campo-mobile-core", "campo-tests"]),
    ];
    for (member, forbidden) in never {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        for name in forbidden {
            let depends = manifest.lines().any(|line| {
                let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
                dependency == *name
            });
            assert!(!depends, "{member} must not depend on {name}");
        }
    }
}

#[test]
fn the_rules_know_no_clock_and_no_chance() {
    for (path, text) in sources() {
        let pure = path.components().any(|part| part.as_os_str() == "domain")
            || path.components().any(|part| part.as_os_str() == "sync");
        if !pure || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for word in ["Utc::now", "SystemTime::now", "now_v7", "new_v4", "rand::", "std::net"] {
            // The server crate has a file called sync.rs; only the crates themselves are meant.
            let crates = ["/domain/src/", "/sync/src/"];
            let text_path = path.display().to_string();
            let meant = crates.iter().any(|part| text_path.contains(part))
                && !text_path.contains("/mobile-core/")
                && !text_path.contains("/server/");
            assert!(!(meant && text.contains(word)), "{text_path} has {word}");
        }
    }
}
