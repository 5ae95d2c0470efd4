//! Tier 0: the saga protocol as a model whose every interleaving is searched.
//!
//! What a saga does is the product's own `saga::transition`; what is around it (orders database,
//! relays with epochs, inventory, a network that loses, doubles and delays, crashes, zombies, commits
//! whose outcome is unknown, cancellations, deadlines, staff, a breaker, two versions at once) is the
//! protocol in small words of its own. [`run`] explores every reachable state of each [`Config`] and
//! says which [invariant](Invariant) a step broke, with the shortest way there.
//!
//! A checker that finds nothing proves nothing by itself, so each [`KnownBad`] plants one flaw, and
//! each must be found by the invariant that it breaks.
//!
//! Start reading at [`world`](World) (what there is), then `step` (what can happen). The checker is
//! stateright, <https://www.stateright.rs>.

mod claims;
mod config;
mod invariants;
mod inventory;
mod known_bad;
mod machine;
mod orders;
mod relay;
mod report;
mod search;
mod staff;
mod step;
mod symmetry;
mod words;
mod world;

pub use config::{Bound, Config, Feature, Features};
pub use invariants::Invariant;
pub use known_bad::KnownBad;
pub use report::{Found, Only, Options, Report, Violation, check, run};
pub use staff::Repair;
pub use step::{Action, Parcel};
pub use world::World;
