//! The SMTP server, as `CAMPO_SMTP` names it.

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

/// Whether this setting would send its password in clear text to another machine.
pub fn sends_password_in_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let signs_in = !url.username().is_empty() || url.password().is_some();
    let tls = url.query_pairs().find(|(name, _)| name == "tls");
    let encrypted = url.scheme() == "smtps" || tls.is_some_and(|(_, value)| value == "required");
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let local = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback());
    signs_in && !encrypted && !local
}
