//! Sends one e-mail through the SMTP server of `CAMPO_SMTP`.

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

/// Longest time for the whole SMTP conversation.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Characters of an answer that are kept.
const ANSWER_CHARS_MAX: usize = 300;

/// One e-mail to send.
#[derive(Clone, Debug)]
pub(super) struct OutgoingEmail<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    pub(super) subject: &'a str,
    pub(super) body: &'a str,
    pub(super) message_id: &'a str,
}

/// Why it was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendError {
    /// In pt-BR, followed by what the server said.
    pub(super) error: String,
    /// Whether further attempts would be useless.
    pub(super) permanent: bool,
}

/// Sends it; returns what the server answered.
///
/// # Errors
/// It was not accepted.
pub(super) async fn send(smtp: &Smtp, email: &OutgoingEmail<'_>) -> Result<String, SendError> {
    // Everything else in the message is valid by construction, so the address is at fault.
    let message = message(email).map_err(|_| SendError {
        error: format!("o endereço “{}” não serve como e-mail", email.address),
        permanent: true,
    })?;
    match tokio::time::timeout(TIMEOUT, smtp.send(message)).await {
        Ok(Ok(response)) => {
            let words: Vec<&str> = response.message().collect();
            Ok(short(&format!("{} {}", response.code(), words.join(" "))))
        }
        Ok(Err(error)) => Err(send_error(&error)),
        Err(_) => {
            let error = format!("o servidor de e-mail não terminou em {} s", TIMEOUT.as_secs());
            Err(SendError { error, permanent: false })
        }
    }
}

fn message(email: &OutgoingEmail<'_>) -> Result<Message> {
    let address: Address = email.address.parse()?;
    let name: String = email.name.chars().filter(|c| !c.is_control()).collect();
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    Ok(Message::builder()
        .from(email.from.clone())
        .to(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
        .subject(email.subject)
        .message_id(Some(email.message_id.to_owned()))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .singlepart(SinglePart::plain(email.body.to_owned()))?)
}

fn send_error(error: &smtp::Error) -> SendError {
    let said = error.source().map(|source| source.to_string()).unwrap_or_default();
    let Some(code) = error.status() else {
        // About the connection or the settings, so it holds no personal data.
        tracing::info!(reason = %chain(error), "the mail server could not be used");
        return SendError { error: sentence(error, &said).to_owned(), permanent: false };
    };
    let code = code.to_string();
    let permanent = of_the_address(&code, &said);
    let what = match code.as_str() {
        _ if permanent => "o servidor de e-mail recusou o endereço",
        "530" | "534" | "535" => "o servidor de e-mail recusou o usuário e a senha de CAMPO_SMTP",
        _ if error.is_permanent() => "o servidor de e-mail recusou a mensagem",
        _ => "o servidor de e-mail não aceitou a mensagem agora",
    };
    SendError { error: short(&format!("{what}: {code} {said}")), permanent }
}

/// Why the server gave no answer about the message, pt-BR.
fn sentence(error: &smtp::Error, said: &str) -> &'static str {
    if error.is_client() && said.contains("STARTTLS") {
        "o servidor de e-mail não oferece a cifra (STARTTLS) que CAMPO_SMTP pede"
    } else if error.is_client() && said.contains("authentication") {
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

/// Whether a refusal is about the recipient's address: 5.1.1 to 5.1.4, 5.1.6 and 5.2.1 of RFC 3463;
/// without such a code, 501, 550, 551 and 553 of RFC 5321. Other refusals may be about the sender,
/// a policy or a passing condition.
fn of_the_address(code: &str, said: &str) -> bool {
    let word = said.split_whitespace().next().unwrap_or_default();
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
