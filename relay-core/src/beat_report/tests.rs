use super::*;

const QUIET: Beat =
    Beat { others_stale: false, fresh_work: false, any_held: false, next_due_ms: None };

fn report(beat: Beat) -> BeatReport {
    BeatReport::default().followed_by(beat, 1_000)
}

#[test]
fn before_the_first_beat_anything_may_be() {
    let none = BeatReport::default();
    assert!(none.may_be_due(0) && none.may_hold() && !none.has_work() && !none.is_idle());
}

#[test]
fn what_waits_may_be_due_from_its_time_on() {
    let waits = report(Beat { next_due_ms: Some(200), ..QUIET });
    assert_eq!(waits.next_due_at_ms(), Some(1_200));
    assert!(!waits.may_be_due(1_199) && waits.may_be_due(1_200) && !waits.has_work());
    let overdue = report(Beat { next_due_ms: Some(-1), ..QUIET });
    assert!(overdue.may_be_due(0) && overdue.has_work());
    assert_eq!(overdue.next_due_at_ms(), None, "there is no moment to wait for");
    assert!(!report(QUIET).may_be_due(u64::MAX));
}

#[test]
fn a_silent_member_and_an_unclaimed_message_are_work() {
    assert!(report(Beat { others_stale: true, ..QUIET }).has_work());
    assert!(report(Beat { fresh_work: true, ..QUIET }).has_work());
    let held = report(Beat { any_held: true, ..QUIET });
    assert!(!held.has_work() && held.may_hold() && !held.is_idle());
    assert!(report(QUIET).is_idle());
}
