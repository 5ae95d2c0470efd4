//! What all cursors of lists share: they are bound to the filters they were made with.
//!
//! A cursor used with other filters would silently skip rows, so it carries a digest of them.

use sha2::{Digest, Sha256};

use crate::Problem;

/// 16 hex digits that stand for the filters of a list.
pub fn filters_digest(filters: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(filters.as_bytes()).into();
    let first = hash.first_chunk().expect("32 bytes begin with 8");
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// 400: the cursor was not made by this list.
pub fn invalid_cursor(detail: &str) -> Problem {
    Problem::invalid("cursor", "invalid-cursor", detail)
}
