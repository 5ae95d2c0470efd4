mod reference;
mod suspects;
mod walk;

use super::{
    Breaker, BreakerConfig, BreakerState, Change, Outcome, Permit, Recorded, RefusalReason, Why,
};
use Outcome::{Answered, Failed};

fn breaker() -> Breaker {
    Breaker::new(BreakerConfig::default(), 7)
}

fn call(breaker: &mut Breaker, outcome: Outcome, now_ms: u64) {
    let permit = breaker.acquire(now_ms, 1).expect("admitted");
    breaker.finish(permit, outcome, now_ms);
}

fn state(breaker: &mut Breaker, now_ms: u64) -> BreakerState {
    breaker.statistics(now_ms).state
}

/// Opens it at `now_ms` and returns when it will be half-open.
fn trip(breaker: &mut Breaker, now_ms: u64) -> u64 {
    for _ in 0..5 {
        call(breaker, Failed, now_ms);
    }
    assert_eq!(state(breaker, now_ms), BreakerState::Open);
    now_ms + breaker.statistics(now_ms).next_try_in_ms.expect("an open breaker says when")
}

/// Answers probes until it is closed.
fn recover(breaker: &mut Breaker, now_ms: u64) {
    while state(breaker, now_ms) == BreakerState::HalfOpen {
        call(breaker, Answered, now_ms);
    }
    assert_eq!(state(breaker, now_ms), BreakerState::Closed);
}

#[test]
fn trips_as_the_table_says() {
    struct Case {
        name: &'static str,
        calls: Vec<(Outcome, u64)>,
        opens: bool,
    }
    let mixed = |failed: usize, answered: usize| -> Vec<(Outcome, u64)> {
        let mut calls = Vec::new();
        // Failures are spread so that never five stand in a row.
        for index in 0..failed.max(answered) {
            calls.extend((index < failed).then_some((Failed, 0)));
            calls.extend((index < answered).then_some((Answered, 0)));
        }
        calls
    };
    let cases = [
        Case { name: "4 failures in a row", calls: vec![(Failed, 0); 4], opens: false },
        Case { name: "5 failures in a row", calls: vec![(Failed, 0); 5], opens: true },
        Case { name: "50 % of 10", calls: mixed(5, 5), opens: true },
        Case { name: "40 % of 10", calls: mixed(4, 6), opens: false },
        Case { name: "50 % of 8, too few", calls: mixed(4, 4), opens: false },
        Case { name: "100 answers", calls: mixed(0, 100), opens: false },
        Case { name: "slow 8 of 10", calls: slow(8, 2), opens: true },
        Case { name: "slow 7 of 10", calls: slow(7, 3), opens: false },
        Case { name: "slow 9 of 9, too few", calls: slow(9, 0), opens: false },
    ];
    for Case { name, calls, opens } in cases {
        let mut breaker = breaker();
        for (outcome, took_ms) in calls {
            if let Ok(permit) = breaker.acquire(0, 1) {
                // Started together, ended apart: `started_at` stays 0 although time went on.
                let permit = Permit { started_at_ms: 3_000 - took_ms, ..permit };
                breaker.finish(permit, outcome, 3_000);
            }
        }
        let expected = if opens { BreakerState::Open } else { BreakerState::Closed };
        assert_eq!(state(&mut breaker, 3_000), expected, "{name}");
    }
}

fn slow(slow: usize, fast: usize) -> Vec<(Outcome, u64)> {
    [vec![(Answered, 2_000); slow], vec![(Answered, 1_999); fast]].concat()
}

#[test]
fn the_window_slides_by_the_second() {
    let mut breaker = breaker();
    for second in 0..4 {
        call(&mut breaker, Failed, second * 1_000);
    }
    call(&mut breaker, Answered, 4_000);
    assert_eq!(breaker.statistics(9_999).counts.failed, 4);
    assert_eq!(breaker.statistics(10_000).counts.failed, 3);
    assert_eq!(breaker.statistics(12_000).buckets.len(), 2);
    for _ in 0..6 {
        call(&mut breaker, Answered, 12_000);
    }
    let statistics = breaker.statistics(12_000);
    assert_eq!((statistics.counts.calls, statistics.counts.failed), (8, 1));
    assert_eq!(statistics.state, BreakerState::Closed);
}

#[test]
fn a_business_no_never_opens_it() {
    let mut breaker = breaker();
    for _ in 0..10_000 {
        // "Insufficient stock" reaches the breaker as an answer.
        call(&mut breaker, Answered, 500);
    }
    assert_eq!(state(&mut breaker, 500), BreakerState::Closed);
    assert_eq!(breaker.statistics(500).totals.opens, 0);
}

#[test]
fn half_open_admits_one_then_two_then_four() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 0);
    assert_eq!(breaker.acquire(at - 1, 9).unwrap_err().reason, RefusalReason::Open);
    for permits in [1, 2, 4] {
        let mut out: Vec<Permit> = Vec::new();
        while let Ok(permit) = breaker.acquire(at, 1) {
            out.push(permit);
        }
        assert_eq!(out.len(), permits);
        assert_eq!(breaker.acquire(at, 1).unwrap_err().reason, RefusalReason::ProbesInFlight);
        for permit in out {
            breaker.finish(permit, Answered, at);
        }
    }
    assert_eq!(state(&mut breaker, at), BreakerState::Closed);
}

#[test]
fn a_dropped_permit_gives_its_place_back() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 0);
    for _ in 0..100 {
        let permit = breaker.acquire(at, 1).expect("the place is free again");
        breaker.abandon(permit);
    }
    assert_eq!(breaker.statistics(at).totals.abandoned, 100);
    assert_eq!(state(&mut breaker, at), BreakerState::HalfOpen);
}

#[test]
fn a_batch_gets_what_fits() {
    let mut breaker = breaker();
    assert_eq!(breaker.acquire(0, 500).unwrap().calls(), 500);
    let at = trip(&mut breaker, 0);
    let probe = breaker.acquire(at, 500).unwrap();
    assert_eq!((probe.calls(), probe.is_probe()), (1, true));
    breaker.finish(probe, Answered, at);
    assert_eq!(breaker.acquire(at, 500).unwrap().calls(), 2);
}

#[test]
fn a_lost_batch_is_one_answer_and_many_calls() {
    let mut breaker = breaker();
    for _ in 0..4 {
        let permit = breaker.acquire(0, 100).unwrap();
        breaker.finish(permit, Failed, 0);
    }
    assert_eq!(state(&mut breaker, 0), BreakerState::Closed, "four in a row, four answers");
    let counts = breaker.statistics(0).counts;
    assert_eq!((counts.answers, counts.calls, counts.failed), (4, 400, 400));
    call(&mut breaker, Failed, 0);
    assert_eq!(state(&mut breaker, 0), BreakerState::Open);
}

#[test]
fn a_batch_can_be_answered_entry_by_entry() {
    let mut breaker = breaker();
    let mut batch = breaker.acquire(0, 3).unwrap();
    let first = batch.take(1).unwrap();
    assert_eq!(breaker.finish(first, Answered, 0), Recorded::Counted);
    assert_eq!(breaker.statistics(0).permits_in_flight, 2);
    let rest = batch.take(9).unwrap();
    assert_eq!(rest.calls(), 2);
    assert!(batch.take(1).is_none());
    assert_eq!(breaker.finish(rest, Failed, 0), Recorded::Counted);
    assert_eq!(breaker.finish(batch, Failed, 0), Recorded::Nothing);
    let statistics = breaker.statistics(0);
    assert_eq!((statistics.counts.calls, statistics.counts.answers), (3, 2));
    assert_eq!(statistics.permits_in_flight, 0);
}

#[test]
fn a_late_result_changes_nothing() {
    let mut breaker = breaker();
    let early = breaker.acquire(0, 1).unwrap();
    let at = trip(&mut breaker, 0);
    assert_eq!(breaker.finish(early, Answered, at), Recorded::Late);
    assert_eq!(state(&mut breaker, at), BreakerState::HalfOpen);

    let probe = breaker.acquire(at, 1).unwrap();
    breaker.close(at);
    let before = breaker.statistics(at);
    assert_eq!(breaker.finish(probe, Failed, at), Recorded::Late);
    let after = breaker.statistics(at);
    assert_eq!(after.counts, before.counts);
    assert_eq!(after.failures_in_row, 0);
    assert_eq!(after.generation, before.generation);
}

#[test]
fn a_probe_still_out_holds_its_place_over_generations() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 0);
    call(&mut breaker, Answered, at);
    let (lost, failing) = (breaker.acquire(at, 1).unwrap(), breaker.acquire(at, 1).unwrap());
    breaker.finish(failing, Failed, at);
    let later = at + breaker.statistics(at).next_try_in_ms.unwrap();
    assert_eq!(breaker.acquire(later, 1).unwrap_err().reason, RefusalReason::ProbesInFlight);
    breaker.abandon(lost);
    assert_eq!(breaker.acquire(later, 1).unwrap().calls(), 1);
}

#[test]
fn the_open_time_grows_up_to_its_cap_and_starts_afresh_after_a_lasting_recovery() {
    let config = BreakerConfig { open_max_ms: 120_000, ..BreakerConfig::default() };
    let mut breaker = Breaker::new(config, 7);
    let mut at = trip(&mut breaker, 0);
    let mut grown = Vec::new();
    for _ in 0..6 {
        call(&mut breaker, Failed, at);
        let open_ms = breaker.statistics(at).next_try_in_ms.unwrap();
        grown.push(open_ms);
        at += open_ms;
    }
    for (open_ms, base_ms) in grown.into_iter().zip([20_000, 40_000, 80_000, 120_000, 120_000]) {
        assert!((base_ms..=base_ms + base_ms / 4).contains(&open_ms), "{open_ms} of {base_ms}");
    }

    recover(&mut breaker, at);
    let flapping = trip(&mut breaker, at + 1_000);
    assert!(flapping - at > 120_000, "within the slow start the growth goes on");
    recover(&mut breaker, flapping);
    let lasting = flapping + 5_000;
    assert!(trip(&mut breaker, lasting) - lasting <= 12_500, "after it the first time is short");
}

#[test]
fn jitter_spreads_the_probes_of_several_relays() {
    let config = BreakerConfig::default();
    let open_ms = |seed| {
        let mut breaker = Breaker::new(config, seed);
        trip(&mut breaker, 0)
    };
    let mut times: Vec<u64> = (0..32).map(open_ms).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 25, "{times:?}");
    assert!(times.iter().all(|ms| (10_000..=12_500).contains(ms)), "{times:?}");
    assert_eq!(config.open_time_ms(1, 0), 10_000);
    assert_eq!(config.open_time_ms(1, u32::MAX), 12_499);
    assert_eq!(config.open_time_ms(u32::MAX, u32::MAX), 18_749);
}

#[test]
fn admission_is_ramped_after_closing() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 0);
    recover(&mut breaker, at);
    let cases = [(0, 4), (499, 4), (500, 8), (1_000, 16), (4_999, 2_048)];
    for (after_ms, limit) in cases {
        assert_eq!(breaker.admissible(at + after_ms), limit, "{after_ms} ms after closing");
    }
    let all = breaker.acquire(at + 4_999, 9_999).unwrap();
    let refusal = breaker.acquire(at + 4_999, 1).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry_in_ms), (RefusalReason::SlowStart, Some(1)));
    assert!(breaker.admissible(at + 5_000) > 1_000_000);
    breaker.finish(all, Answered, at + 5_000);
}

#[test]
fn staff_isolates_and_closes() {
    let mut breaker = breaker();
    breaker.isolate(0);
    let refusal = breaker.acquire(3_600_000, 1).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry_in_ms), (RefusalReason::Isolated, None));
    assert_eq!(state(&mut breaker, 3_600_000).gauge(), 1);
    breaker.close(3_600_000);
    assert_eq!(breaker.admissible(3_600_000), 4, "ramped as after a recovery");
    trip(&mut breaker, 3_600_000);
    breaker.close(3_600_001);
    assert_eq!(state(&mut breaker, 3_600_001), BreakerState::Closed);
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 50_000);
    assert_eq!(state(&mut breaker, at), BreakerState::HalfOpen);
    assert_eq!(state(&mut breaker, 0), BreakerState::HalfOpen);
    let probe = breaker.acquire(0, 1).unwrap();
    assert_eq!(breaker.finish(probe, Answered, 0), Recorded::Counted);
}

#[test]
fn the_trace_tells_the_story() {
    let mut breaker = breaker();
    let at = trip(&mut breaker, 1_000);
    recover(&mut breaker, at);
    state(&mut breaker, at + 5_000);
    let lines: Vec<String> =
        breaker.take_trace().iter().map(|mark| mark.change.to_string()).collect();
    let open_ms = at - 1_000;
    let mut expected = vec![
        format!("opened for {open_ms} ms (1 in a row): 5 failures in a row"),
        "half-open with 1 permits".to_owned(),
    ];
    for (permits, next) in [(1, Some(2)), (2, Some(4)), (4, None)] {
        for _ in 0..permits {
            expected.push(format!("probe started, 1 of {permits} permits in flight"));
            expected.push("probe ended (Answered), 0 in flight".to_owned());
        }
        expected.extend(next.map(|next| format!("permits raised to {next}")));
    }
    expected.push("closed with a slow start: every half-open call was answered".to_owned());
    expected.push("slow start ended".to_owned());
    assert_eq!(lines, expected);
    assert!(breaker.take_trace().is_empty());
}

#[test]
fn a_trace_nobody_takes_stays_bounded() {
    let mut breaker = breaker();
    for now_ms in 0..1_000 {
        breaker.isolate(now_ms);
    }
    let marks = breaker.take_trace();
    assert_eq!(marks.len(), 256);
    assert_eq!(marks.last().map(|mark| mark.at_ms), Some(999));
    assert_eq!(marks[0].change, Change::Isolated);
}

#[test]
fn statistics_are_plain_json() {
    let mut breaker = breaker();
    trip(&mut breaker, 0);
    let json = serde_json::to_value(breaker.statistics(0)).unwrap();
    assert_eq!(json["state"], "open");
    assert_eq!(json["totals"]["opens"], 1);
    let mark = breaker.take_trace()[0];
    assert!(matches!(mark.change, Change::Opened { why: Why::FailuresInRow { failures: 5 }, .. }));
    assert_eq!(serde_json::to_value(mark).unwrap()["change"], "opened");
}

/// Ten percent of the answers are lost, independently, 700 calls a second.
#[test]
fn chance_alone_opens_it_at_no_rate() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(17);
    let mut breaker = breaker();
    let mut longest = 0;
    for nth in 0..700 * 3_600_u64 {
        let outcome = if random.random_range(0..10) == 0 { Failed } else { Answered };
        call(&mut breaker, outcome, nth * 1_000 / 700);
        longest = longest.max(breaker.failures_in_row);
    }
    assert!(longest >= 5, "the old rule would have opened it");
    assert_eq!(breaker.totals.opens, 0);
}

#[test]
fn a_service_that_dies_at_a_high_rate_is_noticed_within_a_quarter_of_a_second() {
    let mut breaker = breaker();
    for nth in 0..7_000 {
        call(&mut breaker, Answered, nth / 7);
    }
    for now_ms in 1_000..1_248 {
        call(&mut breaker, Failed, now_ms);
    }
    assert_eq!(state(&mut breaker, 1_248), BreakerState::Closed);
    call(&mut breaker, Failed, 1_249);
    assert_eq!(state(&mut breaker, 1_249), BreakerState::Open);
}

#[test]
fn what_says_nothing_about_the_service_moves_the_breaker_in_no_state() {
    let mut breaker = breaker();
    for now_ms in 0..10_000 {
        call(&mut breaker, Outcome::Discounted, now_ms);
    }
    assert_eq!(state(&mut breaker, 10_000), BreakerState::Closed);
    let at = trip(&mut breaker, 10_000);
    for _ in 0..100 {
        call(&mut breaker, Outcome::Discounted, at);
    }
    assert_eq!(state(&mut breaker, at), BreakerState::HalfOpen, "the place is free again");
    recover(&mut breaker, at);
    let totals = breaker.statistics(at).totals;
    assert_eq!((totals.discounted, totals.failed), (10_100, 5));
}
