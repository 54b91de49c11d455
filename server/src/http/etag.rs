//! `ETag` and `If-Match`: nobody overwrites what somebody else changed meanwhile.

use crate::error::{ApiError, ApiResult};
use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

/// A strong entity tag: changes whenever what it names does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Of a record: its generation and the heads of its merged document, as `document` stores them.
    pub fn of_heads(generation: u32, heads: &[u8]) -> Self {
        let digest = Sha256::new_with_prefix(generation.to_be_bytes()).chain_update(heads);
        Self(hex::encode(&digest.finalize()[..16]))
    }

    /// Of reference data: its position in the log.
    pub fn of_seq(seq: i64) -> Self {
        Self(format!("s{seq}"))
    }

    /// Of anything else: its representation.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn of_json(what: &impl Serialize) -> ApiResult<Self> {
        let json = serde_json::to_vec(what).map_err(ApiError::interno)?;
        Ok(Self(hex::encode(&Sha256::digest(json)[..16])))
    }

    /// As it stands in the header.
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        // Of hexadecimal digits only: it always is one.
        let value = HeaderValue::try_from(format!("\"{}\"", self.0));
        (header::ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))
    }

    /// Answers with it; 304 where the caller has that version already (`If-None-Match`).
    pub fn on(&self, request: &HeaderMap, body: impl Serialize) -> Response {
        let known = listed(request, &header::IF_NONE_MATCH);
        if known.is_some_and(|known| known.iter().any(|tag| self.is(tag.trim_start_matches("W/"))))
        {
            return (StatusCode::NOT_MODIFIED, [self.header()]).into_response();
        }
        ([self.header()], Json(body)).into_response()
    }

    fn is(&self, tag: &str) -> bool {
        tag == "*" || tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')) == Some(&self.0)
    }
}

/// Which version the caller means to change: `If-Match`, or that there must be none yet:
/// `If-None-Match: *`.
#[derive(Clone, Debug)]
pub struct IfMatch {
    wanted: Option<Vec<String>>,
    new: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let none = listed(&parts.headers, &header::IF_NONE_MATCH);
        Ok(Self {
            wanted: listed(&parts.headers, &header::IF_MATCH),
            new: none.is_some_and(|tags| tags.iter().any(|tag| tag == "*")),
        })
    }
}

/// The header where it is a choice; a route that requires it says so itself.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let descricao = "O `ETag` com que foi lido: se alguém alterou desde então, é 412.";
        let header = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(descricao))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![header.build()]
    }
}

impl IfMatch {
    /// Where the header is required.
    ///
    /// # Errors
    /// 428 `exige_if_match` without it, 412 `versao_desatualizada` with the present `ETag`.
    pub fn require(&self, current: &ETag) -> ApiResult<()> {
        if self.wanted.is_none() && !self.new {
            let mensagem = "Diga no cabeçalho If-Match qual versão será alterada: é o ETag com \
                            que ela foi lida.";
            let error =
                ApiError::new(StatusCode::PRECONDITION_REQUIRED, "exige_if_match", mensagem);
            return Err(current.told(error));
        }
        self.check(current)
    }

    /// Where the header is a choice.
    ///
    /// # Errors
    /// 412 `versao_desatualizada` with the present `ETag`.
    pub fn check(&self, current: &ETag) -> ApiResult<()> {
        let fits = |wanted: &Vec<String>| wanted.iter().any(|tag| current.is(tag));
        if !self.new && self.wanted.as_ref().is_none_or(fits) {
            return Ok(());
        }
        Err(current.told(outdated()))
    }

    /// Where there is nothing yet.
    ///
    /// # Errors
    /// 412 `versao_desatualizada` if the caller knows a version.
    pub fn absent(&self) -> ApiResult<()> {
        if self.wanted.is_some() { Err(outdated()) } else { Ok(()) }
    }
}

impl ETag {
    /// Says in the answer which version there is.
    pub fn told(&self, error: ApiError) -> ApiError {
        let (name, value) = self.header();
        error.header(name, value)
    }
}

fn outdated() -> ApiError {
    let mensagem = "Foi alterado por outra pessoa e nada foi gravado. Leia de novo e repita.";
    ApiError::new(StatusCode::PRECONDITION_FAILED, "versao_desatualizada", mensagem)
}

/// The tags of a header, of every line of it.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    Some(tags.map(|tag| tag.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn condition(headers: &[(HeaderName, &str)]) -> IfMatch {
        let mut request = axum::http::Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let mut parts = request.into_parts().0;
        IfMatch::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn a_change_needs_the_version_that_is_there() {
        let etag = ETag::of_seq(7);
        let code = |result: ApiResult<()>| result.map_err(|error| error.codigo);
        let none = condition(&[]).await;
        assert_eq!(code(none.require(&etag)), Err("exige_if_match"));
        assert_eq!(code(none.check(&etag)), Ok(()));
        assert_eq!(code(none.absent()), Ok(()));
        for fits in ["\"s7\"", "\"s1\", \"s7\"", "*"] {
            let it = condition(&[(header::IF_MATCH, fits)]).await;
            assert_eq!(code(it.require(&etag)), Ok(()), "{fits}");
            assert_eq!(code(it.absent()), Err("versao_desatualizada"), "{fits}");
        }
        // A weak tag never matches, nor does one without quotes.
        for other in ["\"s8\"", "W/\"s7\"", "s7", ""] {
            let error = condition(&[(header::IF_MATCH, other)]).await.require(&etag).unwrap_err();
            assert_eq!(error.codigo, "versao_desatualizada", "{other}");
            assert_eq!(error.headers, [etag.header()]);
        }
        let new = condition(&[(header::IF_NONE_MATCH, "*")]).await;
        assert_eq!(code(new.require(&etag)), Err("versao_desatualizada"));
        assert_eq!(code(new.absent()), Ok(()));
    }

    #[test]
    fn what_the_caller_has_is_not_sent_again() {
        let etag = ETag::of_heads(1, &[3; 32]);
        assert_ne!(etag, ETag::of_heads(2, &[3; 32]));
        let (_, tag) = etag.header();
        let mut headers = HeaderMap::new();
        assert_eq!(etag.on(&headers, 1).status(), StatusCode::OK);
        headers.insert(header::IF_NONE_MATCH, tag.clone());
        let answer = etag.on(&headers, 1);
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.headers()[header::ETAG], tag);
    }
}
