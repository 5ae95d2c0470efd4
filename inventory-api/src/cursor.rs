//! Where a list goes on: opaque for clients, and bound to the filters it was made with.

use std::fmt::Write;

use edge::{Problem, filters_digest, invalid_cursor};

const VERSION: &str = "1";
const DIGEST_DIGITS: usize = 16;

/// The cursor of the page after `last`.
pub(crate) fn encode(last: &str, filters: &str) -> String {
    format!("{VERSION}{}{}", filters_digest(filters), hex(last.as_bytes()))
}

/// What the page comes after.
pub(crate) fn decode(cursor: &str, filters: &str) -> Result<String, Problem> {
    let (digits, last) = cursor
        .strip_prefix(VERSION)
        .and_then(|rest| rest.split_at_checked(DIGEST_DIGITS))
        .ok_or_else(|| invalid_cursor("take it from next_cursor as it is"))?;
    if digits != filters_digest(filters) {
        return Err(invalid_cursor("it belongs to a list with other filters"));
    }
    unhex(last).ok_or_else(|| invalid_cursor("take it from next_cursor as it is"))
}

fn unhex(digits: &str) -> Option<String> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("writing to a string cannot fail");
    }
    digits
}

#[cfg(test)]
mod tests;
