//! The idempotency key of a stock update: in the header, quoted as a structured-field string or bare.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header-07. Without a key an update counts each time it
//! is sent.

use edge::Problem;
use http::{HeaderMap, HeaderName, StatusCode};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_BYTES_MAX: usize = 255;

pub(crate) fn find_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(invalid("the header is there twice"));
    }
    let text = value.to_str().map_err(|_| invalid("only visible ASCII characters"))?.trim();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let is_key = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(is_key) {
        return Err(invalid(
            "1 to 255 visible ASCII characters, without blanks, quotes, backslashes",
        ));
    }
    Ok(Some(key.to_owned()))
}

fn invalid(detail: &str) -> Problem {
    let title = "the idempotency key is not valid";
    let problem = Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid", title);
    problem.with_error("Idempotency-Key", "invalid-value", detail)
}
