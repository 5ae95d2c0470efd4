//! The relay: claims sagas from the outbox, calls inventory for them, and records every step.
//!
//! One order through this crate: [`claim`] locks its message, lets the core decide and stores the
//! intent; [`drive`] makes the call and lets the core decide on the answer; [`record`] stores that.
//! It holds no business rule: what an answer means to the saga is `saga::transition`'s matter, what
//! an answer *is* stands in [`relay_core::answer`]. It must never make a call whose intent is not
//! stored, and never store anything but under the epoch it claimed with.

pub mod breaker_overrides;
pub mod claim;
pub mod claim_on_insert;
pub mod config;
pub mod drive;
pub mod gate;
pub mod in_flight;
pub mod inventory;
pub mod membership;
pub mod metrics;
mod reconcile;
pub mod record;
pub mod relay;
mod router;
mod spans;
pub mod work_loop;

pub use config::Config;
pub use relay::{Relay, RelayError};
pub use router::router;
pub use work_loop::serve;
