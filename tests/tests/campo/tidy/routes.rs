//! Every route in one list: served by `server/src/routes.rs` and nothing else, and written out with
//! its handler in `tests/fixtures/routes.txt`, where "who answers this address" can be looked up.

use super::{
    as_stored,
    modules::{Found, MODULES},
    none, root,
    workspace::WORKSPACE,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
};
use syn::{
    Expr, ExprLit, Lit, Token,
    parse::Parser,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// Where the list is kept.
const LIST: &str = "tests/fixtures/routes.txt";
/// Who serves.
const SERVED_BY: &str = "server/src/routes";
/// What a router answers to.
const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];
/// Calls that serve what this test cannot list.
const UNLISTED: [&str; 4] = ["nest", "nest_service", "route_service", "fallback_service"];

/// One route: method, path, handler.
type Route = (String, String, String);

/// The routes that one file serves.
struct Routes {
    /// Its module.
    id: usize,
    /// Its constants that are texts.
    texts: BTreeMap<String, String>,
    /// Its closures, which add something to a route.
    closures: BTreeMap<String, Expr>,
    found: BTreeSet<Route>,
    /// Paths that could not be read.
    faults: Vec<String>,
}

impl Routes {
    fn of(id: usize) -> Self {
        let file = syn::parse_file(&WORKSPACE.sources[&MODULES.get(id).file].text).unwrap();
        let texts = file.items.iter().filter_map(|item| match item {
            syn::Item::Const(it) => Some((it.ident.to_string(), text_of(&it.expr)?)),
            _ => None,
        });
        let texts = texts.collect();
        let closures = BTreeMap::new();
        let mut routes = Routes { id, texts, closures, found: BTreeSet::new(), faults: Vec::new() };
        routes.visit_file(&file);
        routes
    }

    /// The handler as it is named from the server's root.
    fn handler(&self, path: &syn::Path) -> (String, Option<Documented>) {
        let names: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        match MODULES.resolve(self.id, &names) {
            Some(Found::Item(of, name)) => {
                let module = MODULES.get(of);
                let full = [module.path.as_slice(), std::slice::from_ref(&name)].concat();
                (full.join("::"), Documented::of(&module.file, &name))
            }
            _ => (names.join("::"), None),
        }
    }

    fn route(&mut self, path: &str, handlers: &Expr) {
        let before = self.found.len();
        self.methods(path, handlers);
        // Made elsewhere, for whatever methods.
        if let (true, Expr::Call(call)) = (before == self.found.len(), handlers)
            && let Expr::Path(named) = &*call.func
        {
            let handler = self.handler(&named.path).0;
            self.found.insert((path.to_owned(), "*".to_owned(), handler));
        }
    }

    /// The methods of a `MethodRouter`: `get(a).post(b)`, perhaps with something around it.
    fn methods(&mut self, path: &str, expression: &Expr) {
        let (name, arguments) = match expression {
            Expr::Call(call) => match &*call.func {
                Expr::Path(named) => (named.path.segments.last(), &call.args),
                _ => return,
            },
            Expr::MethodCall(call) => {
                self.methods(path, &call.receiver);
                let name = call.method.to_string();
                if METHODS.contains(&name.as_str()) {
                    self.method(path, &name, call.args.first());
                }
                return;
            }
            _ => return,
        };
        let name = name.map(|part| part.ident.to_string()).unwrap_or_default();
        if METHODS.contains(&name.as_str()) {
            self.method(path, &name, arguments.first());
        } else {
            let around = self.closures.get(&name).cloned();
            around.iter().chain(arguments).for_each(|inner| self.methods(path, inner));
        }
    }

    fn method(&mut self, path: &str, method: &str, handler: Option<&Expr>) {
        let handler = match handler {
            Some(Expr::Path(named)) => self.handler(&named.path).0,
            _ => "(in place)".to_owned(),
        };
        self.found.insert((path.to_owned(), method.to_uppercase(), handler));
    }
}

impl<'ast> Visit<'ast> for Routes {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        let name = match &local.pat {
            syn::Pat::Ident(named) => Some(named.ident.to_string()),
            _ => None,
        };
        if let (Some(name), Some(Expr::Closure(closure))) =
            (name, local.init.as_ref().map(|init| &*init.expr))
        {
            self.closures.insert(name, (*closure.body).clone());
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "route" && call.args.len() == 2 {
            let named = match &call.args[0] {
                Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
                _ => None,
            };
            let named = named.and_then(|name| self.texts.get(&name).cloned());
            match text_of(&call.args[0]).or(named) {
                Some(path) => self.route(&path, &call.args[1]),
                None => self.faults.push("a route whose path is no text of its file".to_owned()),
            }
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|part| part.ident == "routes") {
            let handlers = Punctuated::<syn::Path, Token![,]>::parse_terminated;
            for handler in handlers.parse2(call.tokens.clone()).unwrap() {
                match self.handler(&handler) {
                    (name, Some(Documented { method, path })) => {
                        self.found.insert((path, method, name));
                    }
                    (name, None) => self.faults.push(format!("{name} has no #[utoipa::path]")),
                }
            }
        } else {
            // `vec![…]` and its like.
            let inner = Punctuated::<Expr, Token![,]>::parse_terminated;
            let inner = inner.parse2(call.tokens.clone()).unwrap_or_default();
            inner.iter().for_each(|expression| Visit::visit_expr(self, expression));
        }
    }
}

/// What `#[utoipa::path(get, path = "…")]` says of a handler.
struct Documented {
    method: String,
    path: String,
}

impl Documented {
    fn of(file: &str, name: &str) -> Option<Self> {
        let file = syn::parse_file(&WORKSPACE.sources.get(file)?.text).ok()?;
        let handler = file.items.iter().find_map(|item| match item {
            syn::Item::Fn(it) if it.sig.ident == name => Some(it),
            _ => None,
        })?;
        let attribute = handler.attrs.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::List(list) if list.path.segments.last()?.ident == "path" => Some(list),
            _ => None,
        })?;
        let words = attribute.tokens.to_string();
        let method = words.split(',').next()?.trim().to_uppercase();
        let after = words.split("path = ").nth(1)?;
        Some(Documented { method, path: after.split('"').nth(1)?.to_owned() })
    }
}

fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// Modules that serve something: whether they are the one list or not.
fn serving() -> impl Iterator<Item = usize> {
    let of_server = MODULES.files().filter(|(_, module)| module.file.starts_with("server/src/"));
    let serves = of_server.filter(|(_, module)| {
        let facts = &WORKSPACE.sources[&module.file].facts;
        let by_hand = facts.calls.iter().any(|call| call.name == "route" && call.arguments == 2);
        by_hand || facts.alone.contains("routes") || unlisted(&module.file).next().is_some()
    });
    serves.map(|(id, _)| id)
}

fn unlisted(file: &str) -> impl Iterator<Item = String> {
    let calls = WORKSPACE.sources[file].facts.calls.iter();
    let calls = calls.filter(|call| UNLISTED.contains(&call.name.as_str()));
    calls.map(move |call| format!("{file}:{}: .{}(…) hides routes", call.line, call.name))
}

/// The list, and what is wrong with it.
pub fn read() -> (String, Vec<String>) {
    let mut found = BTreeSet::new();
    let mut faults = Vec::new();
    for id in serving() {
        let file = &MODULES.get(id).file;
        let routes = Routes::of(id);
        if !routes.found.is_empty() && !file.starts_with(SERVED_BY) {
            faults.push(format!("{file}: serves routes, which is for {SERVED_BY} alone"));
        }
        faults.extend(routes.faults.into_iter().chain(unlisted(file)));
        found.extend(routes.found);
    }
    let mut list = String::new();
    for (path, method, handler) in found {
        writeln!(list, "{method:<7} {path}  {handler}").unwrap();
    }
    (list, faults)
}

#[test]
fn every_route_is_in_the_one_list() {
    let (list, faults) = read();
    none(&faults);
    assert!(list.lines().count() > 90, "too few routes were found");
    as_stored(LIST, &fs::read_to_string(root().join(LIST)).unwrap_or_default(), &list);
}
