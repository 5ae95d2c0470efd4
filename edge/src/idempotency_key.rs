//! The client's key in the header `Idempotency-Key`: a structured-field string, or the bare key, which many send.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header-07; strings as RFC 9651 section 3.3.3 has them.

use http::{HeaderMap, HeaderName, StatusCode};
use sfv::{BareItem, Item, Parser};

use crate::Problem;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const BYTES_MAX: usize = 255;

/// The key of a request; `None` where it has none. 400 where it is there twice or cannot be a key.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(invalid_idempotency_key("the header is there twice"));
    }
    let text =
        value.to_str().map_err(|_| invalid_idempotency_key("only visible ASCII characters"))?;
    let key = match text.trim() {
        quoted if quoted.contains('"') => unquote(quoted).ok_or_else(|| {
            invalid_idempotency_key("a quote is missing or escaped badly, or something follows it")
        })?,
        bare => bare.to_owned(),
    };
    check_idempotency_key(key).map(Some)
}

/// The key, wherever it was found, if it can be one.
pub fn check_idempotency_key(key: String) -> Result<String, Problem> {
    if key.is_empty() || key.len() > BYTES_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid_idempotency_key("1 to 255 visible ASCII characters, no blanks"));
    }
    Ok(key)
}

/// 400: it is no key, and why.
pub fn invalid_idempotency_key(detail: &str) -> Problem {
    let title = "the idempotency key is not valid";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid", title).with_error(
        "Idempotency-Key",
        "invalid-value",
        detail,
    )
}

/// The draft knows no parameters of the key.
fn unquote(text: &str) -> Option<String> {
    let item: Item = Parser::new(text).parse().ok()?;
    let BareItem::String(key) = item.bare_item else { return None };
    item.params.is_empty().then(|| key.into())
}

#[cfg(test)]
mod tests;
