//! The server `campo` under a name that the tests of this package can start and kill.

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
