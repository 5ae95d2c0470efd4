//! What makes two requests the same: SHA-256 over the canonical form of what is ordered.
//!
//! The two body shapes of one order are the same request, and so are two spellings of its JSON.
//! The order of lines counts. The form is stored for as long as keys are: never change it without
//! a new version in its first line.

use sha2::{Digest, Sha256};

use crate::orders::order_request::Basket;

const VERSION: &[u8] = b"valerix order 1\n";

/// The fingerprint stored with the key.
pub(crate) fn fingerprint(basket: &Basket) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(VERSION);
    // `OrderRequest::check` has sorted the members of each object
    let canonical = serde_json::to_vec(&(&basket.lines, &basket.metadata));
    hasher.update(canonical.expect("lines and JSON values always serialise"));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
