//! The key of an order: in the header, or in the body's field of that name.

use edge::{Problem, check_idempotency_key, idempotency_key, invalid_idempotency_key};
use http::{HeaderMap, StatusCode};

/// The key of a request; `in_body` is the body's field of that name.
pub(crate) fn find_key(headers: &HeaderMap, in_body: Option<String>) -> Result<String, Problem> {
    let in_header = idempotency_key(headers)?;
    match (in_header, in_body) {
        (Some(header), Some(body)) if header != body => {
            Err(invalid_idempotency_key("header and body name different keys"))
        }
        (Some(key), _) => Ok(key),
        (None, Some(key)) => check_idempotency_key(key),
        (None, None) => Err(required()),
    }
}

fn required() -> Problem {
    let title = "an order needs an idempotency key";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-required", title).with_detail(
        "send the header Idempotency-Key with a fresh random value per order, and the same value \
         when you send that order again",
    )
}

#[cfg(test)]
mod tests;
