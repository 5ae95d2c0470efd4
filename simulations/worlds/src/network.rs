//! Tier 2: the product's own HTTP, at both ends, over a network in which everything goes wrong.
//!
//! The relay's driver, gate and client and inventory's service (accept loop, routes, batch call, group
//! commit) are the product's and talk over turmoil's simulated TCP, by its simulated clock. The two
//! databases are those of tier 1, in memory, since sqlx cannot run on a simulated network. A seed
//! decides what goes wrong: hosts crash and come back, links are cut, or held and let go (which makes
//! requests and answers late), relays are cut off from their database and come back as zombies,
//! commits are lost or unanswered.
//!
//! It sees what tier 1 cannot: a stream cut in the middle of a batch, a kept connection whose other end
//! is a new process, a deadline that passes on the way. Start at `run`.

mod database;
mod nemesis;
mod relay;
mod run;
mod warehouse;

use crate::memory::KnownBad;
use run::{Outcome, run};

/// `VALERIX_NETWORK_SEEDS` runs more, or fewer, than these; `VALERIX_NETWORK_FIRST_SEED` others.
const SEEDS: u64 = 200;
/// Seeds within which a planted flaw must be found.
const FOUND_WITHIN: u64 = 60;

#[test]
fn every_invariant_holds_over_every_network() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("VALERIX_NETWORK_FIRST_SEED").unwrap_or(1);
    let seeds = number("VALERIX_NETWORK_SEEDS").unwrap_or(SEEDS);
    let mut all = Outcome::default();
    for seed in first..first + seeds {
        let outcome = run(seed, None);
        assert!(
            outcome.broken.is_empty(),
            "seed {seed}: {:?}\n{}",
            outcome.broken,
            outcome.story()
        );
        all.add(&outcome);
    }
    println!("seeds {first} to {}: {all}", first + seeds - 1);
    all.assert_eventful(seeds);
}

#[test]
fn every_planted_flaw_is_found_over_the_network() {
    let planted = [
        KnownBad::ReserveWithoutKey,
        KnownBad::TombstoneRemovedOnContact,
        KnownBad::NoFenceInOrders,
        KnownBad::OutboxRemovedAtClaim,
        KnownBad::NobodyTakesOver,
        KnownBad::RejectionNotStored,
    ];
    for known_bad in planted {
        let found = (1..=FOUND_WITHIN).find(|&seed| !run(seed, Some(known_bad)).broken.is_empty());
        println!("{known_bad:?}: seed {found:?}");
        assert!(found.is_some(), "{known_bad:?} is not found in {FOUND_WITHIN} seeds");
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in 1..=5 {
        let (once, again) = (run(seed, None), run(seed, None));
        assert_eq!(once.story(), again.story(), "seed {seed}");
    }
}
