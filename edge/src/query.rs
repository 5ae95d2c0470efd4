//! The query string, read as strictly as a body.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::json::unstorable_text;

/// Query parameters of type `T` (derive with `deny_unknown_fields`), or a [`Problem`] 400 or 422.
#[derive(Clone, Copy, Debug)]
pub struct StrictQuery<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        if has_encoded_control(parts.uri.query().unwrap_or("")) {
            return Err(unstorable_text("query"));
        }
        let Query(read) = Query::<T>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::invalid("query", "invalid-parameter", error.body_text()))?;
        Ok(StrictQuery(read))
    }
}

/// `%00` to `%1f` and `%7f`; raw ones do not get past the request head.
fn has_encoded_control(query: &str) -> bool {
    query.as_bytes().windows(3).any(|w| {
        w[0] == b'%'
            && (matches!((w[1], w[2]), (b'0' | b'1', d) if d.is_ascii_hexdigit())
                || matches!((w[1], w[2]), (b'7', b'f' | b'F')))
    })
}

#[cfg(test)]
mod tests;
