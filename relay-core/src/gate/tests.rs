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
