//! What makes two requests the same: SHA-256 over the canonical form of what is ordered.
//!
//! The two body shapes of one order are the same request, and so are two spellings of its JSON, of its numbers too: `100`,
//! `100.0` and `1e2`. The order of lines counts. The form is stored for as long as keys are: never change it without
//! a new version in its first line.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use crate::orders::order_request::Basket;

const VERSION: &[u8] = b"valerix order 1\n";

/// The fingerprint stored with the key.
pub(crate) fn fingerprint(basket: &Basket) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(VERSION);
    // `OrderRequest::check` has sorted the members of each object
    let metadata = basket.metadata.clone().map(with_plain_integers);
    let canonical = serde_json::to_vec(&(&basket.lines, &metadata));
    hasher.update(canonical.expect("lines and JSON values always serialise"));
    hasher.finalize().into()
}

/// From here on a double does not tell neighbouring integers apart.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// A number that is an integer, written as one.
fn with_plain_integers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(plain_integer(&number).unwrap_or(number)),
        Value::Array(items) => items.into_iter().map(with_plain_integers).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_plain_integers(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

fn plain_integer(number: &Number) -> Option<Number> {
    let double = number.as_f64().filter(|_| number.is_f64())?;
    let is_integer = double.fract() == 0.0 && double.abs() < EXACT_BELOW;
    is_integer.then(|| Number::from(double as i64))
}

#[cfg(test)]
mod tests;
