use super::Backoff;
use proptest::prelude::*;

#[test]
fn the_ceiling_doubles_up_to_the_cap() {
    let backoff = Backoff::default();
    let cases = [
        (0, 100),
        (1, 100),
        (2, 200),
        (3, 400),
        (9, 25_600),
        (10, 30_000),
        (64, 30_000),
        (65, 30_000),
        (u32::MAX, 30_000),
    ];
    for (attempts, ceiling_ms) in cases {
        assert_eq!(backoff.ceiling_ms(attempts), ceiling_ms, "after {attempts} attempts");
    }
}

#[test]
fn jitter_covers_the_whole_range() {
    let backoff = Backoff::default();
    let cases = [
        (1, 0, None, 0),
        (1, u32::MAX, None, 100),
        (1, u32::MAX / 2, None, 50),
        (10, u32::MAX, None, 30_000),
        (1, 0, Some(7_000), 7_000),
        (1, u32::MAX, Some(7_000), 7_100),
        (1, 0, Some(u64::MAX), 300_000),
    ];
    for (attempts, jitter, retry_after_ms, delay_ms) in cases {
        let case = (attempts, jitter, retry_after_ms);
        assert_eq!(backoff.delay_ms(attempts, retry_after_ms, jitter), delay_ms, "{case:?}");
    }
}

proptest! {
    #[test]
    fn a_delay_stays_within_its_bounds(
        base_ms in 0..u64::MAX,
        cap_ms in 0..u64::MAX,
        attempts: u32,
        jitter: u32,
        retry_after_ms in proptest::option::of(0..u64::MAX),
    ) {
        let backoff = Backoff { base_ms, cap_ms, ..Backoff::default() };
        let asked_ms = retry_after_ms.unwrap_or(0).min(backoff.retry_after_max_ms);
        let delay_ms = backoff.delay_ms(attempts, retry_after_ms, jitter);
        prop_assert!(delay_ms >= asked_ms);
        prop_assert!(delay_ms <= asked_ms.saturating_add(backoff.ceiling_ms(attempts)));
        prop_assert!(backoff.ceiling_ms(attempts) <= cap_ms);
    }

    #[test]
    fn more_attempts_never_lower_the_ceiling(attempts in 0..100_u32) {
        let backoff = Backoff::default();
        prop_assert!(backoff.ceiling_ms(attempts) <= backoff.ceiling_ms(attempts + 1));
    }
}
