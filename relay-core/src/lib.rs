//! What a relay decides, without doing it.
//!
//! Admission control: whether a call may go out now ([`breaker`]), whether it may be tried again
//! ([`retry_budget`]), and how fast a backlog is worked off ([`drain`]). Like `saga`, this crate does
//! no IO: no clock, randomness, async, logging or SQL. Time arrives as an argument. The shell around it
//! is `outbox-relay`; the simulated worlds run the same code.

pub mod breaker;
pub mod drain;
pub mod retry_budget;
