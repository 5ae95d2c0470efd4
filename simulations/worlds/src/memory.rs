//! Tier 1: the product's own decisions over stores in memory, in worlds where everything goes wrong.
//!
//! `saga::transition`, the relay's `decide` and `classify`, the breaker, the retry budget, the paced
//! drain and inventory's `decide` are the product's. The tables, the transactions, the network, the
//! clock and the relay's loop around them are built here, small enough to run a hundred thousand
//! worlds in a minute. A seed decides everything: how many orders and relays there are, what goes
//! wrong and when. The same seed is the same run, event for event, in any process and on any thread.
//!
//! [`run_seeds`] runs many, [`run_seed`] one, [`shrink`] leaves out what a failing one does not need,
//! and [`find`] looks for a planted flaw. Start reading at `event_loop`, then `relay`.

mod coverage;
mod customer;
pub(crate) mod dice;
mod event_loop;
mod faults;
mod gate;
pub(crate) mod invariants;
pub(crate) mod inventory;
mod known_bad;
mod network;
mod people;
mod planned;
mod queue;
mod relay;
mod relay_state;
mod run;
mod seeds;
mod setting;
mod staff;
pub(crate) mod store;
mod trace;
mod wire;
mod world;

pub use coverage::Coverage;
pub use dice::Source;
pub use faults::{Fault, FaultId, Moment};
pub use invariants::Invariant;
pub use known_bad::KnownBad;
pub use run::{Run, run_seed, shrink};
pub use seeds::{Options, Report, find, run_seeds};
pub use trace::{Happened, Line, Trace};
pub use world::SETTLED_WITHIN_MS;
