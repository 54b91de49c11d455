//! Sending one e-mail through the SMTP server that the settings name.

use crate::config::Smtp;
use anyhow::Result;
use lettre::{
    Address, AsyncTransport, Message,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp,
};
use std::{error::Error, time::Duration};

/// Longest wait for all of it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of an answer is kept, in characters.
const ANSWER_CHARS_MAX: usize = 300;

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
    /// pt-BR, then what the server said.
    pub(super) erro: String,
    /// Whether another try is of no use.
    pub(super) definitiva: bool,
}

/// Sends it; returns what the server answered.
pub(super) async fn enviar(smtp: &Smtp, carta: &Carta<'_>) -> Result<String, Falha> {
    // All that is not Campo's own in a message is the address.
    let message = message(carta).map_err(|_| Falha {
        erro: format!("o endereço “{}” não serve como e-mail", carta.endereco),
        definitiva: true,
    })?;
    match tokio::time::timeout(TIMEOUT, smtp.send(message)).await {
        Ok(Ok(response)) => {
            let words: Vec<&str> = response.message().collect();
            Ok(short(&format!("{} {}", response.code(), words.join(" "))))
        }
        Ok(Err(error)) => Err(falha(&error)),
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
        .singlepart(SinglePart::plain(carta.corpo.to_owned()))?)
}

fn falha(error: &smtp::Error) -> Falha {
    let dito = error.source().map(|source| source.to_string()).unwrap_or_default();
    let Some(code) = error.status() else {
        // Of the connection and the settings, never of the address.
        tracing::info!(reason = %chain(error), "the mail server could not be used");
        return Falha { erro: sentence(error, &dito).to_owned(), definitiva: false };
    };
    let code = code.to_string();
    let definitiva = of_the_address(&code, &dito);
    let frase = match code.as_str() {
        _ if definitiva => "o servidor de e-mail recusou o endereço",
        "530" | "534" | "535" => "o servidor de e-mail recusou o usuário e a senha de CAMPO_SMTP",
        _ if error.is_permanent() => "o servidor de e-mail recusou a mensagem",
        _ => "o servidor de e-mail não aceitou a mensagem agora",
    };
    Falha { erro: short(&format!("{frase}: {code} {dito}")), definitiva }
}

/// Why nothing was said of the message itself.
fn sentence(error: &smtp::Error, dito: &str) -> &'static str {
    if error.is_client() && dito.contains("STARTTLS") {
        "o servidor de e-mail não oferece a cifra (STARTTLS) que CAMPO_SMTP pede"
    } else if error.is_client() && dito.contains("authentication") {
        "o servidor de e-mail não aceita a forma de entrar de CAMPO_SMTP"
    } else if error.is_client() || error.is_response() {
        "a conversa com o servidor de e-mail foi interrompida ou não foi entendida"
    } else if error.is_tls() {
        "a conexão cifrada com o servidor de e-mail não pôde ser feita"
    } else if error.is_timeout() {
        "o servidor de e-mail não respondeu a tempo"
    } else {
        "não foi possível falar com o servidor de e-mail"
    }
}

fn chain(error: &smtp::Error) -> String {
    let mut reason = error.to_string();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(deeper) = cause {
        if !reason.contains(&deeper.to_string()) {
            reason = format!("{reason}: {deeper}");
        }
        cause = deeper.source();
    }
    reason
}

/// Whether an answer speaks of the recipient's address: 5.1.1 to 5.1.4, 5.1.6 and 5.2.1 of RFC
/// 3463; where there is no such code, 501, 550, 551 and 553 of RFC 5321. Other refusals may be of
/// us, of a policy or of the moment.
fn of_the_address(code: &str, dito: &str) -> bool {
    let word = dito.split_whitespace().next().unwrap_or_default();
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    let parts: Vec<&str> = word.split('.').collect();
    match parts[..] {
        ["2" | "4" | "5", subject, detail]
            if [subject, detail].iter().all(|part| part.parse::<u16>().is_ok()) =>
        {
            ["5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.2.1"].contains(&word)
        }
        _ => ["501", "550", "551", "553"].contains(&code),
    }
}

fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(ANSWER_CHARS_MAX).collect()
}
