//! The terminal client's commands for notes, transitions and analyses.

use crate::{args::SayCommand, failure::Failure, output::Output};
use campo_domain::registro::{TipoAnalise, Visibilidade};
use campo_mobile_core::Phone;

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &SayCommand) -> Result<(), Failure> {
    let id = match command {
        SayCommand::Note { id, .. }
        | SayCommand::Transition { id, .. }
        | SayCommand::Analise { id, .. }
        | SayCommand::Laudo { id, .. } => phone.resolver(id, None)?,
    };
    match command {
        SayCommand::Note { texto, cliente, resposta, .. } => {
            let to = if *cliente { Visibilidade::Cliente } else { Visibilidade::Interna };
            phone.conversar(id, texto, to, *resposta)?;
        }
        SayCommand::Transition { verbo, motivo, email, .. } => match email {
            true => phone.transicionar_e_avisar(id, verbo, motivo.as_deref())?,
            false => phone.transicionar(id, verbo, motivo.as_deref())?,
        },
        SayCommand::Analise { tipo, texto, email, .. } => {
            let tipo = TipoAnalise::de_codigo(tipo).unwrap_or(TipoAnalise::Parcial);
            phone.analisar(id, tipo, texto, None, *email)?;
        }
        SayCommand::Laudo { procedente, conclusao, .. } => {
            let procedente = Some(procedente == "sim");
            phone.analisar(id, TipoAnalise::Laudo, conclusao, procedente, false)?;
        }
    }
    Ok(output.done(phone, id)?)
}
