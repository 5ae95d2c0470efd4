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
    assert_eq!(budget.next_in_ms(0), None);
}

#[test]
fn the_floor_pays_by_time() {
    let mut budget = RetryBudget::new(RetryBudgetConfig::default(), 5_000);
    assert_eq!(budget.withdraw(5_000, 500), 100, "one second of the floor at the start");
    assert_eq!(budget.next_in_ms(5_000), Some(10));
    assert_eq!(budget.withdraw(5_009, 1), 0);
    assert_eq!(budget.withdraw(5_010, 1), 1);
    assert_eq!(budget.balance(7_010), 200);
    assert_eq!(budget.next_in_ms(7_010), Some(0));
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

#[derive(Debug, Clone)]
enum Use {
    First(u32),
    Retry(u32),
    Wait(u64),
}

fn uses() -> impl Strategy<Value = Vec<Use>> {
    let one = prop_oneof![
        (0..200_u32).prop_map(Use::First),
        (0..200_u32).prop_map(Use::Retry),
        (0..2_000_u64).prop_map(Use::Wait),
    ];
    proptest::collection::vec(one, 0..200)
}

proptest! {
    /// The second half of invariant I10, over any history.
    #[test]
    fn retries_never_exceed_the_share_plus_the_floor(
        percent in 0..=100_u32,
        floor_per_second in 0..50_u32,
        saved_max in 0..500_u32,
        uses in uses(),
    ) {
        let config = RetryBudgetConfig { percent, floor_per_second, saved_max };
        let mut budget = RetryBudget::new(config, 0);
        let (mut now_ms, mut first, mut granted) = (0, 0_u64, 0_u64);
        for one in uses {
            match one {
                Use::First(calls) => { first += u64::from(calls); budget.record_first_tries(calls) }
                Use::Retry(calls) => {
                    let got = budget.withdraw(now_ms, calls);
                    prop_assert!(got <= calls && got <= saved_max);
                    granted += u64::from(got);
                }
                Use::Wait(ms) => now_ms += ms,
            }
            let floor = u64::from(floor_per_second) * (1_000 + now_ms);
            prop_assert!(granted * 1_000 <= first * u64::from(percent) * 10 + floor);
        }
    }
}
