//! A device as a process of its own, to be killed in the middle of things: it creates clientes,
//! writes notes on them and synchronises, until it is killed. Each line on stdout names work that
//! was durable before the line was written: `cliente ID NOME` or `nota ID TEXTO`.

use anyhow::{Context, Result};
use campo_domain::kind::Kind;
use campo_mobile_core::Phone;
use clap::Parser;
use std::{io::Write, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

#[derive(Parser)]
struct Args {
    /// File of the device.
    #[arg(long)]
    db: PathBuf,
    /// Address of the server.
    #[arg(long)]
    server: String,
    /// Short name of the company.
    #[arg(long)]
    empresa: String,
    /// Login of the person; signs in if nobody is.
    #[arg(long)]
    login: String,
    /// Password of the person.
    #[arg(long)]
    senha: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let campo = Phone::open(&args.db, None)?;
    if campo.conta()?.is_none() {
        campo.sign_in(&args.server, &args.empresa, &args.login, &args.senha, &args.login)?;
        campo.sync_now(&|_| {}, &AtomicBool::new(false))?;
    }
    let life = std::process::id();
    for round in 0_u32.. {
        let nome = format!("Cliente {} {life} {round}", args.login);
        let id = campo.novo(Kind::Cliente, None, &[("nome".into(), nome.clone())], &[])?;
        say(&format!("cliente {id} {nome}"))?;
        for n in 0..2 {
            let texto = format!("nota {life} {round} {n}");
            campo.anotar(id, &texto)?;
            say(&format!("nota {id} {texto}"))?;
        }
        // Without a server the work goes on: that is what this is for.
        if campo.sync_now(&|_| {}, &AtomicBool::new(false)).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("nobody listens")
}
