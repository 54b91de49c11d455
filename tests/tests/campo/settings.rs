//! The example settings name what the server reads, and nothing else.

use campo_server::config::{SETTINGS, Setting};
use std::fmt::Write;

/// A key that everybody can read must not end up in use: this one is shown without a value.
const WITHOUT_VALUE: &str = "CAMPO_CHAVE";

#[test]
fn the_example_settings_are_those_of_the_help() {
    let file = include_str!("../../../campo.env.example");
    let header = file.split("\n\n").next().unwrap();
    assert!(header.lines().all(|line| line.starts_with("# ")), "{header}");
    let mut expected = format!("{header}\n");
    for Setting { name, default, allowed, example, help } in SETTINGS {
        let value = if *name == WITHOUT_VALUE { "" } else { *example };
        assert!(!value.contains(['"', '\\', '$', '`']), "{name}: a shell would change the value");
        write!(expected, "\n# {help}: {allowed} [padrão: {default}]\n#{name}=\"{value}\"\n")
            .unwrap();
    }
    assert_eq!(file, expected, "campo.env.example is not what the table of settings says");
}
