//! `campo`: see `campo --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match campo_server::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("campo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
