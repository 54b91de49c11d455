//! The headers of tus 1.0.

use crate::error::{ApiError, ApiResult};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use chrono::{DateTime, Utc};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::str::FromStr;

/// The only version of tus that is supported.
pub const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
/// The version that a request or a response uses.
pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// The versions that are supported, in a refusal.
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
/// Bytes of the whole file.
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// Bytes that have arrived; the next byte goes there.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// Of bytes that need not be sent: `recebida` (all arrived) or `verificada` (checked as well).
pub const CAMPO_SITUACAO: HeaderName = HeaderName::from_static("campo-situacao");
/// The intended method, from networks that let only GET and POST through.
pub const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// The only media type of a body that is accepted.
const OFFSET_OCTETS: &str = "application/offset+octet-stream";

/// `Upload-Metadata`: which file the bytes belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub attachment: ItemId,
    /// The original, or which of its smaller pictures.
    pub variant: Variante,
    /// SHA-256 of the bytes, in hexadecimal; required for smaller pictures.
    pub sha256: Option<String>,
}

impl Metadata {
    /// Reads `Upload-Metadata`; unknown keys are ignored.
    ///
    /// # Errors
    /// 400 where a key is missing, or a value is no base64 or of no use.
    pub fn read(headers: &HeaderMap) -> ApiResult<Self> {
        let text = text(headers, &UPLOAD_METADATA)?.unwrap_or_default();
        let value = |name: &str| -> ApiResult<Option<String>> {
            let mut pairs = text.split(',').map(|pair| pair.trim().split_once(' '));
            let pair = pairs.find_map(|pair| pair.filter(|(key, _)| *key == name));
            let Some((_, value)) = pair else { return Ok(None) };
            let bytes = STANDARD.decode(value.trim()).ok();
            let value = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            value.map(Some).ok_or_else(|| {
                ApiError::invalido(format!("“{name}” em Upload-Metadata não é texto em base64."))
            })
        };
        Ok(Self {
            document: required("documento", value("documento")?)?,
            attachment: required("anexo", value("anexo")?)?,
            variant: match value("variante")? {
                None => Variante::Original,
                some => required("variante", some)?,
            },
            sha256: value("sha256")?,
        })
    }
}

fn required<T: FromStr>(name: &str, value: Option<String>) -> ApiResult<T> {
    value.and_then(|value| value.parse().ok()).ok_or_else(|| {
        ApiError::invalido(format!("Upload-Metadata precisa de “{name}”, com um valor que sirva."))
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> ApiResult<Option<&'a str>> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| ApiError::invalido(format!("O cabeçalho {name} não pode ser lido.")))
}

/// The number in a header that a request must have.
///
/// # Errors
/// 400 where it is missing or no number of digits alone.
pub fn number(headers: &HeaderMap, name: &HeaderName) -> ApiResult<u64> {
    let digits = text(headers, name)?.filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|v| v.parse().ok()).ok_or_else(|| {
        ApiError::invalido(format!("O cabeçalho {name} precisa de um número inteiro de bytes."))
    })
}

/// Whether the body has the media type of bytes to append.
pub fn is_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value == OFFSET_OCTETS)
}

/// 415 `tipo_nao_aceito`: the body has another media type.
pub fn wrong_type() -> ApiError {
    let message = format!("Os bytes vêm com Content-Type {OFFSET_OCTETS}.");
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "tipo_nao_aceito", message)
}

/// `Upload-Checksum`: the hash of one request's body, as computed so far and as expected.
#[derive(Clone, Debug)]
pub struct Checksum {
    hasher: Hasher,
    expected: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum`.
    ///
    /// # Errors
    /// 400: another algorithm, or no base64.
    pub fn read(headers: &HeaderMap) -> ApiResult<Option<Self>> {
        let Some(text) = text(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
        let wrong = || ApiError::invalido("Upload-Checksum: sha1 ou sha256, e a soma em base64.");
        let (algorithm, checksum) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let hasher = match algorithm {
            "sha1" => Hasher::Sha1(Sha1::new()),
            "sha256" => Hasher::Sha256(Sha256::new()),
            _ => return Err(wrong()),
        };
        let expected = STANDARD.decode(checksum.trim()).map_err(|_| wrong())?;
        Ok(Some(Self { hasher, expected }))
    }

    /// Adds bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Whether the bytes that were added have the expected hash.
    pub fn matches(self) -> bool {
        let checksum = match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        checksum == self.expected
    }
}

/// The headers that say where an upload stands and until when it may be continued.
pub fn position(offset: i64, expires_at: Option<DateTime<Utc>>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(UPLOAD_OFFSET, offset.into());
    let expires = expires_at.map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(value) = expires.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(UPLOAD_EXPIRES, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn metadata_name_the_file_and_unknown_keys_are_ignored() {
        let id = "018f4b1e-7a00-7000-8000-000000000001";
        let b64 = |text: &str| STANDARD.encode(text);
        let value =
            format!("documento {},anexo {}, filename {}, vazio", b64(id), b64(id), b64("ç.jpg"));
        let metadata = Metadata::read(&with(UPLOAD_METADATA, &value)).unwrap();
        assert_eq!(metadata.document.to_string(), id);
        assert_eq!((metadata.variant, metadata.sha256), (Variante::Original, None));
        let value = format!("{value},variante {}", b64("miniatura"));
        let metadata = Metadata::read(&with(UPLOAD_METADATA, &value)).unwrap();
        assert_eq!(metadata.variant, Variante::Miniatura);
        for wrong in [
            "",
            &format!("documento {}", b64(id)),
            &format!("documento {id},anexo {id}"),
            &value.replace(&b64("miniatura"), &b64("gigante")),
        ] {
            assert!(Metadata::read(&with(UPLOAD_METADATA, wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sum_is_of_the_two_algorithms_only() {
        let read = |value: &str| Checksum::read(&with(UPLOAD_CHECKSUM, value));
        let mut checksum = read("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap().unwrap();
        checksum.update(b"a");
        checksum.update(b"bc");
        assert!(checksum.clone().matches());
        checksum.update(b"d");
        assert!(!checksum.matches());
        assert!(read("md5 kAFQmDzST7DWlj99KOF/cg==").is_err() && read("sha256").is_err());
        assert!(Checksum::read(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn when_an_upload_ends_is_written_as_http_writes_dates() {
        let headers = position(7, Utc.with_ymd_and_hms(2026, 3, 1, 8, 5, 9).single());
        assert_eq!(headers["upload-expires"], "Sun, 01 Mar 2026 08:05:09 GMT");
        assert_eq!(headers["upload-offset"], "7");
    }
}
