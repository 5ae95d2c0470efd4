use super::*;

fn gate() -> GateState {
    GateState::new(&GateConfig::default(), 1, 0)
}

/// Found by the simulations, seed 1553908: a breaker that closed while nothing waited left a drain
/// without a backlog behind, and the relay never again looked for sagas whose time had come.
#[test]
fn a_drain_without_a_backlog_holds_nothing_up() {
    let mut gate = gate();
    gate.start_drain(0, 0);
    assert_eq!(gate.backlog_slots(4, 0), 2);
    assert!(!gate.snapshot(0).draining);
}

#[test]
fn a_drain_whose_last_claim_failed_holds_nothing_up() {
    let mut gate = gate();
    gate.start_drain(1, 0);
    assert_eq!(gate.backlog_slots(4, 0), 0, "the pace is earned by time");
    assert_eq!(gate.backlog_slots(4, 1), 1);
    // Its claim failed, so nobody gives anything back.
    assert_eq!(gate.backlog_slots(4, 1), 2);
}

#[test]
fn the_moment_of_letting_through_again_is_told_once() {
    let mut gate = gate();
    assert!(!gate.reopened(0), "it was never closed to calls");
    gate.isolate(1);
    assert!(!gate.reopened(1) && !gate.is_free(1) && gate.refusal(1).is_some());
    gate.close(2);
    assert!(gate.reopened(2) && !gate.reopened(2));
    assert!(gate.is_free(2) && gate.refusal(2).is_none());
}

#[test]
fn the_last_changes_of_the_breaker_are_kept_for_people() {
    let mut gate = gate();
    assert_eq!(gate.snapshot(0).changes, []);
    for now_ms in 0..CHANGES_MAX as u64 {
        gate.isolate(now_ms);
        gate.close(now_ms);
        gate.take_marks();
    }
    let changes = gate.snapshot(CHANGES_MAX as u64).changes;
    assert_eq!(changes.len(), CHANGES_MAX);
    assert_eq!(changes[0].state, BreakerState::Closed, "newest first");
    assert_eq!(changes[1].state, BreakerState::Isolated);
    assert!(changes.is_sorted_by_key(|change| change.ago_ms));
}

fn fail(gate: &mut GateState, calls: u32, now_ms: u64) {
    for _ in 0..calls {
        let permit = gate.acquire(1, now_ms).expect("admitted");
        gate.finish(permit, Outcome::Failed, now_ms);
    }
}

#[test]
fn a_breaker_that_opened_with_the_database_probes_when_that_is_back() {
    let mut gate = gate();
    fail(&mut gate, 5, 1_000);
    assert_eq!(gate.room(4_000), 0);
    gate.database_returned(1_200, 4_000);
    assert_eq!(gate.room(4_000), 1, "half-open: one call finds out");
    // Inventory needs a moment longer.
    fail(&mut gate, 1, 4_100);
    assert_eq!((gate.room(4_100), gate.room(4_400)), (0, 1), "asked again soon");
    fail(&mut gate, 1, 14_100);
    assert_eq!(gate.room(15_000), 0, "and no sooner than usual when it stays away");
}

#[test]
fn a_breaker_that_opened_long_before_the_database_failed_waits_as_usual() {
    let mut gate = gate();
    fail(&mut gate, 5, 1_000);
    gate.database_returned(1_000 + SAME_OUTAGE_MS + 1, 9_000);
    assert_eq!(gate.room(9_000), 0);
    let mut isolated = self::gate();
    isolated.isolate(1_000);
    isolated.database_returned(1_000, 2_000);
    assert_eq!(isolated.room(2_000), 0, "staff's word stands");
}
