use super::*;

fn settings() -> Settings {
    Settings { latency: false, ..Settings::default() }
}

fn faults(settings: &Settings, calls: u64) -> Vec<Option<Fault>> {
    (0..calls).map(|call| plan(settings, call).fault).collect()
}

/// The calls that are late, counted from 1.
fn late(settings: &Settings, calls: u64) -> Vec<u64> {
    (0..calls).filter(|call| plan(settings, *call).delay_ms > 0).map(|call| call + 1).collect()
}

#[test]
fn every_third_call_is_late_by_the_same_time() {
    let settings =
        Settings { latency: true, latency_ms: 50, latency_every: 3, ..Settings::default() };
    assert_eq!(late(&settings, 10), [3, 6, 9]);
    assert!((0..10).all(|call| matches!(plan(&settings, call).delay_ms, 0 | 50)));
    assert_eq!(plan(&settings, 2).fault, None);
}

#[test]
fn jitter_adds_up_to_its_bound_and_is_the_same_again() {
    let settings =
        Settings { latency: true, latency_ms: 100, jitter_ms: 20, ..Settings::default() };
    let delays: Vec<u64> = (0..500).map(|call| plan(&settings, call).delay_ms).collect();
    assert!(delays.iter().all(|delay| (100..=120).contains(delay)));
    assert!(delays.contains(&100) && delays.contains(&120));
    assert_eq!(delays, (0..500).map(|call| plan(&settings, call).delay_ms).collect::<Vec<_>>());
}

#[test]
fn a_rate_of_a_quarter_is_every_fourth_call_and_kinds_take_turns() {
    let settings =
        Settings { crash_rate: 0.25, crash_kinds: vec![Crash::Error500, Crash::Cut], ..settings() };
    let crash = |kind| Some(Fault::Crash(kind));
    let (first, second) = (crash(Crash::Error500), crash(Crash::Cut));
    assert_eq!(
        faults(&settings, 12),
        [None, None, None, first, None, None, None, second, None, None, None, first]
    );
}

#[test]
fn crashes_and_losses_keep_their_shares_beside_each_other() {
    for seed in [None, Some(7)] {
        let settings = Settings { crash_rate: 0.5, partial_failure_rate: 0.25, seed, ..settings() };
        let faults = faults(&settings, 10_000);
        let crashes = faults.iter().filter(|f| matches!(f, Some(Fault::Crash(_)))).count();
        let losses = faults.iter().filter(|f| matches!(f, Some(Fault::Lose(_)))).count();
        let tolerance = if seed.is_some() { 200 } else { 0 };
        assert!(crashes.abs_diff(5_000) <= tolerance, "{seed:?}: {crashes}");
        assert!(losses.abs_diff(2_500) <= tolerance, "{seed:?}: {losses}");
    }
}

#[test]
fn the_same_seed_draws_the_same_and_another_does_not() {
    let with = |seed| Settings { crash_rate: 0.3, seed: Some(seed), ..settings() };
    assert_eq!(faults(&with(1), 1_000), faults(&with(1), 1_000));
    assert_ne!(faults(&with(1), 1_000), faults(&with(2), 1_000));
}

#[test]
fn bounds_are_kept_at_both_ends() {
    assert_eq!(faults(&settings(), 1_000), vec![None; 1_000]);
    let always = Settings { partial_failure_rate: 1.0, ..settings() };
    assert!(faults(&always, 1_000).iter().all(|f| matches!(f, Some(Fault::Lose(_)))));
    assert_eq!(plan(&always, u64::MAX - 1).delay_ms, 0);
    let without_kinds = Settings { crash_rate: 1.0, crash_kinds: vec![], ..settings() };
    assert_eq!(faults(&without_kinds, 10), vec![None; 10]);
}
