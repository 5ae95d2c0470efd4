//! Trials: the whole product as real processes, under load (`bench`) and under attack (`crash`).
//!
//! Both stand on a stack of real processes ([`stack`]) and on clients that remember what they were told
//! ([`load`]); both end with the invariant checker.

pub mod bench;
pub mod crash;
pub mod load;
pub mod stack;
pub mod xml;
