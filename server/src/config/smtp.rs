//! The SMTP server that the settings name.

use lettre::{AsyncSmtpTransport, Tokio1Executor};
use reqwest::Url;
use std::{net::IpAddr, time::Duration};

/// The SMTP server of the settings.
pub type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// Longest wait for one answer of the server.
const COMMAND_MAX: Duration = Duration::from_secs(15);
/// Reads `smtp://…` or `smtps://…`.
pub fn parse(url: &str) -> Option<Smtp> {
    Some(Smtp::from_url(url).ok()?.timeout(Some(COMMAND_MAX)).build())
}

/// Whether a setting that [`parse`] takes would send its password in clear text to another machine.
pub fn senha_sem_cifra(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let entra = !url.username().is_empty() || url.password().is_some();
    let tls = url.query_pairs().find(|(nome, _)| nome == "tls");
    let cifra = url.scheme() == "smtps" || tls.is_some_and(|(_, valor)| valor == "required");
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let local = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback());
    entra && !cifra && !local
}
