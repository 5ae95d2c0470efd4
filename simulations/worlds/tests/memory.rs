//! Tier 1: in a hundred thousand faulty worlds every invariant holds; every planted flaw is found, by
//! the invariant it breaks; a seed is the same run every time.

use saga::StateName;
use std::collections::BTreeSet;
use worlds::memory::{
    Coverage, Fault, Invariant, KnownBad, Moment, Options, find, run_seed, run_seeds, shrink,
};

/// Seeds within which a planted flaw must be found.
const FOUND_WITHIN: u64 = 300_000;

/// `VALERIX_MEMORY_SEEDS` runs more, or fewer, than a hundred thousand; `VALERIX_MEMORY_FIRST_SEED` others.
fn options() -> Options {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let defaults = Options::default();
    Options {
        first_seed: number("VALERIX_MEMORY_FIRST_SEED").unwrap_or(defaults.first_seed),
        seeds: number("VALERIX_MEMORY_SEEDS").unwrap_or(defaults.seeds),
        ..defaults
    }
}

#[test]
fn every_invariant_holds_in_every_world() {
    let options = options();
    let report = run_seeds(&options, |_| {});
    println!("{report}");
    assert!(report.is_clean(), "see above");
    if options.seeds >= 50_000 {
        let unseen = Fault::ALL.iter().zip(report.faults).filter(|(_, count)| *count == 0);
        assert_eq!(unseen.count(), 0, "a fault never happens");
        assert_covered(&report.coverage);
    }
}

#[test]
fn every_planted_flaw_is_found_by_the_invariant_it_breaks() {
    let mut missed = Vec::new();
    let mut fired: BTreeSet<Invariant> = BTreeSet::new();
    for known_bad in KnownBad::in_memory() {
        match find(known_bad, FOUND_WITHIN) {
            Some((seeds, run)) => {
                println!("{known_bad:?}: found in seed {seeds}");
                fired.extend(run.broken.iter().map(|(invariant, _)| *invariant));
            }
            None => missed.push(known_bad),
        }
    }
    println!("{} not found", missed.len());
    assert!(missed.is_empty(), "not found: {missed:?}");
    let silent: Vec<_> = Invariant::ALL.into_iter().filter(|one| !fired.contains(one)).collect();
    assert!(silent.is_empty(), "never seen to fire: {silent:?}");
}

#[test]
fn a_seed_is_the_same_run_every_time_and_on_any_thread() {
    let few = Options { first_seed: 40_000, seeds: 500, threads: 1 };
    let many = Options { threads: 4, ..few };
    let alone = run_seeds(&few, |_| {});
    let together = run_seeds(&many, |_| {});
    assert_eq!(alone.fingerprint, together.fingerprint);
    assert_eq!(alone.coverage, together.coverage);
    for seed in (40_000..40_100).rev() {
        let (once, again) = (run_seed(seed, None, None), run_seed(seed, None, None));
        assert_eq!(once.trace.lines, again.trace.lines, "seed {seed}");
    }
    assert_ne!(
        run_seed(1, None, None).trace.fingerprint(),
        run_seed(2, None, None).trace.fingerprint()
    );
}

#[test]
fn a_failing_seed_shrinks_to_the_faults_it_needs() {
    let known_bad = KnownBad::TimeoutIsFailure;
    let (seed, run) = find(known_bad, FOUND_WITHIN).expect("it is found");
    let least = shrink(&run, Some(known_bad));
    println!("{} faults, of which {} are needed\n{least}", run.faults.len(), least.faults.len());
    assert!(least.broke(run.broken[0].0), "it still fails in the same way");
    assert!(least.faults.len() < run.faults.len());
    let without_any = run_seed(seed, Some(BTreeSet::new()), Some(known_bad));
    assert!(without_any.is_clean(), "without a fault there is nothing to mistake");
    let replayed = run_seed(seed, Some(least.faults.iter().copied().collect()), Some(known_bad));
    assert_eq!(replayed.trace.lines, least.trace.lines);
}

/// Every fault must have hit sagas in the states that it can meet; else the worlds have gone tame.
fn assert_covered(coverage: &Coverage) {
    const DRIVEN: &[StateName] = &[StateName::Reserving, StateName::Releasing];
    const CLAIMABLE: &[StateName] =
        &[StateName::Pending, StateName::Reserving, StateName::Queued, StateName::Releasing];
    const LATE: &[StateName] = &[
        StateName::Reserving,
        StateName::Queued,
        StateName::Confirmed,
        StateName::Releasing,
        StateName::Failed,
        StateName::Cancelled,
    ];
    const WITH_PERSON: &[StateName] = &StateName::ALL;
    let mut expected: Vec<(Fault, Moment, &[StateName])> = Vec::new();
    for fault in [Fault::Crash, Fault::Hang, Fault::Stop] {
        expected.push((fault, Moment::Call, DRIVEN));
        expected.push((fault, Moment::Wire, LATE));
        expected.push((fault, Moment::Record, LATE));
    }
    expected.push((Fault::Poison, Moment::Call, DRIVEN));
    for fault in [Fault::CommitUnanswered, Fault::CommitLost, Fault::DatabaseDown] {
        expected.push((fault, Moment::Claim, CLAIMABLE));
        expected.push((fault, Moment::Record, LATE));
        expected.push((fault, Moment::Person, WITH_PERSON));
    }
    expected.push((
        Fault::ClockJump,
        Moment::Rest,
        &[StateName::Pending, StateName::Queued, StateName::Releasing],
    ));
    expected.push((Fault::ClockJump, Moment::Wire, DRIVEN));
    expected.push((Fault::BadItem, Moment::Wire, LATE));
    for fault in [Fault::RequestLost, Fault::RequestDoubled, Fault::RequestLate, Fault::Refused] {
        expected.push((fault, Moment::Wire, DRIVEN));
    }
    for fault in [
        Fault::InventoryDown,
        Fault::Throttled,
        Fault::FailedBefore,
        Fault::FailedAfter,
        Fault::ProxyPage,
        Fault::AnswerCut,
        Fault::AnswerLost,
        Fault::AnswerLate,
    ] {
        expected.push((fault, Moment::Wire, LATE));
    }
    for fault in [Fault::AnswerLost, Fault::HintLost] {
        expected.push((
            fault,
            Moment::Submit,
            &[StateName::Pending, StateName::Reserving, StateName::Queued, StateName::Confirmed],
        ));
    }
    let mut missed = Vec::new();
    for (fault, moment, states) in expected {
        let unseen = states.iter().filter(|state| coverage.hits(fault, moment, Some(**state)) == 0);
        missed.extend(unseen.map(|state| (fault.name(), moment.name(), *state)));
    }
    assert!(missed.is_empty(), "never hit: {missed:?}");
}
