//! What one file declares and names: its syntax tree, read with `syn`, and its tokens. Parts that
//! are only compiled for tests are left out, but for the words.

use super::tokens;
use proc_macro2::{LexError, TokenStream};
use std::collections::BTreeSet;
use syn::{
    Attribute, Expr, Item, ItemMod, ItemUse, Meta, Signature, Stmt, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

/// What one file says.
#[derive(Default)]
pub struct Facts {
    /// Lines outside of tests.
    pub lines: usize,
    /// `mod` declarations.
    pub modules: Vec<Module>,
    /// Names of items, with the module inside the file that has them.
    pub items: BTreeSet<(Scope, String)>,
    /// Names that `use` brings in.
    pub imports: Vec<Import>,
    /// Paths of two names or more, wherever they are written: in types, expressions and macros.
    pub paths: Vec<Path>,
    /// Calls of methods.
    pub calls: Vec<Call>,
    /// Functions with a body.
    pub functions: Vec<Function>,
    /// Items and methods that are visible outside of their module.
    pub public: Vec<Public>,
    /// Types that implementations of traits mention: they are as visible as the trait.
    pub implemented: BTreeSet<String>,
    /// Names that stand alone, as types or calls of functions do, outside of `use`.
    pub alone: BTreeSet<String>,
    /// Every identifier, tests included.
    pub words: BTreeSet<String>,
}

/// Names of the modules that are nested inside one file.
pub type Scope = Vec<String>;

/// A `mod`.
pub struct Module {
    pub scope: Scope,
    pub name: String,
    /// What it holds is in the same file.
    pub inline: bool,
    /// It may be named from outside of its parent.
    pub public: bool,
    /// Compiled for tests only.
    pub test: bool,
}

/// A name that `use` brings in; `*` for a glob.
pub struct Import {
    pub scope: Scope,
    pub name: String,
    pub path: Vec<String>,
    /// Passed on: `pub use`.
    pub public: bool,
    pub line: usize,
}

/// A path such as `crate::office::submit`.
pub struct Path {
    pub scope: Scope,
    pub names: Vec<String>,
    pub line: usize,
    /// It stands in a pattern.
    pub pattern: bool,
}

/// A call such as `.valor("prazo")`.
pub struct Call {
    pub name: String,
    pub arguments: usize,
    pub line: usize,
}

/// A function.
pub struct Function {
    pub name: String,
    pub line: usize,
    /// From its signature to its closing brace.
    pub lines: usize,
    /// It is one `match` whose arms are single expressions.
    pub table: bool,
}

/// How far an item can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `pub`.
    Everywhere,
    /// `pub(crate)`, `pub(super)`, `pub(in …)`.
    InCrate,
}

/// Something that others may name.
pub struct Public {
    pub scope: Scope,
    pub name: String,
    /// The type whose method or constant this is.
    pub of: Option<String>,
    /// A type or trait: it may have to be visible only because others mention it.
    pub is_type: bool,
    pub seen: Seen,
    pub line: usize,
    /// Types that its signature or its visible fields mention.
    pub mentions: BTreeSet<String>,
}

impl Facts {
    /// Reads a file.
    pub fn read(text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|why: LexError| why.to_string())?;
        let mut facts = Facts::default();
        tokens::words(stream.clone(), &mut facts.words);
        tokens::scan(stream.clone(), &mut Scope::new(), &mut facts);
        let file: syn::File = syn::parse2(stream).map_err(|why| why.to_string())?;
        let mut reader = Reader { facts: &mut facts, scope: Scope::new(), lines_of_tests: 0 };
        reader.visit_file(&file);
        facts.lines = text.lines().count() - reader.lines_of_tests;
        Ok(facts)
    }
}

/// Whether attributes say that something is compiled for tests only.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => {
            let words = list.tokens.to_string();
            list.path.is_ident("cfg") && words.contains("test") && !words.contains("not")
        }
        _ => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn seen(visibility: &Visibility) -> Option<Seen> {
    match visibility {
        Visibility::Public(_) => Some(Seen::Everywhere),
        Visibility::Restricted(_) => Some(Seen::InCrate),
        Visibility::Inherited => None,
    }
}

/// Walks the syntax tree of one file.
struct Reader<'a> {
    facts: &'a mut Facts,
    scope: Scope,
    lines_of_tests: usize,
}

impl Reader<'_> {
    fn item(&mut self, name: &syn::Ident) {
        self.facts.items.insert((self.scope.clone(), name.to_string()));
    }

    fn public(
        &mut self,
        visibility: &Visibility,
        (name, of, is_type): (&syn::Ident, Option<&str>, bool),
        mentions: Mentions,
    ) {
        if let Some(seen) = seen(visibility) {
            self.facts.public.push(Public {
                scope: self.scope.clone(),
                name: name.to_string(),
                of: of.map(str::to_owned),
                is_type,
                seen,
                line: name.span().start().line,
                mentions: mentions.0,
            });
        }
    }

    fn function(&mut self, signature: &Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        self.facts.functions.push(Function {
            name: signature.ident.to_string(),
            line: first,
            lines: block.span().end().line + 1 - first,
            table: is_table(block),
        });
    }

    fn imports(&mut self, item: &ItemUse, tree: &UseTree, path: &mut Vec<String>) {
        let line = tree.span().end().line;
        let mut add = |name: String, path: Vec<String>| {
            let public = seen(&item.vis).is_some();
            self.facts.imports.push(Import { scope: self.scope.clone(), name, path, public, line });
        };
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.imports(item, &inner.tree, path);
                path.pop();
            }
            UseTree::Name(named) if named.ident == "self" => {
                add(path.last().cloned().unwrap_or_default(), path.clone());
            }
            UseTree::Name(named) => {
                let name = named.ident.to_string();
                add(name.clone(), [path.as_slice(), &[name]].concat());
            }
            UseTree::Rename(named) if named.ident == "self" => {
                add(named.rename.to_string(), path.clone());
            }
            UseTree::Rename(named) => {
                let full = [path.as_slice(), &[named.ident.to_string()]].concat();
                add(named.rename.to_string(), full);
            }
            UseTree::Glob(_) => add("*".to_owned(), path.clone()),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.imports(item, tree, path));
            }
        }
    }

    fn module(&mut self, item: &ItemMod) {
        self.facts.modules.push(Module {
            scope: self.scope.clone(),
            name: item.ident.to_string(),
            inline: item.content.is_some(),
            public: seen(&item.vis) == Some(Seen::Everywhere),
            test: for_tests(&item.attrs),
        });
    }

    /// Items that have a name of their own, and how far it is seen.
    fn named(&mut self, item: &Item) {
        let (visibility, name, is_type) = match item {
            Item::Const(it) => (&it.vis, &it.ident, false),
            Item::Enum(it) => (&it.vis, &it.ident, true),
            Item::Fn(it) => (&it.vis, &it.sig.ident, false),
            Item::Static(it) => (&it.vis, &it.ident, false),
            Item::Struct(it) => (&it.vis, &it.ident, true),
            Item::Trait(it) => (&it.vis, &it.ident, true),
            Item::Type(it) => (&it.vis, &it.ident, true),
            Item::Macro(it) => {
                it.ident.iter().for_each(|name| self.item(name));
                return;
            }
            _ => return,
        };
        self.item(name);
        let mut mentions = Mentions::default();
        match item {
            Item::Fn(it) => mentions.visit_signature(&it.sig),
            Item::Struct(it) => {
                let visible = it.fields.iter().filter(|field| seen(&field.vis).is_some());
                visible.for_each(|field| mentions.visit_type(&field.ty));
            }
            other => mentions.visit_item(other),
        }
        self.public(visibility, (name, None, is_type), mentions);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if for_tests(attributes(item)) {
            self.lines_of_tests += item.span().end().line + 1 - item.span().start().line;
            if let Item::Mod(module) = item {
                self.module(module);
            }
            return;
        }
        self.named(item);
        match item {
            Item::Use(it) => self.imports(it, &it.tree, &mut Vec::new()),
            Item::Mod(it) => {
                self.module(it);
                self.scope.push(it.ident.to_string());
                visit::visit_item(self, item);
                self.scope.pop();
            }
            Item::Impl(it) => {
                self.implementation(it);
                visit::visit_item(self, item);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !for_tests(&item.attrs) {
            self.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        let path = match pattern {
            syn::Pat::TupleStruct(it) => Some(&it.path),
            syn::Pat::Struct(it) => Some(&it.path),
            syn::Pat::Path(it) => Some(&it.path),
            _ => None,
        };
        if let Some(path) = path {
            let names = path.segments.iter().map(|part| part.ident.to_string()).collect();
            let line = path.span().start().line;
            let scope = self.scope.clone();
            self.facts.paths.push(Path { scope, names, line, pattern: true });
        }
        visit::visit_pat(self, pattern);
    }
}

impl Reader<'_> {
    fn implementation(&mut self, item: &syn::ItemImpl) {
        if let Some((path, _)) = &item.trait_ {
            let mut mentions = Mentions::default();
            mentions.visit_path(path);
            for inner in &item.items {
                match inner {
                    syn::ImplItem::Type(it) => mentions.visit_type(&it.ty),
                    syn::ImplItem::Fn(it) => mentions.visit_signature(&it.sig),
                    _ => {}
                }
            }
            self.facts.implemented.extend(mentions.0);
        } else if let Some(of) = last_name(&item.self_ty) {
            self.methods(&item.items, &of);
        }
    }

    fn methods(&mut self, items: &[syn::ImplItem], of: &str) {
        for inner in items {
            match inner {
                syn::ImplItem::Fn(it) if !for_tests(&it.attrs) => {
                    let mut mentions = Mentions::default();
                    mentions.visit_signature(&it.sig);
                    self.public(&it.vis, (&it.sig.ident, Some(of), false), mentions);
                }
                syn::ImplItem::Const(it) => {
                    let mut mentions = Mentions::default();
                    mentions.visit_type(&it.ty);
                    self.public(&it.vis, (&it.ident, Some(of), false), mentions);
                }
                _ => {}
            }
        }
    }
}

fn last_name(kind: &syn::Type) -> Option<String> {
    match kind {
        syn::Type::Path(path) => path.path.segments.last().map(|part| part.ident.to_string()),
        _ => None,
    }
}

/// Names of types in a signature.
#[derive(Default)]
struct Mentions(BTreeSet<String>);

impl<'ast> Visit<'ast> for Mentions {
    fn visit_path_segment(&mut self, part: &'ast syn::PathSegment) {
        self.0.insert(part.ident.to_string());
        visit::visit_path_segment(self, part);
    }

    fn visit_block(&mut self, _: &'ast syn::Block) {}
}

/// Whether a function is a table: a `match` whose arms are single expressions of few lines, after
/// at most a `let`.
fn is_table(block: &syn::Block) -> bool {
    let (Some(Stmt::Expr(Expr::Match(table), None)), true) =
        (block.stmts.last(), block.stmts.len() <= 2)
    else {
        return false;
    };
    table.arms.iter().all(|arm| {
        let single = match &*arm.body {
            Expr::Block(inner) => matches!(inner.block.stmts.as_slice(), [Stmt::Expr(_, None)]),
            _ => true,
        };
        single && arm.body.span().end().line < arm.body.span().start().line + 4
    })
}

/// What the tests below read.
const FILE: &str = r#"
//! A file.
use crate::{office::{self, submit as send}, reading::*};
pub(crate) use inner::Shown;

/// A table.
pub fn name(of: &Kind) -> String {
    match of {
        Kind::One => "one".into(),
        Kind::Two => format!("{}", crate::words::two()),
    }
}

mod inner {
    pub struct Shown(pub Text);
    impl Shown {
        fn is_empty(&self) -> bool {
            matches!(self.0.read("x"), Text::None | super::other::Text::Gone)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::only_for_tests;
    fn long() {
        only_for_tests::call();
    }
}
"#;

#[test]
fn a_file_is_read_with_its_macros_and_without_its_tests() {
    let facts = Facts::read(FILE).unwrap();
    let imports: Vec<_> =
        facts.imports.iter().map(|it| (it.name.as_str(), it.path.join("::"))).collect();
    let of = |name, path: &str| (name, path.to_owned());
    let expected = [
        of("office", "crate::office"),
        of("send", "crate::office::submit"),
        of("*", "crate::reading"),
        of("Shown", "inner::Shown"),
    ];
    assert_eq!(imports, expected);
    let paths: BTreeSet<_> =
        facts.paths.iter().map(|it| (it.names.join("::"), it.pattern)).collect();
    for (path, pattern) in [
        ("crate::words::two", false),
        ("Kind::One", true),
        ("Text::None", true),
        ("super::other::Text::Gone", true),
    ] {
        assert!(paths.contains(&(path.to_owned(), pattern)), "{path} in {paths:?}");
    }
    assert!(!facts.paths.iter().any(|it| it.names[0] == "only_for_tests"));
    assert!(facts.words.contains("only_for_tests"));
    assert_eq!(facts.lines, FILE.lines().count() - 7);
}

#[test]
fn functions_calls_and_what_is_visible_are_found() {
    let facts = Facts::read(FILE).unwrap();
    let functions: Vec<_> =
        facts.functions.iter().map(|it| (it.name.as_str(), it.lines, it.table)).collect();
    assert_eq!(functions, [("name", 6, true), ("is_empty", 3, false)]);
    assert!(facts.calls.iter().any(|it| it.name == "read" && it.arguments == 1));
    let public: Vec<_> = facts.public.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(public, ["name", "Shown"]);
    assert!(facts.public[1].mentions.contains("Text"));
}
