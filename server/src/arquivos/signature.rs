//! Links that open one file for five minutes without a session. A link is the file's address and an
//! expiry, signed by HMAC-SHA256 under a key derived from `CAMPO_CHAVE`; nothing is stored.

use super::file_ref::FileRef;
use crate::{
    config::Config,
    error::{ApiError, ApiResult},
};
use anyhow::Result;
use axum::http::StatusCode;
use campo_domain::ids::TenantId;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use utoipa::ToSchema;

/// How long a link is valid.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);
/// Separates the derived key from other uses of `CAMPO_CHAVE`.
const KEY_PURPOSE: &str = "campo: link de arquivo, 1";

/// Um link que abre um arquivo sem sessão, por pouco tempo.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkDeArquivo {
    /// O endereço, neste servidor.
    pub url: String,
    /// Até quando abre.
    pub expira_em: DateTime<Utc>,
}

/// The query parameters of a link.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Assinado {
    /// When it expires, in Unix seconds.
    #[serde(default)]
    ate: String,
    /// The HMAC, in hexadecimal.
    #[serde(default)]
    assinatura: String,
}

/// Makes a link to one file.
///
/// # Errors
/// The server has no `CAMPO_CHAVE`.
pub fn link(
    config: &Config,
    tenant: TenantId,
    file: &FileRef,
    now: DateTime<Utc>,
) -> Result<LinkDeArquivo> {
    let expira_em = (now + LIFETIME).duration_trunc(TimeDelta::seconds(1))?;
    let ate = expira_em.timestamp();
    let assinatura = hex::encode(mac(config, tenant, file, ate)?.finalize().into_bytes());
    let url = format!("/arquivo/{tenant}/{file}?ate={ate}&assinatura={assinatura}");
    Ok(LinkDeArquivo { url, expira_em })
}

/// Whether a link was signed by this server for this file and has not expired. The signature is
/// compared in constant time.
///
/// # Errors
/// 403 `link_invalido`, 410 `link_expirado`.
pub fn check(
    config: &Config,
    tenant: TenantId,
    file: &FileRef,
    sent: &Assinado,
    now: DateTime<Utc>,
) -> ApiResult<()> {
    let invalid = || {
        let message = "Este link não é válido. Copie-o inteiro, ou peça outro a quem o enviou.";
        ApiError::new(StatusCode::FORBIDDEN, "link_invalido", message)
    };
    let ate: i64 = sent.ate.parse().map_err(|_| invalid())?;
    let assinatura = hex::decode(&sent.assinatura).map_err(|_| invalid())?;
    mac(config, tenant, file, ate)?.verify_slice(&assinatura).map_err(|_| invalid())?;
    if now.timestamp() >= ate {
        let message = "Este link valia por cinco minutos e expirou. Peça outro a quem o enviou.";
        return Err(ApiError::new(StatusCode::GONE, "link_expirado", message));
    }
    Ok(())
}

fn mac(config: &Config, tenant: TenantId, file: &FileRef, ate: i64) -> Result<Hmac<Sha256>> {
    let key = config.master_key()?.derive(KEY_PURPOSE);
    // Unambiguous: no part has a slash in it, and each has one spelling.
    Ok(Hmac::new_from_slice(&key)?.chain_update(format!("{tenant}/{file}/{ate}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use campo_domain::{
        ids::{DocumentId, ItemId},
        parte::Variante,
    };

    fn config(key: &str) -> Config {
        Config::parse(|name| (name == "CAMPO_CHAVE").then(|| key.to_owned())).unwrap()
    }

    const ONE_KEY: &str = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";
    const OTHER_KEY: &str = "3Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";

    fn file() -> FileRef {
        let (document, attachment) = (DocumentId::from_u128(2), ItemId::from_u128(3));
        FileRef { document, attachment, variant: Variante::Previa }
    }

    fn sent(url: &str) -> Assinado {
        let (_, query) = url.split_once("?ate=").unwrap();
        let (ate, assinatura) = query.split_once("&assinatura=").unwrap();
        Assinado { ate: ate.to_owned(), assinatura: assinatura.to_owned() }
    }

    #[test]
    fn a_link_opens_its_file_and_no_other_for_five_minutes() {
        let (config, tenant, now) = (config(ONE_KEY), TenantId::from_u128(1), Utc::now());
        let link = link(&config, tenant, &file(), now).unwrap();
        assert!(link.url.starts_with(&format!("/arquivo/{tenant}/{}/", file().document)));
        let query = sent(&link.url);
        let opens = |tenant, file: &FileRef, query: &Assinado, at| {
            check(&config, tenant, file, query, at).map_err(|error| error.codigo)
        };
        let (soon, late) = (now + TimeDelta::seconds(290), now + TimeDelta::seconds(301));
        assert_eq!(opens(tenant, &file(), &query, soon), Ok(()));
        assert_eq!(opens(tenant, &file(), &query, late), Err("link_expirado"));

        let invalid = Err("link_invalido");
        assert_eq!(opens(TenantId::from_u128(9), &file(), &query, now), invalid);
        for other in [
            FileRef { document: DocumentId::from_u128(9), ..file() },
            FileRef { attachment: ItemId::from_u128(9), ..file() },
            FileRef { variant: Variante::Original, ..file() },
        ] {
            assert_eq!(opens(tenant, &other, &query, now), invalid);
        }
        let later = (late.timestamp() + 600).to_string();
        let mut turned = query.assinatura.clone();
        let last = if turned.ends_with('0') { "1" } else { "0" };
        turned.replace_range(turned.len() - 1.., last);
        for forged in [
            Assinado { ate: later, ..query.clone() },
            Assinado { ate: String::new(), ..query.clone() },
            Assinado { assinatura: turned, ..query.clone() },
            Assinado { assinatura: query.assinatura[..62].to_owned(), ..query.clone() },
            Assinado { assinatura: String::new(), ..query },
            Assinado::default(),
        ] {
            assert_eq!(opens(tenant, &file(), &forged, now), invalid, "{forged:?}");
        }
    }

    #[test]
    fn a_link_of_another_installation_opens_nothing() {
        let (tenant, now) = (TenantId::from_u128(1), Utc::now());
        let link = link(&config(ONE_KEY), tenant, &file(), now).unwrap();
        let answer = check(&config(OTHER_KEY), tenant, &file(), &sent(&link.url), now);
        assert_eq!(answer.unwrap_err().codigo, "link_invalido");
    }
}
