//! A field client in the terminal, on the public API alone: for demonstrations and end-to-end
//! tests. `cargo run -p campo-mobile-core --example device -- --db FILE [--json] COMMAND`

mod args;
mod complete;
mod device;
mod failure;
mod look;
mod output;
mod photos;
mod record;
mod say;
mod session;
mod standing;
mod table;
mod words;
mod write;

use args::{Args, Command};
use campo_mobile_core::Phone;
use clap::Parser;
use failure::Failure;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (codigo, mensagem) = failure.said();
            if args.json {
                eprintln!("{}", serde_json::json!({ "codigo": codigo, "mensagem": mensagem }));
            } else {
                eprintln!("{mensagem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let phone = Phone::open(&args.db, args.chave.as_deref())?;
    let fuso = phone.conta()?.map_or(chrono_tz::America::Sao_Paulo, |conta| conta.fuso);
    let output = Output { json: args.json, fuso };
    match &args.command {
        Command::Session(command) => session::run(&phone, &output, command),
        Command::Look(command) => look::run(&phone, &output, command),
        Command::Write(command) => write::run(&phone, &output, command),
        Command::Say(command) => say::run(&phone, &output, command),
        Command::Device(command) => device::run(&phone, &output, command),
    }
}
