//! The answer that carries a file: whole or in part (RFC 9110), cacheable by its hash, and harmless
//! in a browser whatever its bytes are.

use super::achado::{Achado, Objeto};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use std::ops::Range;

/// What may be shown in place: images that no browser runs anything in.
const MOSTRADOS: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];
/// The bytes of an original never change.
const SEMPRE: &str = "private, max-age=31536000, immutable";
/// A picture that the server made gives way to that of the device, should it come.
const POR_UM_DIA: &str = "private, max-age=86400";
/// Who asks next with the same browser may be somebody else.
const QUEM: &str = "authorization, cookie";
/// A file is no page of ours.
const CSP: &str = "default-src 'none'; sandbox";

/// Answers a GET or HEAD.
///
/// # Errors
/// 416 `intervalo_invalido`; 500 where the store does not have what it should.
pub async fn responder(
    app: &App,
    achado: Achado,
    method: &Method,
    asked: &HeaderMap,
) -> ApiResult<Response> {
    let objeto = match achado {
        Achado::Objeto(objeto) => objeto,
        Achado::Marcador(bytes) => {
            let headers =
                [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")];
            return Ok((safe("inline"), headers, bytes).into_response());
        }
    };
    let etag = format!("\"{}\"", objeto.etag);
    let guarda = if objeto.original { SEMPRE } else { POR_UM_DIA };
    if has(asked, &etag) {
        let headers = [
            (header::ETAG, etag),
            (header::CACHE_CONTROL, guarda.to_owned()),
            (header::VARY, QUEM.to_owned()),
        ];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let store = app.objects.store();
    let tamanho = match objeto.tamanho {
        Some(tamanho) => tamanho,
        None => store.head(&objeto.chave).await.map_err(ApiError::interno)?.size,
    };
    let wanted = match asked.get(header::RANGE).filter(|_| method == Method::GET) {
        Some(range) if same(asked, &etag) => interval(range, tamanho),
        _ => Pedido::Tudo,
    };
    let (status, bytes) = match wanted {
        Pedido::Tudo => (StatusCode::OK, 0..tamanho),
        Pedido::Parte(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Pedido::Fora => return Err(outside(tamanho)),
    };
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => {
            let range = Some(GetRange::Bounded(bytes.clone()));
            let options = GetOptions { range, ..GetOptions::default() };
            let found = store.get_opts(&objeto.chave, options).await.map_err(ApiError::interno)?;
            if found.meta.size != tamanho {
                let (key, size) = (&objeto.chave, found.meta.size);
                let what = format!("the object {key} has {size} bytes instead of {tamanho}");
                return Err(ApiError::interno(anyhow::anyhow!(what)));
            }
            Body::from_stream(found.into_stream())
        }
    };
    let mut response = (status, safe(&disposition(&objeto)), body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: String| {
        // Not a text that a header can have: then the caller does without it.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, objeto.mime);
    set(header::CONTENT_LENGTH, (bytes.end - bytes.start).to_string());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::ETAG, etag);
    set(header::CACHE_CONTROL, guarda.to_owned());
    set(header::VARY, QUEM.to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = bytes.end - 1;
        set(header::CONTENT_RANGE, format!("bytes {}-{last}/{tamanho}", bytes.start));
    }
    Ok(response)
}

/// What keeps a browser from doing anything with the bytes but showing or saving them.
fn safe(disposition: &str) -> HeaderMap {
    let attachment = HeaderValue::from_static("attachment");
    let disposition = HeaderValue::from_str(disposition).unwrap_or(attachment);
    HeaderMap::from_iter([
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    ])
}

fn disposition(objeto: &Objeto) -> String {
    let shown = MOSTRADOS.contains(&objeto.mime.as_str());
    let how = if shown { "inline" } else { "attachment" };
    let name: String = objeto.nome.chars().filter(|c| !misleads(*c)).collect();
    let name = match name.trim() {
        "" => "arquivo",
        name => name,
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || " -_.()".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let utf8 = name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    });
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{utf8}")
}

/// What has no place in the name of a file: folders, and what makes it read otherwise than it is.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// Whether the caller has these bytes already.
fn has(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    // The comparison of If-None-Match is the weak one.
    tags.any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag)
}

/// Whether a part may be sent: what the caller has of it is of the same bytes.
fn same(asked: &HeaderMap, etag: &str) -> bool {
    asked.get(header::IF_RANGE).is_none_or(|tag| tag == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Pedido {
    Tudo,
    Parte(Range<u64>),
    Fora,
}

/// What a `Range` asks for. Several intervals, or what is no interval of bytes, are passed over, as
/// the RFC allows.
fn interval(range: &HeaderValue, tamanho: u64) -> Pedido {
    let bounds = || {
        let (first, last) = range.to_str().ok()?.strip_prefix("bytes=")?.trim().split_once('-')?;
        Some((number(first)?, number(last)?))
    };
    match bounds() {
        Some((None, Some(0))) => Pedido::Fora,
        Some((None, Some(suffix))) => Pedido::Parte(tamanho.saturating_sub(suffix)..tamanho),
        Some((Some(first), Some(last))) if last < first => Pedido::Tudo,
        Some((Some(first), _)) if first >= tamanho => Pedido::Fora,
        Some((Some(first), last)) => {
            let end = last.map_or(tamanho, |last| last.saturating_add(1).min(tamanho));
            Pedido::Parte(first..end)
        }
        Some((None, None)) | None => Pedido::Tudo,
    }
}

/// A bound: absent where it is empty, nothing where it is no number. One that is too large for any
/// file is as good as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

fn outside(tamanho: u64) -> ApiError {
    let mensagem = "O arquivo é menor do que o que foi pedido dele.";
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "intervalo_invalido", mensagem);
    match HeaderValue::from_str(&format!("bytes */{tamanho}")) {
        Ok(value) => error.header(header::CONTENT_RANGE, value),
        Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_the_rfc_says() {
        let ask = |range: &str, tamanho| interval(&HeaderValue::from_str(range).unwrap(), tamanho);
        for (range, bytes) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..10),
            ("bytes=3-5", 3..6),
            ("bytes=9-", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=2-99999999999999999999999", 2..10),
        ] {
            assert_eq!(ask(range, 10), Pedido::Parte(bytes), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ask(range, 10), Pedido::Fora, "{range}");
        }
        for range in ["bytes=5-3", "bytes=-", "bytes=0-1,3-4", "linhas=0-1", "bytes=a-b", "5-6", ""]
        {
            assert_eq!(ask(range, 10), Pedido::Tudo, "{range}");
        }
    }

    #[test]
    fn only_images_are_shown_in_place_and_a_name_misleads_nobody() {
        let said = |mime: &str, nome: &str| {
            let (chave, etag) = ("a".into(), String::new());
            let (mime, nome) = (mime.to_owned(), nome.to_owned());
            disposition(&Objeto { chave, tamanho: None, mime, etag, nome, original: true })
        };
        assert_eq!(
            said("image/png", "porta — direita.png"),
            "inline; filename=\"porta _ direita.png\"; \
             filename*=UTF-8''porta%20%E2%80%94%20direita.png"
        );
        for mime in ["text/html", "image/svg+xml", "application/pdf", "image/heic", ""] {
            assert!(said(mime, "a").starts_with("attachment;"), "{mime}");
        }
        let name = said("text/plain", "..\\../a\"\r\nSet-Cookie: b\u{202e}gpj.exe");
        assert!(!name.contains(['\r', '\n', '\\', '/']) && !name.contains("%E2%80%AE"), "{name}");
        assert!(name.contains("filename=\"....a_Set-Cookie_ bgpj.exe\""), "{name}");
        assert!(said("text/plain", "\u{200b}").contains("filename=\"arquivo\""));
    }
}
