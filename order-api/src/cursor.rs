//! Where a list goes on: opaque for clients, and bound to the filters it was made with.
//!
//! A cursor used with other filters would silently skip orders, so it carries a digest of them.

use edge::Problem;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const VERSION: &str = "1";
const ID_DIGITS: usize = 32;

/// The cursor of the page below `before`.
pub(crate) fn encode(before: Uuid, filters: &str) -> String {
    format!("{VERSION}{}{}", before.simple(), digest(filters))
}

/// The order below which the page begins.
pub(crate) fn decode(cursor: &str, filters: &str) -> Result<Uuid, Problem> {
    let invalid = |detail: &str| Problem::invalid("cursor", "invalid-cursor", detail);
    let (id, digits) = cursor
        .strip_prefix(VERSION)
        .and_then(|rest| rest.split_at_checked(ID_DIGITS))
        .ok_or_else(|| invalid("take it from next_cursor as it is"))?;
    if digits != digest(filters) {
        return Err(invalid("it belongs to a list with other filters"));
    }
    Uuid::try_parse(id).map_err(|_| invalid("take it from next_cursor as it is"))
}

fn digest(filters: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(filters.as_bytes()).into();
    let first = hash.first_chunk().expect("32 bytes begin with 8");
    format!("{:016x}", u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests;
