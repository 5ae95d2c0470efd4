use std::time::{Duration, Instant};

use super::{FailureLog, Line, REMIND_EVERY, WELL_AFTER};

#[test]
fn the_first_failure_is_logged_and_then_one_a_minute() {
    let log = FailureLog::new("cannot claim just now");
    let began = Instant::now();
    assert_eq!(log.count(began), Line::First);
    for tenth in 1..600 {
        assert_eq!(log.count(began + tenth * Duration::from_millis(100)), Line::None);
    }
    let reminder = Line::Reminder { failures: 601, lasted: REMIND_EVERY };
    assert_eq!(log.count(began + REMIND_EVERY), reminder);
    assert_eq!(log.count(began + REMIND_EVERY), Line::None);
    // Long after that it is another matter, though nobody told of a success.
    assert_eq!(log.count(began + 2 * REMIND_EVERY), Line::First);
}

#[test]
fn a_success_ends_the_run_once_it_has_not_failed_for_a_while() {
    let log = FailureLog::new("no heartbeat");
    let began = Instant::now();
    assert!(log.end(began).is_none());
    // It fails every other time: one run, whose first line is its only one.
    for tenth in 0..10 {
        let at = began + tenth * Duration::from_millis(200);
        assert_eq!(log.count(at) == Line::First, tenth == 0);
        assert!(log.end(at + Duration::from_millis(100)).is_none());
    }
    let run = log.end(began + Duration::from_millis(1800) + WELL_AFTER).expect("it is well again");
    assert_eq!((run.began, run.failures), (began, 10));
    assert!(log.end(began + REMIND_EVERY).is_none());
    assert_eq!(log.count(began + REMIND_EVERY), Line::First);
}
