//! What the documents for contributors name is there: files and folders, by their path.

use super::{none, root, workspace::WORKSPACE};
use std::fs;

/// Documents that lead somebody to the code.
const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
/// Folders beside the crates that they name.
const FOLDERS: [&str; 3] = ["docs", "migrations", ".ci"];

/// Paths of a text, in code spans and as targets of links, without what follows `#` or `::`.
fn paths(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let own = |path: &str| {
        let first = path.split('/').next().unwrap_or_default();
        let of_crate = WORKSPACE.members.iter().any(|member| member.folder == first);
        path.contains('/') && (of_crate || FOLDERS.contains(&first))
    };
    let all = spans.chain(targets).filter(|path| own(path) && !path.contains([' ', '*']));
    let plain = all.map(|path| path.split(['#', ':']).next().unwrap_or_default());
    plain.flat_map(each_of).collect()
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn each_of(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (names, after))) => {
            names.split(',').map(|name| format!("{before}{name}{after}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

#[test]
fn what_the_documents_name_is_there() {
    let mut lost = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let found = paths(&text);
        assert!(found.len() > 10, "{document}: too few paths were found");
        let missing = found.into_iter().filter(|path| !root().join(path).exists());
        lost.extend(missing.map(|path| format!("{document} names {path}, which is not there")));
    }
    none(&lost);
}
