use super::{Drain, DrainConfig, Share};
use proptest::prelude::*;

const CONFIG: DrainConfig =
    DrainConfig { rate_per_second: 1_000, fresh_percent: 50, burst_ms: 100 };

fn earned(config: DrainConfig, ms: u64) -> Drain {
    let mut drain = Drain::start(config, 1_000_000, 0);
    drain.advance(ms);
    drain
}

#[test]
fn places_are_shared_as_the_table_says() {
    // 100 ms at 1,000/s: the backlog may have up to 100.
    let cases = [
        // slots, fresh waiting, fresh, backlog
        (0, 50, 0, 0),
        (100, 0, 0, 100),
        (500, 0, 0, 100),
        (500, 1_000, 400, 100),
        (100, 1_000, 50, 50),
        (100, 10, 10, 90),
        (7, 1_000, 4, 3),
        (150, 100, 75, 75),
        (200, 100, 100, 100),
    ];
    for (slots, fresh_waiting, fresh, backlog) in cases {
        let mut drain = earned(CONFIG, 100);
        drain.fresh_owed = 50;
        let share = drain.share(100, slots, fresh_waiting);
        assert_eq!(share, Share { fresh, backlog }, "{slots} slots, {fresh_waiting} fresh");
    }
}

#[test]
fn one_place_at_a_time_alternates() {
    let mut drain = earned(CONFIG, 100);
    let shares: Vec<u32> = (0..6).map(|_| drain.share(100, 1, 9).fresh).collect();
    assert_eq!(shares, [0, 1, 0, 1, 0, 1]);
}

#[test]
fn fifty_thousand_are_woken_at_the_pace_while_fresh_orders_pass() {
    let mut drain = Drain::start(CONFIG, 50_000, 0);
    let (mut now_ms, mut woken, mut fresh) = (0, 0_u64, 0_u64);
    while !drain.is_done() {
        now_ms += 10;
        let share = drain.share(now_ms, 40, 20);
        woken += u64::from(share.backlog);
        fresh += u64::from(share.fresh);
        assert!(woken <= now_ms, "never above the pace");
        assert_eq!(share.fresh, 20, "the fresh share is served at once");
    }
    assert_eq!((woken, now_ms, fresh), (50_000, 50_000, 100_000));
}

#[test]
fn a_relay_that_slept_does_not_wake_a_herd() {
    let mut drain = earned(CONFIG, 3_600_000);
    assert_eq!(drain.share(3_600_000, 10_000, 0).backlog, 100, "100 ms of the pace");
}

#[test]
fn what_was_not_found_is_given_back() {
    let mut drain = earned(CONFIG, 50);
    assert_eq!(drain.share(50, 40, 0).backlog, 40);
    drain.give_back(30);
    assert_eq!(drain.share(50, 100, 0).backlog, 40);
}

#[test]
fn the_estimate_uses_the_measured_rate_as_soon_as_there_is_one() {
    let drain = Drain::start(CONFIG, 50_000, 10_000);
    let first = drain.estimate(10_500, 49_900);
    assert_eq!((first.rate_per_second, first.done_in_ms), (1_000, 49_900));
    let later = drain.estimate(20_000, 45_000);
    assert_eq!((later.rate_per_second, later.done_in_ms), (500, 90_000));
    let none = drain.estimate(20_000, 50_000);
    assert_eq!((none.rate_per_second, none.done_in_ms), (1_000, 50_000));
    assert_eq!(drain.estimate(60_000, 0).done_in_ms, 0);
}

proptest! {
    #[test]
    fn nobody_starves_and_nothing_is_wasted(
        rate_per_second in 1..5_000_u32,
        fresh_percent in 0..=100_u32,
        burst_ms in 0..1_000_u32,
        rounds in proptest::collection::vec((0..500_u64, 0..200_u32, 0..400_u32), 1..100),
    ) {
        let config = DrainConfig { rate_per_second, fresh_percent, burst_ms };
        let mut drain = Drain::start(config, u64::from(u32::MAX), 0);
        let (mut now_ms, mut woken) = (0, 0_u64);
        for (wait_ms, slots, fresh_waiting) in rounds {
            now_ms += wait_ms;
            drain.advance(now_ms);
            let ready = u32::try_from(drain.pace_parts / 1_000).unwrap();
            let owed = drain.fresh_owed;
            let Share { fresh, backlog } = drain.share(now_ms, slots, fresh_waiting);
            woken += u64::from(backlog);

            prop_assert!(fresh <= fresh_waiting && backlog <= ready);
            prop_assert_eq!(fresh + backlog, slots.min(fresh_waiting + ready), "no slot idle");
            let kept = (slots * fresh_percent + owed) / 100;
            prop_assert!(fresh >= fresh_waiting.min(kept), "the fresh share");
            prop_assert!(backlog >= ready.min(slots - kept.min(slots)), "the backlog's share");
            prop_assert!(woken * 1_000 <= now_ms * u64::from(rate_per_second));
        }
    }
}
