//! Limits the guessing of passwords: after a few failures a login or an IP address has to wait.
//!
//! Attempts are stored in PostgreSQL, so that several servers share the count, and as hashes, so
//! that they hold no personal data. An attempt is counted before the password is checked, so that
//! parallel guesses count too.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, StatusCode, request::Parts},
};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

/// Most failures of a login within the window.
const LOGIN_FAILURES_MAX: i32 = 5;
/// Most failures of an IP address within the window.
const IP_FAILURES_MAX: i32 = 20;
/// The window; a PostgreSQL interval.
const WINDOW: &str = "15 minutes";

/// Where a request comes from; `None` when it did not come through a socket.
#[derive(Clone, Copy, Debug)]
pub struct ClientIp(pub Option<IpAddr>);

impl FromRequestParts<App> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let socket = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let forwarded = app.config.trust_proxy.then(|| last_forwarded(&parts.headers)).flatten();
        Ok(Self(forwarded.or(socket)))
    }
}

/// The last hop, which the operator's own proxy wrote. Those before it are claims of the client.
fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

/// An attempt to sign in, counted as failed until [`Attempt::succeeded`].
#[derive(Debug)]
pub(super) struct Attempt {
    login: Vec<u8>,
}

impl Attempt {
    /// Counts an attempt with this login from this address.
    ///
    /// # Errors
    /// 429 `muitas_tentativas`, with the seconds to wait.
    pub async fn begin(pool: &PgPool, empresa: &str, login: &str, ip: ClientIp) -> ApiResult<Self> {
        let key = key("login", &format!("{empresa}\n{login}"));
        let wait: i32 = sqlx::query_scalar("SELECT login_tentar($1, $2, $3, $4, $5::interval)")
            .bind(&key)
            .bind(ip.0.map(ip_key))
            .bind(LOGIN_FAILURES_MAX)
            .bind(IP_FAILURES_MAX)
            .bind(WINDOW)
            .fetch_one(pool)
            .await?;
        match u32::try_from(wait) {
            Ok(0) => Ok(Self { login: key }),
            seconds => Err(too_many(seconds.unwrap_or(60))),
        }
    }

    /// Forgets the failures of this login.
    ///
    /// # Errors
    /// PostgreSQL refuses.
    pub async fn succeeded(self, pool: &PgPool) -> ApiResult<()> {
        sqlx::query("SELECT login_conseguiu($1)").bind(self.login).execute(pool).await?;
        Ok(())
    }
}

fn too_many(seconds: u32) -> ApiError {
    let minutes = seconds.div_ceil(60);
    let message = format!("Muitas tentativas de entrar. Espere {minutes} min e tente de novo.");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "muitas_tentativas", message).after(seconds)
}

fn key(kind: &str, value: &str) -> Vec<u8> {
    Sha256::digest(format!("{kind}\n{value}")).to_vec()
}

/// One key for each customer of a provider: an IPv6 customer has a whole /64.
fn ip_key(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => key("ip", &v4.to_string()),
        IpAddr::V6(v6) => key("ip", &format!("{:x?}", &v6.segments()[..4])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_forwarded_hop_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_forwarded(&headers), None);
        headers.append("x-forwarded-for", "1.1.1.1, 2.2.2.2".parse().unwrap());
        headers.append("x-forwarded-for", "3.3.3.3, 4.4.4.4".parse().unwrap());
        assert_eq!(last_forwarded(&headers), Some([4, 4, 4, 4].into()));
        headers.append("x-forwarded-for", "lixo".parse().unwrap());
        assert_eq!(last_forwarded(&headers), None);
    }

    #[test]
    fn one_ipv6_network_and_a_mapped_ipv4_are_one_key() {
        let ip = |text: &str| ip_key(text.parse().unwrap());
        assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff::9"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
    }
}
