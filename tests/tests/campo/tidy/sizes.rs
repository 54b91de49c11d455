//! Lines fit on a screen, functions too, and files in a head.

use super::{modules::MODULES, none, workspace::WORKSPACE};

/// Columns of a line.
const COLUMNS_MAX: usize = 100;
/// Lines of a function, from its signature to its closing brace. A function that is one `match` of
/// single expressions is a table and may be longer: cutting it would hide what it lists.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a file, its tests not counted.
const FILE_LINES_MAX: usize = 500;
/// Lines of a file with its tests, and of a file of tests.
const WITH_TESTS_LINES_MAX: usize = 700;

/// What is to mend, one fault a line.
pub fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    for (path, source) in &WORKSPACE.sources {
        let all = source.text.lines().count();
        if all > WITH_TESTS_LINES_MAX {
            faults.push(format!("{path}: {all} lines, over {WITH_TESTS_LINES_MAX}"));
        }
        for (at, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                faults.push(format!("{path}:{}: over {COLUMNS_MAX} columns", at + 1));
            }
        }
        if MODULES.for_tests(path) {
            continue;
        }
        let lines = source.facts.lines;
        if lines > FILE_LINES_MAX {
            faults.push(format!("{path}: {lines} lines, over {FILE_LINES_MAX}: split by subject"));
        }
        for function in &source.facts.functions {
            if function.lines > FUNCTION_LINES_MAX && !function.table {
                let (line, name) = (function.line, &function.name);
                faults.push(format!("{path}:{line}: {name} has {} lines", function.lines));
            }
        }
    }
    faults
}

#[test]
fn lines_and_functions_fit_on_a_screen_and_files_in_a_head() {
    none(&faults());
}
