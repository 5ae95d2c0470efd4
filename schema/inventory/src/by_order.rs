//! Reservations that no saga makes: calls of the reference API know an order and nothing else.
//!
//! The order's id stands for the reservation's, so that the same order is always the same reservation
//! and a call that is sent twice counts once.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The first line of what is hashed. The ids are kept for ever: never change it.
const DERIVATION: &[u8] = b"valerix reservation by order 1\n";

/// The order as it is stored. An order id that is no UUID becomes one.
pub fn order_of(order_id: &str) -> Uuid {
    Uuid::try_parse(order_id).unwrap_or_else(|_| derive(b"order\n", order_id.as_bytes()))
}

/// The one reservation that these calls can make for an order.
pub fn reservation_of(order_id: Uuid) -> Uuid {
    derive(b"reservation\n", order_id.as_bytes())
}

/// A UUID of version 8 (RFC 9562 section 5.8).
fn derive(what: &[u8], from: &[u8]) -> Uuid {
    let digest = Sha256::new_with_prefix(DERIVATION).chain_update(what).chain_update(from);
    let digest = digest.finalize();
    let bytes = digest[..16].try_into().expect("a digest is longer");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
