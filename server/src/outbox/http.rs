//! Delivering a webhook: signed by the Standard Webhooks specification, to the addresses that this
//! server may reach and no others.
//!
//! An endpoint is an address that somebody typed: it must not become a way into the network that
//! the server stands in. So each address is looked at when it is connected to, after the name was
//! resolved, and redirects are not followed.

use super::fila::{Reservada, Resultado};
use crate::config::Chave;
use anyhow::{Context, Result, anyhow};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use reqwest::{
    Client, Url,
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

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// How much of it is kept with a failure, in characters.
const EXCERPT_CHARS_MAX: usize = 300;
/// The longest that an endpoint may ask to be left alone.
const ESPERA_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What an endpoint answered.
#[derive(Debug)]
pub(super) struct Resposta {
    status: u16,
    /// The beginning of its body.
    texto: String,
    /// Its `Retry-After`.
    depois: Option<String>,
}

/// What delivers. One a process: it keeps connections open.
#[derive(Clone, Debug)]
pub(super) struct Carteiro {
    https: Client,
    http: Client,
    redes_privadas: bool,
}

impl Carteiro {
    /// With this machine's certificates.
    ///
    /// # Errors
    /// The machine has no certificates.
    pub(super) fn new(redes_privadas: bool) -> Result<Self> {
        // Fails only where a provider is installed already, which then serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = |scheme| {
            Client::builder()
                .dns_resolver(Resolvedor { scheme, redes_privadas })
                .redirect(Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
                .user_agent(concat!("Campo/", env!("CARGO_PKG_VERSION")))
                .build()
                .context("o cliente HTTP não pôde ser criado")
        };
        Ok(Self { https: client("https")?, http: client("http")?, redes_privadas })
    }

    /// Posts once.
    ///
    /// # Errors
    /// The address must not be called, the secret cannot be read, or no answer came.
    pub(super) async fn post(
        &self,
        chave: &Chave,
        tenant: TenantId,
        reservada: &Reservada,
        timestamp: i64,
    ) -> Result<Resposta> {
        let url = Url::parse(&reservada.url)?;
        permitido(&url, self.redes_privadas).map_err(|reason| anyhow!(reason))?;
        let headers = headers(chave, tenant, reservada, timestamp)?;
        let client = if url.scheme() == "https" { &self.https } else { &self.http };
        let request = client.post(url).headers(headers).body(reservada.corpo.clone());
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        // The status says it all: a body that breaks off or does not end changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())]);
            if body.len() == ANSWER_BYTES_MAX {
                break;
            }
        }
        let depois = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let depois = depois.map(str::to_owned);
        Ok(Resposta { status: response.status().as_u16(), texto: excerpt(&body), depois })
    }
}

fn headers(
    chave: &Chave,
    tenant: TenantId,
    reservada: &Reservada,
    timestamp: i64,
) -> Result<HeaderMap> {
    let mut signatures = Vec::new();
    for sealed in [Some(&reservada.segredo), reservada.segredo_anterior.as_ref()] {
        let Some(sealed) = sealed else { continue };
        let segredo = chave.reveal(tenant, reservada.destino, sealed)?;
        let webhook = Webhook::new(&segredo)?;
        let corpo = reservada.corpo.as_bytes();
        signatures.push(webhook.sign(&reservada.mensagem, timestamp, corpo)?);
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HEADER_WEBHOOK_ID, reservada.mensagem.parse()?);
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.into());
    headers.insert(HEADER_WEBHOOK_SIGNATURE, signatures.join(" ").parse()?);
    Ok(headers)
}

/// What an answer says, in a line, without what does not belong into one.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(EXCERPT_CHARS_MAX).collect()
}

/// What came of a post that began then.
pub(super) fn resultado(
    outcome: Result<Resposta>,
    em: DateTime<Utc>,
    levou: Duration,
) -> Resultado {
    let Resposta { status, texto, depois } = match outcome {
        Ok(resposta) => resposta,
        Err(error) => {
            return Resultado { em, status: None, levou, erro: Some(reason(&error)), espera: None };
        }
    };
    let erro = match status {
        200..300 => None,
        300..400 => Some(format!("HTTP {status}: redirecionamentos não são seguidos")),
        _ => Some(format!("HTTP {status}: {texto}").trim_end().to_owned()),
    };
    let espera = depois.filter(|_| matches!(status, 429 | 503)).and_then(|d| espera(&d, em));
    Resultado { em, status: Some(status), levou, erro, espera }
}

/// What a `Retry-After` asks for, in seconds or until a day and time, up to a day.
fn espera(depois: &str, em: DateTime<Utc>) -> Option<Duration> {
    let segundos = match depois.trim().parse() {
        Ok(segundos) => segundos,
        Err(_) => (DateTime::parse_from_rfc2822(depois).ok()?.to_utc() - em).num_seconds(),
    };
    Some(Duration::from_secs(u64::try_from(segundos).ok()?).min(ESPERA_MAX))
}

/// Why no answer came, pt-BR.
fn reason(error: &anyhow::Error) -> String {
    if let Some(recusado) = error.chain().find_map(|cause| cause.downcast_ref::<Recusado>()) {
        return recusado.to_string();
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

/// Whether an endpoint may be called, as far as its address alone says.
///
/// # Errors
/// Why not, pt-BR.
pub(super) fn permitido(url: &Url, redes_privadas: bool) -> Result<(), String> {
    let scheme = url.scheme();
    if scheme != "https" && !(scheme == "http" && redes_privadas) {
        return Err("use https".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(ip) if !alcanca(scheme, ip, redes_privadas) => Err(Recusado.to_string()),
        _ if host.is_empty() => Err("falta o nome do servidor".to_owned()),
        // A name is looked at when it is resolved.
        _ => Ok(()),
    }
}

/// Whether a client of that scheme may connect there: into private networks only where the setting
/// says so, and without encryption nowhere else.
fn alcanca(scheme: &str, ip: IpAddr, redes_privadas: bool) -> bool {
    if publico(ip) { scheme == "https" } else { redes_privadas }
}

/// Whether an address belongs to the internet at large.
fn publico(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => publico_v4(ip),
        IpAddr::V6(ip) => publico_v6(ip),
    }
}

fn publico_v4(ip: Ipv4Addr) -> bool {
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

fn publico_v6(ip: Ipv6Addr) -> bool {
    // The ways to write an IPv4 address as one of these are judged by that address.
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        publico_v4(Ipv4Addr::new(a, b, c, d))
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

/// The address is one that this server must not call.
#[derive(Debug)]
struct Recusado;

impl fmt::Display for Recusado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "o endereço fica numa rede interna, ou http numa rede pública; \
             veja CAMPO_WEBHOOK_REDES_PRIVADAS",
        )
    }
}

impl Error for Recusado {}

/// Resolves names to the addresses that may be connected to.
#[derive(Clone, Copy, Debug)]
struct Resolvedor {
    scheme: &'static str,
    redes_privadas: bool,
}

impl Resolve for Resolvedor {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { scheme, redes_privadas } = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reached: Vec<SocketAddr> =
                found.filter(|addr| alcanca(scheme, addr.ip(), redes_privadas)).collect();
            if reached.is_empty() {
                return Err(Recusado.into());
            }
            Ok(Box::new(reached.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(address: &str, redes_privadas: bool) -> bool {
        permitido(&Url::parse(address).unwrap(), redes_privadas).is_ok()
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
        let em = DateTime::from_timestamp(1_445_412_420, 0).unwrap(); // 07:27:00 of that day
        let asked = |depois| espera(depois, em).map(|espera| espera.as_secs());
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(asked("9999999"), Some(86_400));
        assert_eq!(asked("Wed, 21 Oct 2015 07:26:00 GMT"), None);
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("logo"), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_into_an_inner_network_is_refused_when_it_is_resolved() {
        for (scheme, redes_privadas, reached) in
            [("https", false, false), ("https", true, true), ("http", true, true)]
        {
            let resolvedor = Resolvedor { scheme, redes_privadas };
            let found = resolvedor.resolve("localhost".parse().unwrap()).await;
            assert_eq!(found.is_ok(), reached, "{scheme} {redes_privadas}");
        }
    }
}
