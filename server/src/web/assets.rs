//! The stylesheet and the script. Their URLs carry a hash of the content, so a browser may keep
//! them.

use crate::error::ApiError;
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The icon of the pages, small enough to stand in them.
pub const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%23155e75'/%3E%3Cpath \
    d='M11.5 5.2A4 4 0 1 0 11.5 10.8' fill='none' stroke='white' stroke-width='2.2'/%3E%3C/svg%3E";

struct Asset {
    name: String,
    body: &'static str,
    mime: &'static str,
}

static CSS: LazyLock<Asset> =
    LazyLock::new(|| asset("css", include_str!("../../assets/app.css"), "text/css; charset=utf-8"));
static JS: LazyLock<Asset> = LazyLock::new(|| {
    asset("js", include_str!("../../assets/app.js"), "text/javascript; charset=utf-8")
});

fn asset(extension: &str, body: &'static str, mime: &'static str) -> Asset {
    let hash = hex::encode(Sha256::digest(body));
    Asset { name: format!("app-{}.{extension}", &hash[..16]), body, mime }
}

/// File name of the stylesheet.
pub fn css() -> &'static str {
    &CSS.name
}

/// File name of the script.
pub fn js() -> &'static str {
    &JS.name
}

/// `GET /assets/{file}`: exactly the two current files.
pub async fn serve(Path(file): Path<String>) -> Response {
    let Some(found) = [&CSS, &JS].into_iter().find(|asset| asset.name == file) else {
        return ApiError::nao_encontrado().into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, found.mime),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, found.body).into_response()
}
