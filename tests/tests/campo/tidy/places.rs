//! Where something may be done: SQL only where a table is owned or read for screens, and no page
//! or handler that reads a field of a record, or asks the rules, by itself.

use super::{
    modules::{ARROWS, MODULES},
    none,
    workspace::WORKSPACE,
};

/// Modules of the server that own a table, or read them for screens and programs. `objects` asks
/// PostgreSQL only for locks of its own keys, `testing` for the databases that it makes.
const SQL: &[&str] = &[
    "arquivos",
    "auth",
    "commit",
    "db",
    "http",
    "ledger",
    "objects",
    "outbox",
    "postgres",
    "projection",
    "reading",
    "rebuild",
    "reference",
    "search",
    "testing",
    "timers",
];
/// Where the phone's database is read and written, and what does it.
const PHONE_STORE: &str = "mobile-core/src/store/";
const PHONE_SQL: [(&str, usize); 5] =
    [("execute", 2), ("execute_batch", 1), ("prepare", 1), ("prepare_cached", 1), ("query_row", 3)];

/// Modules of the server that show what `screens` says and decide nothing.
const FACES: [&str; 3] = ["server/src/api/", "server/src/web/", "server/src/http/"];
/// Modules of `domain` whose functions are the rules, and the module of the server that asks them
/// for a command. For what is shown, `screens` asks them.
const RULES: [&str; 3] = ["policy", "workflow", "invariantes"];
const ASKS_RULES: &str = "office";
/// Methods of `domain::registro::{Registro, Item}` that read a field; all take its name.
const READERS: [&str; 2] = ["valor", "referencia"];

/// The module below the root of the server's library that a file is part of.
fn of_server(file: &str) -> Option<&str> {
    file.strip_prefix("server/src/")?.split(['/', '.']).next()
}

/// SQL in other places than those.
pub fn faults_of_sql() -> Vec<String> {
    let mut faults = Vec::new();
    for (id, module) in MODULES.files() {
        let file = &module.file;
        for (path, line) in MODULES.foreign(id) {
            let item = path.get(1).map_or("", String::as_str);
            let sql = path[0] == "sqlx" && (item.starts_with("query") || item == "QueryBuilder");
            let in_place = of_server(file).is_none_or(|module| SQL.contains(&module));
            if sql && file.starts_with("server/") && !in_place {
                faults.push(format!("{file}:{line}: SQL outside of the modules that own a table"));
            }
        }
        if file.starts_with("mobile-core/src/") && !file.starts_with(PHONE_STORE) {
            let calls = WORKSPACE.sources[file].facts.calls.iter();
            let sql = calls.filter(|call| PHONE_SQL.contains(&(&*call.name, call.arguments)));
            let told =
                sql.map(|call| format!("{file}:{}: SQL outside of {PHONE_STORE}", call.line));
            faults.extend(told);
        }
    }
    faults.dedup();
    faults
}

/// Who reads a field or asks a rule that should not.
pub fn faults_of_faces() -> Vec<String> {
    let face = |file: &str| FACES.iter().any(|folder| file.starts_with(folder));
    let domain = MODULES.library("campo_domain");
    let mut faults = Vec::new();
    for arrow in ARROWS.iter() {
        let (from, to) = (MODULES.get(arrow.from), MODULES.get(arrow.to));
        let of_domain = domain.is_some_and(|root| MODULES.is_below(arrow.to, root));
        let Some(asks) = of_server(&from.file).filter(|_| of_domain) else { continue };
        let place = format!("{}:{}", from.file, arrow.line);
        let module = to.path.first().map_or("", String::as_str);
        let function = arrow.item.starts_with(char::is_lowercase);
        if function && RULES.contains(&module) && asks != ASKS_RULES {
            faults.push(format!("{place}: asks {module}::{} itself", arrow.item));
        }
        if arrow.pattern && arrow.item == "Valor" && face(&from.file) {
            faults.push(format!("{place}: takes a value apart"));
        }
    }
    for (file, source) in WORKSPACE.product().filter(|(file, _)| face(file)) {
        for call in &source.facts.calls {
            if READERS.contains(&call.name.as_str()) && call.arguments == 1 {
                faults.push(format!("{file}:{}: reads a field by .{}(…)", call.line, call.name));
            }
        }
    }
    faults
}

#[test]
fn sql_is_written_where_a_table_is_owned_or_read() {
    none(&faults_of_sql());
}

#[test]
fn pages_and_handlers_leave_fields_and_rules_to_screens() {
    none(&faults_of_faces());
}
