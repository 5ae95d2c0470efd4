use crate::breaker::suspects::{FAILURES_MAX, ITEMS_MAX, Reply, Suspects};
use crate::breaker::{Breaker, BreakerConfig, BreakerState, Outcome};
use Outcome::{Answered, Discounted, Failed};
use Reply::{Error, Missing};

fn fails(suspects: &mut Suspects, item: &str) -> Outcome {
    suspects.judge(Error, &[item], 0)
}

fn is_answered(suspects: &mut Suspects, item: &str) {
    assert_eq!(suspects.judge(Reply::Answered, &[item], 0), Answered);
}

#[test]
fn a_bad_item_counts_three_times_once_others_are_answered() {
    let mut suspects = Suspects::default();
    for _ in 0..FAILURES_MAX {
        assert_eq!(fails(&mut suspects, "bad"), Failed);
        is_answered(&mut suspects, "good");
    }
    for _ in 0..100 {
        assert_eq!(fails(&mut suspects, "bad"), Discounted);
    }
    assert_eq!(fails(&mut suspects, "good"), Failed, "the others still count");
}

#[test]
fn where_nothing_else_is_answered_a_failure_is_the_services() {
    let mut suspects = Suspects::default();
    is_answered(&mut suspects, "only");
    for _ in 0..100 {
        assert_eq!(fails(&mut suspects, "only"), Failed, "the only item there is");
        assert_eq!(fails(&mut suspects, "other"), Failed, "or all of them fail");
    }
    is_answered(&mut suspects, "other");
    assert_eq!(fails(&mut suspects, "only"), Discounted, "one answer tells");
}

#[test]
fn one_good_answer_clears_an_item() {
    let mut suspects = Suspects::default();
    for _ in 0..FAILURES_MAX {
        fails(&mut suspects, "bad");
    }
    is_answered(&mut suspects, "good");
    assert!(suspects.is_suspect("bad"));
    is_answered(&mut suspects, "bad");
    assert!(!suspects.is_suspect("bad"));
    assert_eq!(fails(&mut suspects, "bad"), Failed);
}

#[test]
fn a_call_for_several_items_is_discounted_for_the_bad_one_among_them() {
    let mut suspects = Suspects::default();
    for _ in 0..FAILURES_MAX {
        suspects.judge(Error, &["good", "bad"], 0);
        is_answered(&mut suspects, "good");
    }
    assert_eq!(suspects.judge(Error, &["good", "bad"], 0), Discounted);
    assert!(!suspects.is_suspect("good"));
}

#[test]
fn an_order_that_was_tried_three_times_counts_no_more() {
    let mut suspects = Suspects::default();
    for attempts in 0..FAILURES_MAX {
        assert_eq!(suspects.judge(Error, &["a"], attempts), Failed);
    }
    assert_eq!(suspects.judge(Error, &["a"], FAILURES_MAX), Discounted);
}

#[test]
fn no_answer_is_always_the_services_fault() {
    let mut suspects = Suspects::default();
    for _ in 0..100 {
        fails(&mut suspects, "bad");
        is_answered(&mut suspects, "good");
        assert_eq!(suspects.judge(Missing, &["bad"], 100), Failed);
    }
}

#[test]
fn where_very_many_items_fail_none_is_to_blame() {
    let mut suspects = Suspects::default();
    for nth in 0..2 * ITEMS_MAX {
        assert_eq!(fails(&mut suspects, &nth.to_string()), Failed);
    }
    assert!(suspects.items.len() <= ITEMS_MAX);
}

/// Two calls a second for three bad items, one for good ones: after each bad item's first three failures
/// the breaker opens no more.
#[test]
fn a_steady_trickle_of_bad_items_does_not_hold_the_breaker_open() {
    let (mut breaker, mut suspects) =
        (Breaker::new(BreakerConfig::default(), 1), Suspects::default());
    let (mut refused, mut opens) = (0, 0);
    for second in 0..600 {
        let now_ms = second * 1_000;
        for nth in 0..3 {
            let bad = format!("bad-{}", (second + nth) % 3);
            let (reply, item) = if nth < 2 { (Error, &*bad) } else { (Reply::Answered, "good") };
            match breaker.acquire(now_ms, 1) {
                Ok(permit) => {
                    breaker.finish(permit, suspects.judge(reply, &[item], 0), now_ms);
                }
                Err(_) => refused += u64::from(second >= 60),
            }
        }
        if second == 60 {
            opens = breaker.statistics(now_ms).totals.opens;
        }
    }
    let statistics = breaker.statistics(600_000);
    assert_eq!(statistics.state, BreakerState::Closed);
    assert_eq!((statistics.totals.opens, refused), (opens, 0), "after the first minute");
}
