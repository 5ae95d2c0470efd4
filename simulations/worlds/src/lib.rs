//! Worlds without processes or databases, in which everything goes wrong: the protocol searched in
//! full, and the product's own decisions run through seeded faults.

mod known_bad;
pub mod memory;
pub mod model;
#[cfg(test)]
mod network;

pub use known_bad::KnownBad;
