//! Answers that need not be sent again: ETag and `If-None-Match` (RFC 9110 section 13.1.2).

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// May be kept, and is asked about before each use.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The answer with its tag, or 304 where the client has it already.
pub(crate) fn tagged(headers: &HeaderMap, version: impl Display, answer: Response) -> Response {
    let tag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits are a header value");
    let known = is_known(headers, &tag);
    let standard = [(header::ETAG, tag), (header::CACHE_CONTROL, NO_CACHE)];
    if known {
        return (StatusCode::NOT_MODIFIED, standard).into_response();
    }
    (standard, answer).into_response()
}

/// Weak comparison against a list, or `*`.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().unwrap_or("").split(',').map(str::trim).any(|candidate| {
            candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
        })
    })
}
