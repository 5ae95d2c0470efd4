//! The wish that inventory's first answer to an order is lost, for demonstrations. The reservation id carries it.
//!
//! The order service marks the id, and inventory knows it again, so the wish needs no column, no field and no
//! header on the way between them. The mark takes 32 of a UUIDv7's 74 random bits: one unmarked id in four
//! billion has it by chance, and it means something only where the gremlin is allowed.

use uuid::Uuid;

/// `lost` in ASCII, in the last four bytes.
const MARK: u128 = 0x6c6f_7374;
const BITS: u128 = 0xffff_ffff;

/// The same id, marked.
#[must_use]
pub fn mark_for_lost_reply(id: Uuid) -> Uuid {
    Uuid::from_u128((id.as_u128() & !BITS) | MARK)
}

/// Whether the id is marked.
pub fn wants_lost_reply(id: Uuid) -> bool {
    id.as_u128() & BITS == MARK
}

#[cfg(test)]
mod tests;
