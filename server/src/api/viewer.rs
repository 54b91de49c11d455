//! Swagger UI at `/docs`: the OpenAPI document to read and to try.
//!
//! Its crate brings an archive of 4 MB, all of Swagger UI with its sources. Two files of it make the
//! page; only these become part of the program, still compressed.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};
use anyhow::anyhow;
use axum::{
    Router,
    extract::Path,
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use flate2::read::DeflateDecoder;
use std::{io::Read, sync::LazyLock};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

const HTML: &str = include_str!("../../assets/docs.html");
const START: &str = include_str!("../../assets/docs.js");

const SCRIPT_AT: Entry = find(b"/dist/swagger-ui-bundle.js");
const STYLE_AT: Entry = find(b"/dist/swagger-ui.css");
// Copies of their own: a slice would keep the whole archive in the program.
static SCRIPT_DEFLATED: [u8; SCRIPT_AT.bytes] = copy(&SCRIPT_AT);
static STYLE_DEFLATED: [u8; STYLE_AT.bytes] = copy(&STYLE_AT);

/// A file, or why it could not be unpacked.
type Unpacked = Result<Bytes, String>;
static SCRIPT: LazyLock<Unpacked> = LazyLock::new(|| inflate(&SCRIPT_DEFLATED));
static STYLE: LazyLock<Unpacked> = LazyLock::new(|| inflate(&STYLE_DEFLATED));

/// The page and its parts.
pub fn routes() -> Router<App> {
    let page = get(async || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], HTML));
    Router::new()
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", page)
        .route("/docs/{file}", get(part))
}

async fn part(Path(file): Path<String>) -> ApiResult<Response> {
    let (mime, body) = match file.as_str() {
        "swagger-initializer.js" => ("text/javascript", Bytes::from_static(START.as_bytes())),
        "swagger-ui-bundle.js" => ("text/javascript", unpacked(&SCRIPT)?),
        "swagger-ui.css" => ("text/css", unpacked(&STYLE)?),
        _ => return Err(ApiError::nao_encontrado()),
    };
    Ok(([(header::CONTENT_TYPE, mime)], body).into_response())
}

fn unpacked(file: &Unpacked) -> ApiResult<Bytes> {
    Ok(file.clone().map_err(|error| anyhow!(error))?)
}

fn inflate(deflated: &[u8]) -> Unpacked {
    let mut whole = Vec::new();
    match DeflateDecoder::new(deflated).read_to_end(&mut whole) {
        Ok(_) => Ok(whole.into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Where the compressed bytes of a file stand in the archive.
struct Entry {
    start: usize,
    bytes: usize,
}

/// The one file of the archive whose path ends in `name`, by the directory at the archive's end
/// (APPNOTE.TXT of the ZIP format, 4.3.7, 4.3.12 and 4.3.16). It must be deflated.
const fn find(name: &[u8]) -> Entry {
    const END_SIGNATURE: usize = 0x0605_4b50;
    const END_BYTES: usize = 22;
    const DEFLATED: usize = 8;
    // A comment of unknown length may follow the end record.
    let mut end = ARCHIVE.len() - END_BYTES;
    while number(end, 4) != END_SIGNATURE {
        end -= 1;
    }
    let mut files = number(end + 10, 2);
    let mut at = number(end + 16, 4);
    while files > 0 {
        let name_bytes = number(at + 28, 2);
        if ends_with(at + 46 + name_bytes, name) {
            assert!(number(at + 10, 2) == DEFLATED);
            let local = number(at + 42, 4);
            let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
            return Entry { start, bytes: number(at + 20, 4) };
        }
        at += 46 + name_bytes + number(at + 30, 2) + number(at + 32, 2);
        files -= 1;
    }
    panic!("the archive has no such file")
}

/// The little-endian number of so many bytes.
const fn number(at: usize, bytes: usize) -> usize {
    let (mut number, mut byte) = (0, bytes);
    while byte > 0 {
        byte -= 1;
        number = number << 8 | ARCHIVE[at + byte] as usize;
    }
    number
}

/// Whether the archive's bytes before `end` are `name`.
const fn ends_with(end: usize, name: &[u8]) -> bool {
    let mut byte = 0;
    while byte < name.len() {
        if ARCHIVE[end - name.len() + byte] != name[byte] {
            return false;
        }
        byte += 1;
    }
    true
}

const fn copy<const BYTES: usize>(entry: &Entry) -> [u8; BYTES] {
    match ARCHIVE.split_at(entry.start).1.first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("the archive ends before the file does"),
    }
}
