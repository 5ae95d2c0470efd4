//! Answers that need not be sent again: `ETag` and `If-None-Match` (RFC 9110 section 13.1.2).

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// The tag of a thing in this version: the version in quotes.
pub fn etag(version: impl Display) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("versions are digits and hyphens")
}

/// The answer with its tag and `Cache-Control`, or 304 where the client has it already.
pub fn with_etag(
    headers: &HeaderMap,
    tag: HeaderValue,
    cache_control: HeaderValue,
    answer: impl IntoResponse,
) -> Response {
    let is_known = if_none_match(headers, &tag);
    let standard = [(header::ETAG, tag), (header::CACHE_CONTROL, cache_control)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, standard).into_response();
    }
    (standard, answer).into_response()
}

/// Whether `If-None-Match` names this tag: weak comparison against a list, or `*`.
fn if_none_match(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().unwrap_or("").split(',').map(str::trim).any(|candidate| {
            candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
        })
    })
}

#[cfg(test)]
mod tests;
