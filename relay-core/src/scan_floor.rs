//! Where the work list begins, as far as a relay knows.
//!
//! A message is removed with the step that makes it needless, and stays in table and index until no snapshot can see
//! it any more. While somebody holds one, every scan of the list from its very beginning passes all that was removed
//! since: after minutes of load that is a million rows, again with each heartbeat. So such scans are rationed, and
//! tell where the first message is; all others begin there for as long as that makes a difference.
//!
//! It is a shortcut, never a cursor: ids are made before they are committed, and not on one clock, so an older one
//! may still come. The next scan from the beginning finds it.

use uuid::Uuid;

/// A scan from the beginning that takes less makes no difference, in milliseconds.
const CHEAP_MS: u64 = 5;

/// Where scans of the work list begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanFloor {
    below_first: Uuid,
    is_expensive: bool,
}

impl ScanFloor {
    /// A scan from the beginning found `first` in `took_ms`; where there was no message at all, none is expected at
    /// or below `below_newest`.
    pub fn measured(&mut self, first: Option<Uuid>, below_newest: Uuid, took_ms: u64) {
        let below_first = first.map_or(below_newest, just_below);
        *self = Self { below_first, is_expensive: took_ms >= CHEAP_MS };
    }

    /// A scan from the beginning failed: it takes too long.
    pub fn measuring_failed(&mut self) {
        self.is_expensive = true;
    }

    /// Whether scans from the beginning cost so much that they are rationed.
    pub fn is_expensive(&self) -> bool {
        self.is_expensive
    }

    /// Every message that was there at the last scan from the beginning has a greater id.
    pub fn below_first(&self) -> Uuid {
        self.below_first
    }

    /// Where a frequent scan begins.
    pub fn floor(&self) -> Uuid {
        if self.is_expensive { self.below_first } else { Uuid::nil() }
    }
}

/// The smallest UUIDv7 of a moment, in milliseconds since 1970.
pub fn first_id_of(ms: u64) -> Uuid {
    Uuid::from_u128(u128::from(ms) << 80)
}

/// The moment that an id says it was made, in milliseconds since 1970, by whatever clock made it.
pub fn made_ms(id: Uuid) -> u64 {
    (id.as_u128() >> 80) as u64
}

fn just_below(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

#[cfg(test)]
mod tests;
