//! The crates that the workspace's `Cargo.toml` names, their manifests and their files.

use super::{facts::Facts, root};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

/// Read once for all tests: most of the time goes into parsing.
pub static WORKSPACE: LazyLock<Workspace> = LazyLock::new(Workspace::read);

/// Everything that is read.
pub struct Workspace {
    /// The crates, in the order of `Cargo.toml`.
    pub members: Vec<Member>,
    /// Every file of Rust, by its path below the workspace's folder.
    pub sources: BTreeMap<String, Source>,
    /// Every word of the templates that pages are made of.
    pub template_words: BTreeSet<String>,
}

/// One crate.
pub struct Member {
    /// Its folder, as `Cargo.toml` names it.
    pub folder: String,
    /// Its name for `cargo`, such as `campo-sync`.
    pub package: String,
    /// What it is built from.
    pub depends: BTreeSet<String>,
    /// What its tests are built from besides.
    pub tested_with: BTreeSet<String>,
}

impl Member {
    /// Its name in paths of Rust, such as `campo_sync`.
    pub fn name(&self) -> String {
        self.package.replace('-', "_")
    }
}

/// What part of a crate a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `src/`.
    Source,
    /// `examples/` or `benches/`.
    Example,
    /// `tests/`.
    Test,
}

/// One file.
pub struct Source {
    /// The folder of its crate.
    pub member: String,
    /// The part of the crate.
    pub part: Part,
    /// As it is written.
    pub text: String,
    /// What it declares and names.
    pub facts: Facts,
}

impl Workspace {
    fn read() -> Self {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let members: Vec<_> =
            list(&manifest, "members").iter().map(|it| Member::read(it)).collect();
        let mut sources = BTreeMap::new();
        let mut template_words = BTreeSet::new();
        for member in &members {
            each_file(&root().join(&member.folder), &mut |path| {
                let below = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                match path.extension().and_then(|ending| ending.to_str()) {
                    Some("rs") => {
                        sources.insert(below, Source::read(member, path));
                    }
                    Some("html") => {
                        template_words.extend(words(&fs::read_to_string(path).unwrap()))
                    }
                    _ => {}
                }
            });
        }
        Workspace { members, sources, template_words }
    }

    /// Files that are neither tests nor only compiled for tests.
    pub fn product(&self) -> impl Iterator<Item = (&String, &Source)> {
        self.sources.iter().filter(|(_, source)| source.part != Part::Test)
    }

    /// The crate in a folder.
    pub fn member(&self, folder: &str) -> &Member {
        let found = self.members.iter().find(|member| member.folder == folder);
        found.unwrap_or_else(|| panic!("Cargo.toml names no {folder}"))
    }
}

impl Member {
    fn read(folder: &str) -> Self {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let mut section = "";
        let mut package = String::new();
        let (mut depends, mut tested_with) = (BTreeSet::new(), BTreeSet::new());
        for line in manifest.lines() {
            let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
            match section {
                _ if line.starts_with('[') => section = line,
                "[package]" if key == "name" => {
                    package = line.split('"').nth(1).unwrap_or_default().to_owned();
                }
                _ if !key.starts_with(|letter: char| letter.is_alphabetic()) => {}
                "[dev-dependencies]" => drop(tested_with.insert(key.to_owned())),
                _ if section.ends_with("dependencies]") => drop(depends.insert(key.to_owned())),
                _ => {}
            }
        }
        Member { folder: folder.to_owned(), package, depends, tested_with }
    }
}

impl Source {
    fn read(member: &Member, path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let inside = path.strip_prefix(root().join(&member.folder)).unwrap();
        let part = match inside.components().next().and_then(|part| part.as_os_str().to_str()) {
            Some("examples" | "benches") => Part::Example,
            Some("tests") => Part::Test,
            _ => Part::Source,
        };
        let facts = Facts::read(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        Source { member: member.folder.clone(), part, text, facts }
    }
}

/// The strings of a list in a manifest.
fn list(manifest: &str, key: &str) -> Vec<String> {
    let after = manifest.split(&format!("\n{key} = [")).nth(1).unwrap_or_default();
    let inside = after.split(']').next().unwrap_or_default();
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Calls for every file below a folder that belongs to the project.
fn each_file(folder: &Path, call: &mut dyn FnMut(&Path)) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            let foreign = name.starts_with('.') || ["target", "node_modules"].contains(&name);
            if !foreign {
                each_file(&path, call);
            }
        } else {
            call(&path);
        }
    }
}

/// The words of a text, as identifiers are written.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let of_a_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words = text.split(move |letter| !of_a_word(letter)).filter(|word| !word.is_empty());
    words.map(str::to_owned)
}

#[test]
fn every_crate_and_every_file_was_read() {
    let read = &WORKSPACE;
    for member in &read.members {
        let count = read.sources.values().filter(|file| file.member == member.folder).count();
        assert!(count > 0 && !member.package.is_empty(), "{} is empty", member.folder);
    }
    assert!(read.sources.len() > 300, "only {} files", read.sources.len());
    for part in ["examples", "benches", "tests", "src"] {
        let there = read.sources.keys().any(|path| path.contains(&format!("/{part}/")));
        assert!(there, "no file in {part}");
    }
}
