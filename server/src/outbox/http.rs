//! The HTTP client that delivers webhooks, signed by the Standard Webhooks specification.
//!
//! An endpoint's address is typed by an administrator of a company and must not give access to the
//! server's own network (SSRF). So the IP address is checked when the connection is made, after the
//! name was resolved, and redirects are not followed.

use super::lease::{Claimed, Outcome};
use crate::config::MasterKey;
use anyhow::{Context, Result, anyhow};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// Longest wait for a whole response.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a response that are read.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Characters of a response that are kept with a failure.
const EXCERPT_CHARS_MAX: usize = 300;
/// Longest `Retry-After` that is respected.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The response of an endpoint.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    /// The beginning of its body, in one line.
    text: String,
    /// Its `Retry-After`.
    retry_after: Option<String>,
}

/// The HTTP client. One for each process, so that connections are kept open.
#[derive(Clone, Debug)]
pub(super) struct Client {
    https: reqwest::Client,
    http: reqwest::Client,
    private_networks: bool,
}

impl Client {
    /// With the root certificates of this machine.
    ///
    /// # Errors
    /// The machine has no root certificates.
    pub(super) fn new(private_networks: bool) -> Result<Self> {
        // Fails only if a provider is installed already; then that one is used.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = |scheme| {
            reqwest::Client::builder()
                .dns_resolver(Resolver { scheme, private_networks })
                .redirect(Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
                .user_agent(concat!("Campo/", env!("CARGO_PKG_VERSION")))
                .build()
                .context("o cliente HTTP não pôde ser criado")
        };
        Ok(Self { https: client("https")?, http: client("http")?, private_networks })
    }

    /// Makes one attempt. `timestamp` is in Unix seconds.
    ///
    /// # Errors
    /// The address is not allowed, the secret cannot be decrypted, or there was no response.
    pub(super) async fn post(
        &self,
        key: &MasterKey,
        tenant: TenantId,
        claimed: &Claimed,
        timestamp: i64,
    ) -> Result<Response> {
        let url = Url::parse(&claimed.url)?;
        allowed(&url, self.private_networks).map_err(|reason| anyhow!(reason))?;
        let headers = headers(key, tenant, claimed, timestamp)?;
        let client = if url.scheme() == "https" { &self.https } else { &self.http };
        let request = client.post(url).headers(headers).body(claimed.body.clone());
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        // The status decides; a body that breaks off or does not end makes no difference.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())]);
            if body.len() == ANSWER_BYTES_MAX {
                break;
            }
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        Ok(Response { status: response.status().as_u16(), text: excerpt(&body), retry_after })
    }
}

fn headers(
    key: &MasterKey,
    tenant: TenantId,
    claimed: &Claimed,
    timestamp: i64,
) -> Result<HeaderMap> {
    let mut signatures = Vec::new();
    for sealed in [Some(&claimed.secret), claimed.previous_secret.as_ref()] {
        let Some(sealed) = sealed else { continue };
        let secret = key.reveal(tenant, claimed.endpoint, sealed)?;
        let webhook = Webhook::new(&secret)?;
        let body = claimed.body.as_bytes();
        signatures.push(webhook.sign(&claimed.message_id, timestamp, body)?);
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HEADER_WEBHOOK_ID, claimed.message_id.parse()?);
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.into());
    headers.insert(HEADER_WEBHOOK_SIGNATURE, signatures.join(" ").parse()?);
    Ok(headers)
}

/// The beginning of a body in one line, without control characters.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(EXCERPT_CHARS_MAX).collect()
}

/// The result of an attempt that began at `at` and took so long.
pub(super) fn outcome_of(outcome: Result<Response>, at: DateTime<Utc>, took: Duration) -> Outcome {
    let Response { status, text, retry_after } = match outcome {
        Ok(response) => response,
        Err(error) => {
            return Outcome { at, status: None, took, error: Some(reason(&error)), wait: None };
        }
    };
    let error = match status {
        200..300 => None,
        300..400 => Some(format!("HTTP {status}: redirecionamentos não são seguidos")),
        _ => Some(format!("HTTP {status}: {text}").trim_end().to_owned()),
    };
    let wait =
        retry_after.filter(|_| matches!(status, 429 | 503)).and_then(|d| wait_asked_for(&d, at));
    Outcome { at, status: Some(status), took, error, wait }
}

/// The wait that a `Retry-After` asks for, as seconds or as an HTTP date, up to [`WAIT_MAX`].
fn wait_asked_for(retry_after: &str, at: DateTime<Utc>) -> Option<Duration> {
    let seconds = match retry_after.trim().parse() {
        Ok(seconds) => seconds,
        Err(_) => (DateTime::parse_from_rfc2822(retry_after).ok()?.to_utc() - at).num_seconds(),
    };
    Some(Duration::from_secs(u64::try_from(seconds).ok()?).min(WAIT_MAX))
}

/// Why there was no response, pt-BR.
fn reason(error: &anyhow::Error) -> String {
    if let Some(refused) = error.chain().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return refused.to_string();
    }
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => {
            format!("sem resposta em {} segundos", TIMEOUT.as_secs())
        }
        Some(error) => {
            let mut cause: &dyn Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            format!("sem conexão: {cause}")
        }
        None => format!("{error:#}"),
    }
}

/// Whether an endpoint may be called, as far as its address alone tells; names are checked when
/// they are resolved.
///
/// # Errors
/// Why not, pt-BR.
pub(super) fn allowed(url: &Url, private_networks: bool) -> Result<(), String> {
    let scheme = url.scheme();
    if scheme != "https" && !(scheme == "http" && private_networks) {
        return Err("use https".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(ip) if !reachable(scheme, ip, private_networks) => Err(Refused.to_string()),
        _ if host.is_empty() => Err("falta o nome do servidor".to_owned()),
        // `Resolver` checks names.
        _ => Ok(()),
    }
}

/// Whether a client of that scheme may connect there. Private networks need the setting
/// `CAMPO_WEBHOOK_REDES_PRIVADAS`; public ones need `https`.
fn reachable(scheme: &str, ip: IpAddr, private_networks: bool) -> bool {
    if is_public(ip) { scheme == "https" } else { private_networks }
}

/// Whether an address is globally routable (IANA special-purpose address registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)              // this network, private, loopback, multicast
            | (100, 64..128, _)                 // carrier-grade NAT
            | (169, 254, _)                     // link-local, where clouds keep their metadata
            | (172, 16..32, _)                  // private
            | (192, 0, 0 | 2)                   // protocols, documentation
            | (192, 88, 99)                     // relays of 6to4
            | (192, 168, _)                     // private
            | (198, 18..20, _)                  // benchmarks
            | (198, 51, 100)                    // documentation
            | (203, 0, 113) // documentation
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // IPv4-mapped, NAT64 and 6to4 addresses are judged by the IPv4 address in them.
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo and other protocols, documentation.
        [0x2001, 0..0x200 | 0xdb8, ..] => false,
        [0x3fff, ..] => false,
        [0x2000..0x4000, ..] => true,
        _ => false,
    }
}

/// The address is one that this server must not connect to.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "o endereço fica numa rede interna, ou http numa rede pública; \
             veja CAMPO_WEBHOOK_REDES_PRIVADAS",
        )
    }
}

impl Error for Refused {}

/// Resolves names to those of their addresses that may be connected to.
#[derive(Clone, Copy, Debug)]
struct Resolver {
    scheme: &'static str,
    private_networks: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { scheme, private_networks } = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reached: Vec<SocketAddr> =
                found.filter(|addr| reachable(scheme, addr.ip(), private_networks)).collect();
            if reached.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(reached.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(address: &str, private_networks: bool) -> bool {
        allowed(&Url::parse(address).unwrap(), private_networks).is_ok()
    }

    #[test]
    fn addresses_of_inner_networks_are_refused_however_they_are_written() {
        for address in [
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:db8::1]",
            "[2001::1]",
            "[::127.0.0.1]",
        ] {
            assert!(!may(&format!("https://{address}/x"), false), "{address}");
            assert!(may(&format!("https://{address}/x"), true), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "[2606:4700::1111]", "[::ffff:8.8.8.8]"] {
            assert!(may(&format!("https://{address}/x"), false), "{address}");
            assert!(!may(&format!("http://{address}/x"), true), "{address} without encryption");
        }
        assert!(may("https://erp.exemplo.com.br/campo", false));
        assert!(!may("http://erp.exemplo.com.br/campo", false));
        assert!(!may("ftp://erp.exemplo.com.br/campo", true));
    }

    #[test]
    fn an_endpoint_says_in_seconds_or_by_a_date_how_long_it_wants_to_be_left_alone() {
        let at = DateTime::from_timestamp(1_445_412_420, 0).unwrap(); // 07:27:00 of that day
        let asked = |retry_after| wait_asked_for(retry_after, at).map(|wait| wait.as_secs());
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(asked("9999999"), Some(86_400));
        assert_eq!(asked("Wed, 21 Oct 2015 07:26:00 GMT"), None);
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("logo"), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_into_an_inner_network_is_refused_when_it_is_resolved() {
        for (scheme, private_networks, reached) in
            [("https", false, false), ("https", true, true), ("http", true, true)]
        {
            let resolver = Resolver { scheme, private_networks };
            let found = resolver.resolve("localhost".parse().unwrap()).await;
            assert_eq!(found.is_ok(), reached, "{scheme} {private_networks}");
        }
    }
}
