use super::{RetryBudget, RetryBudgetConfig};
use proptest::prelude::*;

const NO_FLOOR: RetryBudgetConfig =
    RetryBudgetConfig { percent: 20, floor_per_second: 0, saved_max: 100 };

#[test]
fn five_first_tries_pay_for_one_retry() {
    let mut budget = RetryBudget::new(NO_FLOOR, 0);
    budget.record_first_tries(4);
    assert_eq!(budget.withdraw(0, 1), 0);
    budget.record_first_tries(1);
    assert_eq!(budget.withdraw(0, 3), 1);
    assert_eq!(budget.withdraw(0, 1), 0);
}

#[test]
fn the_floor_pays_by_time() {
    let mut budget = RetryBudget::new(RetryBudgetConfig::default(), 5_000);
    assert_eq!(budget.withdraw(5_000, 500), 100, "one second of the floor at the start");
    assert_eq!(budget.withdraw(5_009, 1), 0);
    assert_eq!(budget.withdraw(5_010, 1), 1);
    assert_eq!(budget.balance(7_010), 200);
}

#[test]
fn what_is_saved_is_bounded() {
    let mut budget = RetryBudget::new(RetryBudgetConfig::default(), 0);
    budget.record_first_tries(1_000_000);
    assert_eq!(budget.balance(3_600_000), 1_000);
    assert_eq!(budget.balance(0), 1_000, "a clock that goes back takes nothing");
}

#[test]
fn totals_say_what_was_put_off() {
    let mut budget = RetryBudget::new(NO_FLOOR, 0);
    budget.record_first_tries(10);
    budget.withdraw(0, 5);
    let totals = budget.totals();
    assert_eq!((totals.first_tries, totals.granted, totals.refused), (10, 2, 3));
}

#[test]
fn who_is_refused_gets_a_turn_of_its_own() {
    let config = RetryBudgetConfig { percent: 20, floor_per_second: 100, saved_max: 2 };
    let mut budget = RetryBudget::new(config, 0);
    let grant = budget.ask(0, 5);
    assert_eq!((grant.granted, grant.later_ms), (2, vec![10, 20, 30]));
    let grant = budget.ask(5, 1);
    assert_eq!(grant.later_ms, [35], "behind those who came before");
    let grant = budget.ask(1_000_000, 3);
    assert_eq!(
        (grant.granted, grant.later_ms),
        (2, vec![10]),
        "nobody waits for a turn of the past"
    );
}

#[test]
fn nobody_waits_longer_than_half_a_minute_and_crowds_are_spread() {
    for floor_per_second in [0, 1, 100] {
        let config = RetryBudgetConfig { percent: 20, floor_per_second, saved_max: 0 };
        let mut budget = RetryBudget::new(config, 0);
        let later = budget.ask(0, 50_000).later_ms;
        assert_eq!(later.len(), 50_000);
        assert!(later.iter().all(|ms| (1..=30_000).contains(ms)), "{floor_per_second}");
        let first_half = later.iter().filter(|ms| **ms < 15_000).count();
        assert!(first_half <= 1_500, "{floor_per_second}");
    }
}

#[test]
fn a_retry_that_is_answered_pays_for_the_next() {
    let mut budget = RetryBudget::new(NO_FLOOR, 0);
    budget.record_first_tries(5);
    for _ in 0..1_000 {
        assert_eq!(budget.withdraw(0, 2), 1);
        budget.refund();
    }
    assert_eq!(budget.withdraw(0, 2), 1, "and this one fails");
    assert_eq!(budget.withdraw(0, 1), 0);
    let totals = budget.totals();
    assert_eq!((totals.granted, totals.answered), (1_001, 1_000));
}

#[derive(Debug, Clone)]
enum Use {
    First(u32),
    Retry(u32),
    Answered(u32),
    Wait(u64),
}

fn uses() -> impl Strategy<Value = Vec<Use>> {
    let one = prop_oneof![
        (0..200_u32).prop_map(Use::First),
        (0..200_u32).prop_map(Use::Retry),
        (0..200_u32).prop_map(Use::Answered),
        (0..2_000_u64).prop_map(Use::Wait),
    ];
    proptest::collection::vec(one, 0..200)
}

proptest! {
    /// The second half of invariant I10, over any history.
    #[test]
    fn failing_retries_never_exceed_the_share_plus_the_floor(
        percent in 0..=100_u32,
        floor_per_second in 0..50_u32,
        saved_max in 0..500_u32,
        uses in uses(),
    ) {
        let config = RetryBudgetConfig { percent, floor_per_second, saved_max };
        let mut budget = RetryBudget::new(config, 0);
        let (mut now_ms, mut first, mut granted, mut answered) = (0, 0_u64, 0_u64, 0_u64);
        for one in uses {
            match one {
                Use::First(calls) => { first += u64::from(calls); budget.record_first_tries(calls) }
                Use::Retry(calls) => {
                    let got = budget.withdraw(now_ms, calls);
                    prop_assert!(got <= calls && got <= saved_max);
                    granted += u64::from(got);
                }
                Use::Answered(calls) => {
                    let calls = u64::from(calls).min(granted - answered);
                    answered += calls;
                    (0..calls).for_each(|_| budget.refund());
                }
                Use::Wait(ms) => now_ms += ms,
            }
            let floor = u64::from(floor_per_second) * (1_000 + now_ms);
            prop_assert!((granted - answered) * 1_000 <= first * u64::from(percent) * 10 + floor);
        }
    }
}
