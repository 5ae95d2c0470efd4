//! Seeded faulty worlds, crash-restart runs and the invariant checker.

pub mod checker;
pub mod load;
pub mod model;
