//! The house rules that a machine can check: which way imports point, sizes, where SQL and the
//! rules may be asked, the list of routes, what nobody uses, and the picture of all that.
//!
//! Every crate of the workspace is read, with a parser. There is no list of exceptions: what a test
//! here says is mended in the code, or the rule is changed here, for everybody.

mod circles;
mod docs;
mod facts;
mod layers;
mod modules;
mod picture;
mod places;
mod public;
mod routes;
mod sizes;
mod text;
mod tokens;
mod workspace;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Fails with every fault, one a line.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} to mend:\n{}", faults.len(), faults.join("\n"));
}

/// Compares with what is stored, or stores it with `CAMPO_BLESS=1`.
fn as_stored(path: &str, stored: &str, now: &str) {
    if std::env::var_os("CAMPO_BLESS").is_some() {
        fs::write(root().join(path), now).unwrap();
        return;
    }
    let mut lines = now.lines().zip(stored.lines().chain(std::iter::repeat("")));
    let first = lines.find(|(now, stored)| now != stored);
    assert!(
        now == stored,
        "{path} is not what the code says, first here: {first:?}\nIf it is meant: \
         CAMPO_BLESS=1 cargo test -p campo-tests --test campo tidy"
    );
}
