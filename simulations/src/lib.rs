//! Seeded faulty worlds, crash-restart runs and the invariant checker.

pub mod bench;
pub mod checker;
pub mod contract;
pub mod crash;
pub mod load;
pub mod memory;
pub mod model;
#[cfg(test)]
mod network;
pub mod reconcile;
pub mod stack;
