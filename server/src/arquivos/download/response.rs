//! The HTTP response with a file: whole or a byte range (RFC 9110), cacheable by its hash, and
//! with headers that keep a browser from executing it, whatever its bytes are.

use super::found::{Found, Object};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};
use std::{ops::Range, sync::Arc};

/// Media types that a browser may show instead of saving: images that cannot hold scripts.
const SHOWN_INLINE: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];
/// `Cache-Control` of an original, whose bytes never change.
const FOREVER: &str = "private, max-age=31536000, immutable";
/// `Cache-Control` of a smaller picture: the one that the server made is replaced if the device's
/// own arrives later.
const FOR_A_DAY: &str = "private, max-age=86400";
/// `Vary`: the next person at the same browser may not see the file.
const VARY_BY: &str = "authorization, cookie";
/// A file must not run as a page of this server.
const CSP: &str = "default-src 'none'; sandbox";

/// Answers a GET or HEAD.
///
/// # Errors
/// 416 `intervalo_invalido`; 500 where the store does not have what it should.
pub async fn respond(
    app: &App,
    found: Found,
    method: &Method,
    asked: &HeaderMap,
) -> ApiResult<Response> {
    let object = match found {
        Found::Object(object) => object,
        Found::Placeholder(bytes) => {
            let headers =
                [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")];
            return Ok((safe("inline"), headers, bytes).into_response());
        }
    };
    let etag = format!("\"{}\"", object.etag);
    let caching = if object.original { FOREVER } else { FOR_A_DAY };
    if has(asked, &etag) {
        let headers = [
            (header::ETAG, etag),
            (header::CACHE_CONTROL, caching.to_owned()),
            (header::VARY, VARY_BY.to_owned()),
        ];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let store = app.objects.store();
    let length = match object.length {
        Some(length) => length,
        None => store.head(&object.key).await.map_err(ApiError::interno)?.size,
    };
    let wanted = match asked.get(header::RANGE).filter(|_| method == Method::GET) {
        Some(range) if same(asked, &etag) => interval(range, length),
        _ => Wanted::Whole,
    };
    let (status, bytes) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Part(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Wanted::Outside => return Err(outside(length)),
    };
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => stream(store, &object.key, bytes.clone(), length).await?,
    };
    let mut response = (status, safe(&disposition(&object)), body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: String| {
        // A value that no header can hold is left out.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, object.mime);
    set(header::CONTENT_LENGTH, (bytes.end - bytes.start).to_string());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::ETAG, etag);
    set(header::CACHE_CONTROL, caching.to_owned());
    set(header::VARY, VARY_BY.to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = bytes.end - 1;
        set(header::CONTENT_RANGE, format!("bytes {}-{last}/{length}", bytes.start));
    }
    Ok(response)
}

/// Streams a range of an object.
///
/// # Errors
/// 500: the object is missing, or not as long as its row says.
async fn stream(
    store: &Arc<dyn ObjectStore>,
    key: &Path,
    range: Range<u64>,
    length: u64,
) -> ApiResult<Body> {
    let range = Some(GetRange::Bounded(range));
    let options = GetOptions { range, ..GetOptions::default() };
    let found = store.get_opts(key, options).await.map_err(ApiError::interno)?;
    if found.meta.size != length {
        let size = found.meta.size;
        let what = format!("the object {key} has {size} bytes instead of {length}");
        return Err(ApiError::interno(anyhow::anyhow!(what)));
    }
    Ok(Body::from_stream(found.into_stream()))
}

/// Headers that let a browser show or save the bytes and nothing else.
fn safe(disposition: &str) -> HeaderMap {
    let attachment = HeaderValue::from_static("attachment");
    let disposition = HeaderValue::from_str(disposition).unwrap_or(attachment);
    HeaderMap::from_iter([
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    ])
}

fn disposition(object: &Object) -> String {
    let shown = SHOWN_INLINE.contains(&object.mime.as_str());
    let how = if shown { "inline" } else { "attachment" };
    let name: String = object.name.chars().filter(|c| !misleads(*c)).collect();
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

/// Characters that are left out of file names: control characters, path separators, and invisible
/// or direction-changing ones, which make a name read differently from what it is.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// Whether `If-None-Match` names this entity tag. It is compared weakly (RFC 9110, 13.1.2).
fn has(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    tags.any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag)
}

/// Whether a range may be sent: `If-Range` is absent or names this entity tag.
fn same(asked: &HeaderMap, etag: &str) -> bool {
    asked.get(header::IF_RANGE).is_none_or(|tag| tag == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// What a `Range` header asks for. Several ranges, other units and malformed ones are answered with
/// the whole file, as RFC 9110 (14.2) allows.
fn interval(range: &HeaderValue, length: u64) -> Wanted {
    let bounds = || {
        let (first, last) = range.to_str().ok()?.strip_prefix("bytes=")?.trim().split_once('-')?;
        Some((number(first)?, number(last)?))
    };
    match bounds() {
        Some((None, Some(0))) => Wanted::Outside,
        Some((None, Some(suffix))) => Wanted::Part(length.saturating_sub(suffix)..length),
        Some((Some(first), Some(last))) if last < first => Wanted::Whole,
        Some((Some(first), _)) if first >= length => Wanted::Outside,
        Some((Some(first), last)) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Wanted::Part(first..end)
        }
        Some((None, None)) | None => Wanted::Whole,
    }
}

/// A bound of a range: `Some(None)` where it is empty, `None` where it is no number. One beyond
/// `u64` counts as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

fn outside(length: u64) -> ApiError {
    let message = "O arquivo é menor do que o que foi pedido dele.";
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "intervalo_invalido", message);
    match HeaderValue::from_str(&format!("bytes */{length}")) {
        Ok(value) => error.header(header::CONTENT_RANGE, value),
        Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_the_rfc_says() {
        let ask = |range: &str, length| interval(&HeaderValue::from_str(range).unwrap(), length);
        for (range, bytes) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..10),
            ("bytes=3-5", 3..6),
            ("bytes=9-", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=2-99999999999999999999999", 2..10),
        ] {
            assert_eq!(ask(range, 10), Wanted::Part(bytes), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ask(range, 10), Wanted::Outside, "{range}");
        }
        for range in ["bytes=5-3", "bytes=-", "bytes=0-1,3-4", "linhas=0-1", "bytes=a-b", "5-6", ""]
        {
            assert_eq!(ask(range, 10), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn only_images_are_shown_in_place_and_a_name_misleads_nobody() {
        let said = |mime: &str, name: &str| {
            let (key, etag) = ("a".into(), String::new());
            let (mime, name) = (mime.to_owned(), name.to_owned());
            disposition(&Object { key, length: None, mime, etag, name, original: true })
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
