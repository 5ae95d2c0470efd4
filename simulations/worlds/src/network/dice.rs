//! Chance, from a seed: one stream for each who draws.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    /// `stream` tells apart who draws from the same seed.
    pub(super) fn new(seed: u64, stream: u64) -> Dice {
        Dice(StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ stream))
    }

    /// In `from..=to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..=to)
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }
}
