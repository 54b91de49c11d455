//! The modules of every crate, and what a path in one of them leads to: the file that has the item,
//! through `use`, `pub use` and other crates of the workspace.

use super::{
    facts::{Import, Scope},
    workspace::{Part, Source, WORKSPACE},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// Read once for all tests.
pub static MODULES: LazyLock<Modules> = LazyLock::new(Modules::read);

/// Every arrow between two files of one program, or into another crate of the workspace.
pub static ARROWS: LazyLock<Vec<Arrow>> =
    LazyLock::new(|| MODULES.files().flat_map(|(id, _)| MODULES.arrows(id)).collect());

/// How often a name may be passed on before its item is found.
const STEPS_MAX: usize = 16;

/// The modules of all crates.
pub struct Modules {
    all: Vec<Module>,
    /// The library of a crate, by the crate's name in paths of Rust.
    libraries: BTreeMap<String, usize>,
    /// Which modules a file is; several if it is part of several programs.
    of_file: BTreeMap<String, Vec<usize>>,
}

/// One module of a library or a program.
pub struct Module {
    /// Its names, beginning below the root.
    pub path: Vec<String>,
    /// The file that has it.
    pub file: String,
    /// Compiled for tests only.
    pub test: bool,
    /// It may be named from outside of its parent.
    public: bool,
    root: usize,
    parent: usize,
    children: BTreeMap<String, usize>,
    /// The modules inside its file that it is in.
    scope: Scope,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A module.
    Module(usize),
    /// An item of a module.
    Item(usize, String),
    /// Something of a crate that is not ours, by its whole path.
    Foreign(Vec<String>),
}

/// Somebody needs an item of another file.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// Who needs it.
    pub from: usize,
    /// The module that has it.
    pub to: usize,
    /// Its name.
    pub item: String,
    /// Where it is named.
    pub line: usize,
    /// Named in a pattern.
    pub pattern: bool,
}

impl Modules {
    fn read() -> Self {
        let mut modules =
            Modules { all: Vec::new(), libraries: BTreeMap::new(), of_file: BTreeMap::new() };
        for member in &WORKSPACE.members {
            let library = format!("{}/src/lib.rs", member.folder);
            let inside = format!("{}/", member.folder);
            let roots = WORKSPACE
                .sources
                .keys()
                .filter(|path| path.strip_prefix(&inside).is_some_and(is_root));
            for path in roots {
                let root = modules.all.len();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                modules.add(Vec::new(), path, (root, root), &Scope::new(), folder, (true, false));
                if *path == library {
                    modules.libraries.insert(member.name(), root);
                }
            }
        }
        modules
    }

    /// Adds a module and what is below it.
    fn add(
        &mut self,
        path: Vec<String>,
        file: &str,
        (root, parent): (usize, usize),
        scope: &Scope,
        folder: &str,
        (public, test): (bool, bool),
    ) -> usize {
        let id = self.all.len();
        self.all.push(Module {
            path: path.clone(),
            file: file.to_owned(),
            test,
            public,
            root,
            parent,
            children: BTreeMap::new(),
            scope: scope.clone(),
        });
        if scope.is_empty() {
            self.of_file.entry(file.to_owned()).or_default().push(id);
        }
        for child in &WORKSPACE.sources[file].facts.modules {
            if child.scope != *scope {
                continue;
            }
            let below = format!("{folder}/{}", child.name);
            let (file, scope) = if child.inline {
                (file.to_owned(), [scope.as_slice(), std::slice::from_ref(&child.name)].concat())
            } else {
                let places = [format!("{below}.rs"), format!("{below}/mod.rs")];
                let found = places.into_iter().find(|it| WORKSPACE.sources.contains_key(it));
                (
                    found.unwrap_or_else(|| panic!("{file}: no file for {}", child.name)),
                    Scope::new(),
                )
            };
            let path = [path.as_slice(), std::slice::from_ref(&child.name)].concat();
            let flags = (child.public, test || child.test);
            let added = self.add(path, &file, (root, id), &scope, &below, flags);
            self.all[id].children.insert(child.name.clone(), added);
        }
        id
    }

    /// A module.
    pub fn get(&self, id: usize) -> &Module {
        &self.all[id]
    }

    /// Modules with a file of their own that are compiled into the product.
    pub fn files(&self) -> impl Iterator<Item = (usize, &Module)> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, it)| it.scope.is_empty() && !it.test && part(&it.file) != Part::Test)
    }

    /// Whether a module is part of the library or program with this root.
    pub fn is_below(&self, id: usize, root: usize) -> bool {
        self.all[id].root == root
    }

    /// The library of a crate.
    pub fn library(&self, name: &str) -> Option<usize> {
        self.libraries.get(name).copied()
    }

    /// Whether a file is compiled for tests only.
    pub fn for_tests(&self, file: &str) -> bool {
        part(file) == Part::Test
            || self.of_file.get(file).is_some_and(|ids| ids.iter().all(|id| self.all[*id].test))
    }

    /// Files that no library or program is made of.
    pub fn lost(&self) -> Vec<&String> {
        WORKSPACE.sources.keys().filter(|file| !self.of_file.contains_key(*file)).collect()
    }

    /// What a module and those inside its file need of other files.
    fn arrows(&self, from: usize) -> Vec<Arrow> {
        let module = &self.all[from];
        let facts = &WORKSPACE.sources[&module.file].facts;
        let passed_on =
            |it: &Import| it.public && (module.path.is_empty() || !facts.alone.contains(&it.name));
        let imports = facts.imports.iter().filter(|it| !passed_on(it));
        let imports = imports.map(|it| (&it.scope, &it.path, it.line, false));
        let paths = facts.paths.iter().map(|it| (&it.scope, &it.names, it.line, it.pattern));
        let mut arrows = Vec::new();
        for (scope, names, line, pattern) in imports.chain(paths) {
            let Some(inner) = self.inner(from, scope) else { continue };
            let (to, item) = match self.resolve(inner, names) {
                Some(Found::Item(to, item)) => (to, item),
                _ => continue,
            };
            if self.all[to].file != module.file {
                arrows.push(Arrow { from, to, item, line, pattern });
            }
        }
        arrows
    }

    /// Paths into crates that are not ours.
    pub fn foreign(&self, from: usize) -> Vec<(Vec<String>, usize)> {
        let facts = &WORKSPACE.sources[&self.all[from].file].facts;
        let paths = facts.paths.iter().map(|it| (&it.scope, &it.names, it.line));
        let imports = facts.imports.iter().map(|it| (&it.scope, &it.path, it.line));
        let found = paths.chain(imports).filter_map(|(scope, names, line)| {
            match self.resolve(self.inner(from, scope)?, names)? {
                Found::Foreign(path) => Some((path, line)),
                _ => None,
            }
        });
        found.collect()
    }

    /// The module that is nested inside the file of another.
    pub fn inner(&self, from: usize, scope: &Scope) -> Option<usize> {
        scope.iter().try_fold(from, |at, name| self.all[at].children.get(name).copied())
    }

    /// What a path in a module leads to; nothing if its first name is no module, import or crate,
    /// but a type of the standard library or a variable.
    pub fn resolve(&self, at: usize, names: &[String]) -> Option<Found> {
        self.follow(at, names, 0)
    }

    fn follow(&self, at: usize, names: &[String], steps: usize) -> Option<Found> {
        if steps > STEPS_MAX {
            return None;
        }
        let (first, rest) = names.split_first()?;
        let start = match first.as_str() {
            "crate" => Found::Module(self.all[at].root),
            "self" => Found::Module(at),
            "super" => Found::Module(self.all[at].parent),
            name => {
                let known = self.look_up(at, name, rest.is_empty(), steps);
                known.or_else(|| self.a_crate(names))?
            }
        };
        self.descend(start, rest, steps)
    }

    fn descend(&self, mut found: Found, rest: &[String], steps: usize) -> Option<Found> {
        for (left, name) in (0..rest.len()).rev().zip(rest) {
            found = match found {
                Found::Module(at) if name == "super" => Found::Module(self.all[at].parent),
                // What a macro declares is in no list: it is where the path says.
                Found::Module(at) => {
                    let item = Found::Item(at, name.clone());
                    self.look_up(at, name, left == 0, steps).unwrap_or(item)
                }
                Found::Foreign(mut path) => {
                    path.push(name.clone());
                    Found::Foreign(path)
                }
                // A variant, an associated function.
                item @ Found::Item(..) => return Some(item),
            };
        }
        Some(found)
    }

    /// A name as a module knows it. At the end of a path an item goes before a module of the same
    /// name, as a function goes by its name when it is called.
    fn look_up(&self, at: usize, name: &str, last: bool, steps: usize) -> Option<Found> {
        let module = &self.all[at];
        let facts = &WORKSPACE.sources[&module.file].facts;
        let child = module.children.get(name).map(|child| Found::Module(*child));
        if child.is_some() && !last {
            return child;
        }
        if facts.items.contains(&(module.scope.clone(), name.to_owned())) {
            return Some(Found::Item(at, name.to_owned()));
        }
        let imports = facts.imports.iter().filter(|import| import.scope == module.scope);
        let own = [name.to_owned()];
        let named = imports.clone().filter(|it| it.name == name && it.path != own);
        let by_name = named.filter_map(|it| self.follow(at, &it.path, steps + 1)).next();
        by_name.or(child).or_else(|| {
            let globs = imports.filter(|it| it.name == "*");
            let inside = globs.filter_map(|it| match self.follow(at, &it.path, steps + 1)? {
                Found::Module(of) if of != at => self.look_up(of, name, last, steps + 1),
                _ => None,
            });
            inside.take(1).next()
        })
    }

    fn a_crate(&self, names: &[String]) -> Option<Found> {
        let first = names.first()?;
        if let Some(root) = self.libraries.get(first) {
            return Some(Found::Module(*root));
        }
        let known = |member: &super::workspace::Member| {
            member.depends.iter().any(|name| name.replace('-', "_") == *first)
        };
        WORKSPACE.members.iter().any(known).then(|| Found::Foreign(vec![first.clone()]))
    }

    /// Names that other crates can reach: by the module that declares them, and their own name.
    pub fn reachable(&self) -> BTreeSet<(usize, String)> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<usize> = self.libraries.values().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let module = &self.all[at];
            let public = module.children.values().filter(|child| self.all[**child].public);
            open.extend(public);
            let facts = &WORKSPACE.sources[&module.file].facts;
            let own = facts.items.iter().filter(|(scope, _)| *scope == module.scope);
            reached.extend(own.map(|(_, name)| (at, name.clone())));
            for import in facts.imports.iter().filter(|it| it.public && it.scope == module.scope) {
                match self.resolve(at, &import.path) {
                    Some(Found::Item(of, name)) => {
                        reached.insert((of, name));
                    }
                    Some(Found::Module(of)) => open.push(of),
                    _ => {}
                }
            }
        }
        reached
    }
}

fn part(file: &str) -> Part {
    WORKSPACE.sources.get(file).map_or(Part::Source, |source: &Source| source.part)
}

/// Whether Cargo builds a library or a program from a file, by its path below the crate's folder.
fn is_root(below: &str) -> bool {
    let parts: Vec<&str> = below.split('/').collect();
    match parts.as_slice() {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", _] | ["examples" | "benches" | "tests", _] => true,
        ["src", "bin", _, last] | ["examples" | "benches" | "tests", _, last] => *last == "main.rs",
        _ => false,
    }
}

#[test]
fn every_file_is_part_of_something() {
    let lost = MODULES.lost();
    assert!(lost.is_empty(), "compiled by nobody: {lost:#?}");
}
