//! Tier 0: the protocol holds in every state of the small worlds, and every planted flaw is found.

use std::collections::BTreeSet;
use worlds::model::{Bound, Invariant, KnownBad, Only, Options, run};

/// `VALERIX_MODEL_BOUND=large` searches for an hour instead of a minute.
fn options(only: Only) -> Options {
    let large = std::env::var("VALERIX_MODEL_BOUND").is_ok_and(|bound| bound == "large");
    let bound = if large { Bound::Large } else { Bound::Small };
    Options { bound, only, ..Options::default() }
}

#[test]
fn the_protocol_holds_in_every_state_of_the_small_worlds() {
    let report = run(&options(Only::Worlds), |found| println!("{found}"));
    println!("{report}");
    assert!(report.is_clean(), "see above");
    assert!(report.states() > 1_000_000, "the worlds have shrunk");
}

#[test]
fn every_planted_flaw_is_found() {
    let report = run(&options(Only::KnownBad), |found| println!("{found}"));
    println!("{report}");
    assert_eq!(report.known_bad_found(), KnownBad::in_model().count());
}

#[test]
fn every_invariant_has_a_planted_flaw_that_breaks_it() {
    let broken: BTreeSet<Invariant> =
        KnownBad::ALL.into_iter().filter_map(KnownBad::breaks_in_model).collect();
    let silent: Vec<_> = Invariant::ALL.into_iter().filter(|i| !broken.contains(i)).collect();
    assert!(silent.is_empty(), "never seen to fire: {silent:?}");
}

#[test]
fn every_flaw_is_planted_in_a_tier() {
    let is_planted =
        |flaw: &KnownBad| flaw.breaks_in_model().is_some() || flaw.breaks_in_memory().is_some();
    let nowhere: Vec<_> = KnownBad::ALL.into_iter().filter(|flaw| !is_planted(flaw)).collect();
    assert!(nowhere.is_empty(), "planted nowhere: {nowhere:?}");
    assert!(
        KnownBad::ALL.iter().all(|flaw| flaw.world().is_some() == flaw.breaks_in_model().is_some())
    );
}
