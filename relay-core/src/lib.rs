//! What a relay decides, without doing it.
//!
//! [`claims`] and [`decide`] say what is stored for the sagas it claims and what follows from an answer,
//! [`answer`] what an answer *is*, [`outcome`] what became of what was stored. [`gate`] is admission control:
//! whether a call may go out now ([`breaker`]), whether it may be tried again ([`retry_budget`]), and how
//! fast a backlog is worked off ([`drain`]). [`batch_offer`] says whether calls may travel together. [`scan_floor`] and [`beat_report`] remember what was seen of
//! the work list.
//!
//! Like `saga`, this crate does no IO: no clock, randomness, async, logging or SQL. Time arrives as an
//! argument. The shell around it is `outbox-relay`; the simulated worlds run the same code.

#![warn(missing_docs)]

pub mod answer;
pub mod batch_offer;
pub mod beat_report;
pub mod breaker;
pub mod claims;
pub mod decide;
pub mod drain;
pub mod gate;
pub mod outcome;
pub mod retry_budget;
pub mod scan_floor;
pub mod schedule;
