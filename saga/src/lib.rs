//! The pure core of Valerix: what an order saga is and how it moves.
//!
//! A saga is an ordered list of steps, each with its compensation ([`plan`]). [`transition()`] takes
//! where the saga stands and what happened, and answers where it stands now and what is to be done.
//! Nothing in this crate does IO: no clock, randomness, async, logging or SQL. Time, jitter and fresh
//! ids arrive inside the event, effects leave as data, and the shell (`outbox-relay`, `order-api`)
//! carries them out in one transaction. Start reading at [`transition()`].

#![warn(missing_docs)]

pub mod backoff;
pub mod effect;
pub mod event;
pub mod explain;
pub mod plan;
pub mod state;
pub mod state_name;
pub mod stored;
pub mod transition;

pub use effect::Effect;
pub use event::{CancelledBy, Claim, Event, Finding, Rejection};
pub use plan::{Plan, Step};
pub use state::{Doubt, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, State};
pub use state_name::StateName;
pub use transition::{Ignored, InvalidTransition, Transition, transition};
