//! No two files of a crate, and no two of its modules, need each other, however long the way.

use super::{
    modules::{ARROWS, Arrow, MODULES},
    none,
    workspace::WORKSPACE,
};
use std::collections::{BTreeMap, BTreeSet};

/// Who needs whom, each with one place where it does.
pub type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The files of all crates.
pub fn files() -> Graph {
    let name = |arrow: &Arrow| {
        let (from, to) = (MODULES.get(arrow.from), MODULES.get(arrow.to));
        (from.file.clone(), to.file.clone())
    };
    graph(|_| true, name)
}

/// The modules right below the root of a crate's library.
pub fn top_modules(folder: &str) -> Graph {
    let library = MODULES.library(&WORKSPACE.member(folder).name());
    let inside = format!("{folder}/src/");
    let named = |id| MODULES.get(id).path.first().cloned().unwrap_or_else(|| "lib".to_owned());
    let mut modules = graph(
        |arrow| {
            let (from, to) = (MODULES.get(arrow.from), MODULES.get(arrow.to));
            let of_library = library.is_some_and(|root| MODULES.is_below(arrow.from, root));
            of_library && from.file.starts_with(&inside) && to.file.starts_with(&inside)
        },
        |arrow| (named(arrow.from), named(arrow.to)),
    );
    // Those without arrows as well.
    for (id, module) in MODULES.files() {
        if library.is_some_and(|root| MODULES.is_below(id, root)) && !module.path.is_empty() {
            modules.entry(named(id)).or_default();
        }
    }
    modules.remove("lib");
    modules.values_mut().for_each(|to| drop(to.remove("lib")));
    modules
}

fn graph(counts: impl Fn(&Arrow) -> bool, name: impl Fn(&Arrow) -> (String, String)) -> Graph {
    let mut graph = Graph::new();
    for arrow in ARROWS.iter().filter(|arrow| counts(arrow)) {
        let (from, to) = name(arrow);
        if from != to {
            let place = format!("{}:{}", MODULES.get(arrow.from).file, arrow.line);
            let place = format!("{place} names {}", arrow.item);
            graph.entry(from).or_default().entry(to).or_insert(place);
        }
    }
    graph
}

/// The circles of a graph: the largest sets in which everyone reaches everyone.
pub fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        graph.keys().map(|from| (from, reached(graph, from))).collect();
    let mut found = BTreeSet::new();
    for from in graph.keys() {
        let back =
            reach[from].iter().filter(|to| reach.get(**to).is_some_and(|it| it.contains(from)));
        let circle: BTreeSet<String> = back.map(|it| (*it).clone()).collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// Everything that one needs, by others too.
pub fn reached<'a>(graph: &'a Graph, from: &'a String) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        let next = graph.get(at).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|to| found.insert(*to)));
    }
    found
}

/// A circle told: its arrows, each with one place.
fn told(graph: &Graph, circle: &BTreeSet<String>) -> String {
    let mut text = format!("a circle of {}:", circle.len());
    for from in circle {
        for (to, place) in graph[from].iter().filter(|(to, _)| circle.contains(*to)) {
            text += &format!("\n    {from} -> {to}   ({place})");
        }
    }
    text
}

/// What is to mend, one fault a line.
pub fn faults() -> Vec<String> {
    let files = files();
    let mut faults: Vec<_> = circles(&files).iter().map(|it| told(&files, it)).collect();
    for member in &WORKSPACE.members {
        let modules = top_modules(&member.folder);
        let all = circles(&modules);
        faults.extend(all.iter().map(|it| format!("{}: {}", member.folder, told(&modules, it))));
    }
    faults
}

#[test]
fn nothing_imports_in_a_circle() {
    none(&faults());
}

#[test]
fn a_circle_is_found_however_long_the_way() {
    let arrow = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let mut graph = Graph::new();
    for (from, to) in [arrow("a", "b"), arrow("b", "c"), arrow("c", "a"), arrow("c", "d")] {
        graph.entry(from).or_default().insert(to, "here".to_owned());
    }
    let found = circles(&graph);
    assert_eq!(found, [["a", "b", "c"].map(str::to_owned).into()]);
    assert!(told(&graph, &found[0]).contains("c -> a   (here)"));
}
