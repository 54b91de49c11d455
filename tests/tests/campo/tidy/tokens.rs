//! A file as tokens, in which macros can be read as well as everything else.

use super::facts::{Call, Facts, Path, Scope};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Every identifier, and every word of a string that may name something: a format string with
/// braces, or a string that is one path, as in `#[serde(default = "padrao")]`.
pub fn words(stream: TokenStream, found: &mut BTreeSet<String>) {
    for token in stream {
        match token {
            TokenTree::Ident(name) => {
                found.insert(plain(&name));
            }
            TokenTree::Group(group) => words(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let a_path = |letter: char| letter.is_alphanumeric() || "_:\"".contains(letter);
                if text.starts_with('"') && (text.contains('{') || text.chars().all(a_path)) {
                    found.extend(super::workspace::words(&text));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// Paths, calls and names that stand alone, but for `use` (which the syntax tree has) and what is
/// compiled for tests only.
pub fn scan(stream: TokenStream, scope: &mut Scope, facts: &mut Facts) {
    let tokens: Vec<_> = stream.into_iter().collect();
    Scan { tokens: &tokens, scope, facts, patterns: false }.run();
}

struct Scan<'a> {
    tokens: &'a [TokenTree],
    scope: &'a mut Scope,
    facts: &'a mut Facts,
    /// Paths here are patterns.
    patterns: bool,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    /// Reads what begins at a place, and says where the next begins.
    fn step(&mut self, at: usize) -> usize {
        match &self.tokens[at] {
            TokenTree::Punct(mark) if mark.as_char() == '#' && self.for_tests(at + 1) => {
                self.end_of_item(at + 2)
            }
            // A lifetime.
            TokenTree::Punct(mark) if mark.as_char() == '\'' => at + 2,
            TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
            TokenTree::Group(group) => {
                self.inside(group.stream(), self.patterns);
                at + 1
            }
            TokenTree::Ident(name) => match plain(name).as_str() {
                "use" if !self.is(at + 1, '<') => self.end_of_item(at + 1),
                "mod" => self.module(at),
                "matches" if self.is(at + 1, '!') => self.matches(at),
                _ => self.name(at),
            },
        }
    }

    fn inside(&mut self, stream: TokenStream, patterns: bool) {
        let tokens: Vec<_> = stream.into_iter().collect();
        Scan { tokens: &tokens, scope: self.scope, facts: self.facts, patterns }.run();
    }

    /// `mod name { … }`; a `mod name;` has nothing to read.
    fn module(&mut self, at: usize) -> usize {
        match (self.ident(at + 1), self.tokens.get(at + 2)) {
            (Some(name), Some(TokenTree::Group(body))) => {
                self.scope.push(name);
                self.inside(body.stream(), false);
                self.scope.pop();
                at + 3
            }
            _ => at + 2,
        }
    }

    /// `matches!(value, pattern)`: what follows the first comma is a pattern.
    fn matches(&mut self, at: usize) -> usize {
        if let Some(TokenTree::Group(group)) = self.tokens.get(at + 2) {
            let tokens: Vec<_> = group.stream().into_iter().collect();
            let comma = tokens.iter().position(|token| is_mark(token, ','));
            let (value, pattern) = tokens.split_at(comma.unwrap_or(tokens.len()));
            self.inside(value.iter().cloned().collect(), false);
            self.inside(pattern.iter().cloned().collect(), true);
        }
        at + 3
    }

    /// A method, a path, or a name that stands alone.
    fn name(&mut self, at: usize) -> usize {
        let line = self.tokens[at].span().start().line;
        let mut names = vec![self.ident(at).unwrap_or_default()];
        let mut next = at + 1;
        while self.is(next, ':')
            && self.is(next + 1, ':')
            && let Some(name) = self.ident(next + 2)
        {
            names.push(name);
            next += 3;
        }
        let after = |mark| at > 0 && is_mark(&self.tokens[at - 1], mark);
        let arguments = self.arguments(next);
        if after('.') && !(at > 1 && is_mark(&self.tokens[at - 2], '.')) {
            if let Some(arguments) = arguments {
                self.facts.calls.push(Call { name: names.remove(0), arguments, line });
            }
        } else if names.len() > 1 && !after(':') {
            let scope = self.scope.clone();
            self.facts.paths.push(Path { scope, names, line, pattern: self.patterns });
        } else if names.len() == 1 {
            let name = names.remove(0);
            let called = arguments.is_some() || self.is(next, '!');
            let declared = at > 0 && self.ident(at - 1).is_some_and(|before| before == "fn");
            if (called || name.starts_with(char::is_uppercase)) && !declared {
                self.facts.alone.insert(name);
            }
        }
        next
    }

    /// How many arguments a call has, if there is one here.
    fn arguments(&self, at: usize) -> Option<usize> {
        let Some(TokenTree::Group(group)) = self.tokens.get(at) else { return None };
        if group.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let tokens: Vec<_> = group.stream().into_iter().collect();
        let commas = tokens.iter().filter(|token| is_mark(token, ',')).count();
        let open_ended = tokens.last().is_some_and(|token| is_mark(token, ','));
        Some(if tokens.is_empty() { 0 } else { commas + 1 - usize::from(open_ended) })
    }

    /// Whether this is `[cfg(test)]`, or a `cfg` that holds for tests only.
    fn for_tests(&self, at: usize) -> bool {
        let Some(TokenTree::Group(group)) = self.tokens.get(at) else { return false };
        let mut inner = group.stream().into_iter();
        let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(what))) =
            (inner.next(), inner.next())
        else {
            return false;
        };
        let mut names = BTreeSet::new();
        words(what.stream(), &mut names);
        name == "cfg" && names.contains("test") && !names.contains("not")
    }

    /// After the item that begins here: its body, or its semicolon.
    fn end_of_item(&self, from: usize) -> usize {
        let ends = |token: &TokenTree| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            other => is_mark(other, ';') || is_mark(other, ','),
        };
        let last = self.tokens.iter().skip(from).position(ends);
        let end = last.map_or(self.tokens.len(), |at| from + at + 1);
        // `use a::{b, c};` ends with its semicolon.
        if self.is(end, ';') { end + 1 } else { end }
    }

    fn ident(&self, at: usize) -> Option<String> {
        match self.tokens.get(at) {
            Some(TokenTree::Ident(name)) => Some(plain(name)),
            _ => None,
        }
    }

    fn is(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| is_mark(token, mark))
    }
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == mark)
}

/// An identifier without `r#`.
fn plain(name: &proc_macro2::Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}
