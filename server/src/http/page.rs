//! Lists by keyset: a page begins after the last row of the one before it, so that what is added
//! meanwhile neither repeats nor skips a row.

use crate::error::{ApiError, ApiResult};
use axum::{
    Json,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

/// Rows of a page when nobody says how many.
pub const LIMITE: u16 = 50;
/// Most rows of a page.
pub const LIMITE_MAX: u16 = 200;
/// Longest cursor.
const CURSOR_MAX: usize = 4_000;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagina<T: ToSchema> {
    /// As linhas, na ordem da lista.
    pub itens: Vec<T>,
    /// O `cursor` da próxima página; ausente na última.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proximo: Option<String>,
}

impl<T: ToSchema + Serialize> Pagina<T> {
    /// The answer, with the address of the next page in `Link`.
    pub fn linked(self, uri: &Uri) -> Response {
        let next = self.proximo.as_deref().and_then(|cursor| next(uri, cursor));
        let mut response = Json(self).into_response();
        if let Some(next) = next {
            response.headers_mut().insert(header::LINK, next);
        }
        response
    }
}

fn next(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = format!("cursor={cursor}");
    let query: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
}

/// Which page was asked for. `C` is the key that the list is sorted by, with its tie-breaker.
#[derive(Clone, Debug)]
pub struct Folha<C> {
    limite: u16,
    /// The key of the last row before this page; `None` for the first page.
    pub depois: Option<C>,
}

impl<C: Serialize + DeserializeOwned> Folha<C> {
    /// From the parameters `limite` and `cursor`.
    ///
    /// # Errors
    /// 400 `pedido_invalido`, `cursor_invalido`.
    pub fn new(limite: Option<u16>, cursor: Option<&str>) -> ApiResult<Self> {
        let limite = limite.unwrap_or(LIMITE);
        if !(1..=LIMITE_MAX).contains(&limite) {
            let mensagem = format!("O parâmetro limite vai de 1 a {LIMITE_MAX}.");
            return Err(ApiError::invalido(mensagem));
        }
        let depois = cursor.map(|cursor| decode(cursor).ok_or_else(bad_cursor)).transpose()?;
        Ok(Self { limite, depois })
    }

    /// How many rows to read: one more than the page has, to know whether another follows.
    pub fn rows(&self) -> i64 {
        i64::from(self.limite) + 1
    }

    /// The page of these rows; `key` tells where it ended.
    pub fn close<T: ToSchema>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> C) -> Pagina<T> {
        let more = rows.len() > usize::from(self.limite);
        rows.truncate(self.limite.into());
        let last = rows.last().filter(|_| more);
        let proximo = last.and_then(|last| encode(&key(last)));
        Pagina { itens: rows, proximo }
    }

    /// As [`Self::close`], where the rows are only those up to a place: `further` is it, if there
    /// is more beyond. A page may then have no row and still another after it.
    pub fn close_at<T: ToSchema>(
        &self,
        rows: Vec<T>,
        key: impl Fn(&T) -> C,
        further: Option<C>,
    ) -> Pagina<T> {
        let Pagina { itens, proximo } = self.close(rows, key);
        Pagina { itens, proximo: proximo.or_else(|| encode(&further?)) }
    }
}

fn encode(key: &impl Serialize) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).ok()?))
}

fn decode<C: DeserializeOwned>(cursor: &str) -> Option<C> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().filter(|_| cursor.len() <= CURSOR_MAX)?;
    let nul = bytes.windows(6).any(|text| text == b"\\u0000");
    serde_json::from_slice(&bytes).ok().filter(|_| !nul)
}

/// 400 `cursor_invalido`: damaged, or of another list or order.
pub fn bad_cursor() -> ApiError {
    let mensagem = "O cursor não é desta lista. Recomece sem ele.";
    ApiError::new(axum::http::StatusCode::BAD_REQUEST, "cursor_invalido", mensagem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_until_the_last() {
        let all: Vec<u32> = (0..5).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        for _ in 0..3 {
            let folha = Folha::<u32>::new(Some(2), cursor.as_deref()).unwrap();
            let from = folha.depois.map_or(0, |last| last as usize + 1);
            let rows = all[from..].iter().copied().take(folha.rows() as usize).collect();
            let page = folha.close(rows, |row| *row);
            seen.extend(page.itens);
            cursor = page.proximo;
        }
        assert_eq!((seen, cursor), (all, None));
    }

    #[test]
    fn a_limit_or_a_cursor_that_does_not_serve_is_said() {
        for limite in [0, 201] {
            assert_eq!(
                Folha::<u32>::new(Some(limite), None).unwrap_err().codigo,
                "pedido_invalido"
            );
        }
        let of_text = encode(&"texto").unwrap();
        for cursor in ["", "%%", "eyJh", &of_text, &"A".repeat(5_000)] {
            assert_eq!(
                Folha::<u32>::new(None, Some(cursor)).unwrap_err().codigo,
                "cursor_invalido"
            );
        }
    }

    #[test]
    fn the_link_keeps_the_filters() {
        let uri: Uri = "/v1/x?busca=a%20b&cursor=velho&limite=2".parse().unwrap();
        let link = next(&uri, "novo").unwrap();
        assert_eq!(link, "</v1/x?busca=a%20b&limite=2&cursor=novo>; rel=\"next\"");
    }
}
