//! Links that open one file for a few minutes, for who has no session. A link is an address with
//! an HMAC-SHA256 of it under a key derived from the server's own; nothing of it is stored.

use super::qual::Qual;
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

/// How long a link opens its file.
const VALIDADE: TimeDelta = TimeDelta::minutes(5);
/// What the key is derived for.
const USO: &str = "campo: link de arquivo, 1";

/// Um link que abre um arquivo sem sessão, por pouco tempo.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkDeArquivo {
    /// O endereço, neste servidor.
    pub url: String,
    /// Até quando abre.
    pub expira_em: DateTime<Utc>,
}

/// The query of a link.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Assinado {
    /// Until when, in seconds of Unix.
    #[serde(default)]
    ate: String,
    /// The signature, in hexadecimal.
    #[serde(default)]
    assinatura: String,
}

/// A link to one file.
///
/// # Errors
/// The server has no key.
pub fn link(
    config: &Config,
    tenant: TenantId,
    qual: &Qual,
    agora: DateTime<Utc>,
) -> Result<LinkDeArquivo> {
    let expira_em = (agora + VALIDADE).duration_trunc(TimeDelta::seconds(1))?;
    let ate = expira_em.timestamp();
    let assinatura = hex::encode(mac(config, tenant, qual, ate)?.finalize().into_bytes());
    let url = format!("/arquivo/{tenant}/{qual}?ate={ate}&assinatura={assinatura}");
    Ok(LinkDeArquivo { url, expira_em })
}

/// Whether a link is one of ours and still opens its file. Takes the same time wherever it differs.
///
/// # Errors
/// 403 `link_invalido`, 410 `link_expirado`.
pub fn conferir(
    config: &Config,
    tenant: TenantId,
    qual: &Qual,
    sent: &Assinado,
    agora: DateTime<Utc>,
) -> ApiResult<()> {
    let invalido = || {
        let mensagem = "Este link não é válido. Copie-o inteiro, ou peça outro a quem o enviou.";
        ApiError::new(StatusCode::FORBIDDEN, "link_invalido", mensagem)
    };
    let ate: i64 = sent.ate.parse().map_err(|_| invalido())?;
    let assinatura = hex::decode(&sent.assinatura).map_err(|_| invalido())?;
    mac(config, tenant, qual, ate)?.verify_slice(&assinatura).map_err(|_| invalido())?;
    if agora.timestamp() >= ate {
        let mensagem = "Este link valia por cinco minutos e expirou. Peça outro a quem o enviou.";
        return Err(ApiError::new(StatusCode::GONE, "link_expirado", mensagem));
    }
    Ok(())
}

fn mac(config: &Config, tenant: TenantId, qual: &Qual, ate: i64) -> Result<Hmac<Sha256>> {
    let chave = config.chave()?.derivada(USO);
    // Each part has one way to be written, and none has a slash in it.
    Ok(Hmac::new_from_slice(&chave)?.chain_update(format!("{tenant}/{qual}/{ate}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use campo_domain::{
        ids::{DocumentId, ItemId},
        parte::Variante,
    };

    fn config(chave: &str) -> Config {
        Config::parse(|name| (name == "CAMPO_CHAVE").then(|| chave.to_owned())).unwrap()
    }

    const UMA: &str = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";
    const OUTRA: &str = "3Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";

    fn qual() -> Qual {
        let (documento, anexo) = (DocumentId::from_u128(2), ItemId::from_u128(3));
        Qual { documento, anexo, variante: Variante::Previa }
    }

    fn sent(url: &str) -> Assinado {
        let (_, query) = url.split_once("?ate=").unwrap();
        let (ate, assinatura) = query.split_once("&assinatura=").unwrap();
        Assinado { ate: ate.to_owned(), assinatura: assinatura.to_owned() }
    }

    #[test]
    fn a_link_opens_its_file_and_no_other_for_five_minutes() {
        let (config, tenant, agora) = (config(UMA), TenantId::from_u128(1), Utc::now());
        let link = link(&config, tenant, &qual(), agora).unwrap();
        assert!(link.url.starts_with(&format!("/arquivo/{tenant}/{}/", qual().documento)));
        let query = sent(&link.url);
        let opens = |tenant, qual: &Qual, query: &Assinado, quando| {
            conferir(&config, tenant, qual, query, quando).map_err(|error| error.codigo)
        };
        let (soon, late) = (agora + TimeDelta::seconds(290), agora + TimeDelta::seconds(301));
        assert_eq!(opens(tenant, &qual(), &query, soon), Ok(()));
        assert_eq!(opens(tenant, &qual(), &query, late), Err("link_expirado"));

        let invalid = Err("link_invalido");
        assert_eq!(opens(TenantId::from_u128(9), &qual(), &query, agora), invalid);
        for other in [
            Qual { documento: DocumentId::from_u128(9), ..qual() },
            Qual { anexo: ItemId::from_u128(9), ..qual() },
            Qual { variante: Variante::Original, ..qual() },
        ] {
            assert_eq!(opens(tenant, &other, &query, agora), invalid);
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
            assert_eq!(opens(tenant, &qual(), &forged, agora), invalid, "{forged:?}");
        }
    }

    #[test]
    fn a_link_of_another_installation_opens_nothing() {
        let (tenant, agora) = (TenantId::from_u128(1), Utc::now());
        let link = link(&config(UMA), tenant, &qual(), agora).unwrap();
        let answer = conferir(&config(OUTRA), tenant, &qual(), &sent(&link.url), agora);
        assert_eq!(answer.unwrap_err().codigo, "link_invalido");
    }
}
