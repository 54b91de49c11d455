//! The terminal client's commands for signing in and out.

use crate::{args::SessionCommand, failure::Failure, output::Output};
use campo_mobile_core::Phone;
use std::io::BufRead;

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &SessionCommand) -> Result<(), Failure> {
    match command {
        SessionCommand::Login { servidor, empresa, login, senha, dispositivo } => {
            let senha = senha.clone().map_or_else(read_password, Ok)?;
            let conta = phone.sign_in(servidor, empresa, login, &senha, dispositivo)?;
            output.one(&conta, &format!("{} entrou em {}.", conta.nome, conta.empresa_nome));
        }
        SessionCommand::Logout => {
            phone.sign_out()?;
            let text = "Você saiu. Seus dados e pendências ficam guardados neste aparelho.";
            output.one(&serde_json::json!({ "saiu": true }), text);
        }
    }
    Ok(())
}

fn read_password() -> Result<String, Failure> {
    eprint!("Senha: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|_| "Não foi possível ler a senha.".to_owned())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
