//! The client's key: in the header, quoted as a structured-field string or bare, or in the body.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header-07.

use edge::Problem;
use http::{HeaderMap, HeaderName, StatusCode};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_BYTES_MAX: usize = 255;

/// The key of a request; `in_body` is the body's field of that name.
pub(crate) fn find_key(headers: &HeaderMap, in_body: Option<String>) -> Result<String, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let in_header = given.next();
    if given.next().is_some() {
        return Err(invalid("the header is there twice"));
    }
    let in_header = match in_header {
        Some(value) => {
            let text = value.to_str().map_err(|_| invalid("only visible ASCII characters"))?;
            Some(
                unquote(text.trim())
                    .ok_or_else(|| invalid("a quote is missing or escaped badly"))?,
            )
        }
        None => None,
    };
    let key = match (in_header, in_body) {
        (Some(header), Some(body)) if header != body => {
            return Err(invalid("header and body name different keys"));
        }
        (Some(key), _) | (None, Some(key)) => key,
        (None, None) => return Err(required()),
    };
    check_key(key)
}

/// The key, if it can be one.
pub(crate) fn check_key(key: String) -> Result<String, Problem> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid("1 to 255 visible ASCII characters, no blanks"));
    }
    Ok(key)
}

/// RFC 9651 section 3.3.3, or the text itself where it is not quoted.
fn unquote(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let mut key = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

fn required() -> Problem {
    let title = "an order needs an idempotency key";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-required", title).with_detail(
        "send the header Idempotency-Key with a fresh random value per order, and the same value \
         when you send that order again",
    )
}

fn invalid(detail: &str) -> Problem {
    let title = "the idempotency key is not valid";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid", title).with_error(
        "Idempotency-Key",
        "invalid-value",
        detail,
    )
}

#[cfg(test)]
mod tests;
