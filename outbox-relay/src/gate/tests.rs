use super::*;
use clap::Parser as _;

#[derive(clap::Parser)]
struct Asked {
    #[command(flatten)]
    config: Config,
}

fn gate() -> Arc<Gate> {
    Gate::new(&Asked::parse_from(["relay"]).config, 1)
}

/// Found by the simulations, seed 1553908: a breaker that closed while nothing waited left a drain
/// without a backlog behind, and the relay never again looked for sagas whose time had come.
#[test]
fn a_drain_without_a_backlog_holds_nothing_up() {
    let gate = gate();
    gate.start_drain(0);
    assert_eq!(gate.backlog_places(4), 2);
    assert!(!gate.snapshot().draining);
}

#[test]
fn a_drain_whose_last_claim_failed_holds_nothing_up() {
    let gate = gate();
    gate.start_drain(1);
    // The pace is earned by time: the first place comes within a millisecond or so.
    let begun = Instant::now();
    while gate.backlog_places(4) == 0 {
        assert!(begun.elapsed().as_secs() < 10, "the drain never begins");
    }
    // Its claim failed, so nobody gives anything back.
    assert_eq!(gate.backlog_places(4), 2);
}

#[test]
fn the_last_changes_of_the_breaker_are_kept_for_people() {
    let gate = gate();
    assert_eq!(gate.snapshot().changes, []);
    for _ in 0..CHANGES_MAX {
        gate.isolate();
        gate.close();
    }
    let changes = gate.snapshot().changes;
    assert_eq!(changes.len(), CHANGES_MAX);
    assert_eq!(changes[0].state, BreakerState::Closed, "newest first");
    assert_eq!(changes[1].state, BreakerState::Isolated);
    assert!(changes.is_sorted_by_key(|change| change.ago_ms));
}
