//! Chance, from a seed. Every source draws from its own stream, so that what happens to one order
//! does not depend on how often another one was rolled for. That is what makes shrinking work: a run
//! with one fault less is the same run elsewhere.

use std::collections::BTreeMap;

/// Whose chance it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// What the seed itself is like.
    World,
    Relay(u16),
    /// A customer's order, and everything sent for it.
    Order(u16),
    /// Something that was planned for a moment.
    Planned(u16),
}

/// All streams of a seed.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    seed: u64,
    drawn: BTreeMap<(Source, u16), u64>,
}

/// What is drawn for; each use has its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Use {
    Setting = 1_000,
    Delay,
    Jitter,
    Order,
    Moment,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice { seed, drawn: BTreeMap::new() }
    }

    /// The next number of a stream.
    pub(super) fn draw(&mut self, source: Source, what: u16) -> u64 {
        let drawn = self.drawn.entry((source, what)).or_insert(0);
        *drawn += 1;
        let (kind, index) = match source {
            Source::World => (0_u64, 0),
            Source::Relay(index) => (1, index),
            Source::Order(index) => (2, index),
            Source::Planned(index) => (3, index),
        };
        let stream = kind << 48 | u64::from(index) << 32 | u64::from(what) << 16;
        mix(mix(self.seed ^ mix(stream)).wrapping_add(*drawn))
    }

    /// How often a stream was drawn from: names the draw.
    pub(super) fn count(&self, source: Source, what: u16) -> u64 {
        self.drawn.get(&(source, what)).copied().unwrap_or(0)
    }

    /// Uniform in `0..bound`; 0 where the bound is.
    pub(super) fn below(&mut self, source: Source, what: Use, bound: u64) -> u64 {
        part(self.draw(source, what as u16), bound)
    }

    /// Uniform in `from..=to`.
    pub(super) fn between(&mut self, source: Source, what: Use, from: u64, to: u64) -> u64 {
        from + self.below(source, what, to - from + 1)
    }

    /// True `percent` times in a hundred.
    pub(super) fn percent(&mut self, source: Source, what: Use, percent: u64) -> bool {
        self.below(source, what, 100) < percent
    }

    /// For a backoff.
    pub(super) fn jitter(&mut self, source: Source) -> u32 {
        self.draw(source, Use::Jitter as u16) as u32
    }
}

/// A stream by itself, for those that have no other [`Source`]s beside them.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Stream {
    seed: u64,
    drawn: u64,
}

#[cfg(test)]
impl Stream {
    /// `stream` tells apart who draws from the same seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Stream {
        Stream { seed: mix(seed ^ mix(stream)), drawn: 0 }
    }

    /// Uniform in `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.drawn += 1;
        from + part(mix(self.seed.wrapping_add(self.drawn)), to - from + 1)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }
}

/// So much of `bound` as `drawn` is of all numbers.
fn part(drawn: u64, bound: u64) -> u64 {
    ((u128::from(drawn) * u128::from(bound)) >> 64) as u64
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
