//! The picture in `ARCHITECTURE.md`: the crates, and the modules of the server and of the phone's
//! core by layer, drawn from what the code imports.

use super::{
    as_stored,
    circles::{self, Graph},
    layers::LAYERED,
    root,
    workspace::WORKSPACE,
};
use std::{collections::BTreeMap, fmt::Write, fs};

/// Where the picture is.
const FILE: &str = "ARCHITECTURE.md";
const BEGINS: &str = "<!-- Drawn by the test `tidy`, which compares it with the code. -->\n";
const ENDS: &str = "<!-- The end of what is drawn. -->\n";

/// Without the arrows that a longer way implies: if `a` needs `b` and `b` needs `c`, none is drawn
/// from `a` to `c`.
fn fewest(graph: &Graph) -> Vec<(&String, &String)> {
    let mut drawn = Vec::new();
    for (from, needs) in graph {
        let implied = |to: &String| {
            let others = needs.keys().filter(|other| *other != to);
            others.into_iter().any(|other| circles::reached(graph, other).contains(to))
        };
        drawn.extend(needs.keys().filter(|to| !implied(to)).map(|to| (from, to)));
    }
    drawn
}

/// The crates of the workspace and what each is built from.
fn crates() -> Graph {
    let members = &WORKSPACE.members;
    let folder_of: BTreeMap<&str, &str> =
        members.iter().map(|it| (it.package.as_str(), it.folder.as_str())).collect();
    let one = |member: &super::workspace::Member| {
        let needs = member.depends.iter().filter_map(|name| folder_of.get(name.as_str()));
        let needs = needs.map(|folder| ((*folder).to_owned(), String::new())).collect();
        (member.folder.clone(), needs)
    };
    members.iter().map(one).collect()
}

/// One box with its nodes, layer by layer from the top, and its arrows.
fn one_box(text: &mut String, name: &str, layers: &[Vec<&str>], graph: &Graph) {
    let id = |node: &str| format!("{name}_{node}").replace('-', "_");
    writeln!(text, "    subgraph {} [{name}]", id("modules")).unwrap();
    for layer in layers {
        let nodes = layer.iter().filter(|node| graph.contains_key(**node));
        let nodes: Vec<_> = nodes.map(|node| format!("{}[{node}]", id(node))).collect();
        writeln!(text, "        {}", nodes.join("; ")).unwrap();
    }
    let mut arrows: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (from, to) in fewest(graph) {
        arrows.entry(from).or_default().push(id(to));
    }
    for (from, to) in arrows {
        writeln!(text, "        {} --> {}", id(from), to.join(" & ")).unwrap();
    }
    text.push_str("    end\n");
}

/// The whole picture, as Mermaid reads it.
pub fn drawn() -> String {
    let mut text = "```mermaid\nflowchart TD\n".to_owned();
    let crates = crates();
    let folders: Vec<_> = crates.keys().map(String::as_str).collect();
    one_box(&mut text, "crates", &[folders], &crates);
    for (folder, layers) in LAYERED {
        let from_the_top: Vec<Vec<&str>> = layers.iter().rev().map(|it| it.to_vec()).collect();
        one_box(&mut text, folder, &from_the_top, &circles::top_modules(folder));
    }
    text + "```\n"
}

#[test]
fn the_picture_is_what_the_code_imports() {
    let stored = fs::read_to_string(root().join(FILE)).unwrap();
    let (before, rest) = stored.split_once(BEGINS).expect("ARCHITECTURE.md has a place for it");
    let (_, after) = rest.split_once(ENDS).expect("ARCHITECTURE.md says where it ends");
    as_stored(FILE, &stored, &format!("{before}{BEGINS}{}{ENDS}{after}", drawn()));
}
