//! Sending one e-mail through the SMTP server that the settings name.

use anyhow::Result;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp,
};
use std::{error::Error, time::Duration};

/// The SMTP server of the settings.
pub type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// Longest wait for one answer of the server.
const COMMAND_MAX: Duration = Duration::from_secs(15);
/// Longest wait for all of it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of an answer is kept, in characters.
const ANSWER_CHARS_MAX: usize = 300;

/// Reads `smtp://…` or `smtps://…`.
pub fn parse(url: &str) -> Option<Smtp> {
    Some(Smtp::from_url(url).ok()?.timeout(Some(COMMAND_MAX)).build())
}

/// What one e-mail says, to whom.
#[derive(Clone, Debug)]
pub(super) struct Carta<'a> {
    pub(super) de: &'a Mailbox,
    pub(super) nome: &'a str,
    pub(super) endereco: &'a str,
    pub(super) assunto: &'a str,
    pub(super) corpo: &'a str,
    pub(super) message_id: &'a str,
}

/// Why it was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Falha {
    /// pt-BR, or what the server said.
    pub(super) erro: String,
    /// Whether another try is of no use.
    pub(super) definitiva: bool,
}

/// Sends it; returns what the server answered.
pub(super) async fn enviar(smtp: &Smtp, carta: &Carta<'_>) -> Result<String, Falha> {
    let message = message(carta).map_err(|error| Falha {
        erro: format!("a mensagem não pôde ser montada: {error}"),
        definitiva: true,
    })?;
    match tokio::time::timeout(TIMEOUT, smtp.send(message)).await {
        Ok(Ok(response)) => {
            let words: Vec<&str> = response.message().collect();
            Ok(short(&format!("{} {}", response.code(), words.join(" "))))
        }
        Ok(Err(error)) => {
            Err(Falha { erro: short(&reason(&error)), definitiva: no_such_mailbox(&error) })
        }
        Err(_) => {
            let erro = format!("o servidor de e-mail não terminou em {} s", TIMEOUT.as_secs());
            Err(Falha { erro, definitiva: false })
        }
    }
}

fn message(carta: &Carta<'_>) -> Result<Message> {
    let address: Address = carta.endereco.parse()?;
    let nome: String = carta.nome.chars().filter(|c| !c.is_control()).collect();
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    Ok(Message::builder()
        .from(carta.de.clone())
        .to(Mailbox::new(Some(nome).filter(|nome| !nome.is_empty()), address))
        .subject(carta.assunto)
        .message_id(Some(carta.message_id.to_owned()))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(carta.corpo.to_owned())?)
}

fn reason(error: &smtp::Error) -> String {
    let mut reason = error.to_string();
    if !error.is_response() && !error.is_permanent() && !error.is_transient() {
        let mut cause: Option<&dyn Error> = error.source();
        while let Some(deeper) = cause {
            if !reason.contains(&deeper.to_string()) {
                reason = format!("{reason}: {deeper}");
            }
            cause = deeper.source();
        }
    }
    reason
}

/// Codes 550, 551 and 553 speak of the mailbox; other refusals may be of us or of the moment.
fn no_such_mailbox(error: &smtp::Error) -> bool {
    error.status().is_some_and(|code| ["550", "551", "553"].contains(&code.to_string().as_str()))
}

fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(ANSWER_CHARS_MAX).collect()
}
