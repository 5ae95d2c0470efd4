use proptest::prelude::*;

use super::*;

#[test]
fn the_ceiling_doubles_up_to_the_cap() {
    let ceiling = |attempt| delay_ms(attempt, None, u32::MAX);
    assert_eq!(
        [1, 2, 3, 9, 10, 4_000_000_000].map(ceiling),
        [100, 200, 400, 25_600, 30_000, 30_000]
    );
}

#[test]
fn never_comes_back_before_it_was_told() {
    assert_eq!(delay_ms(1, Some(2_000), 0), 2_000);
    assert_eq!(delay_ms(1, Some(u64::MAX), 0), RETRY_AFTER_MAX_MS);
}

proptest! {
    #[test]
    fn stays_within_its_ceiling(attempt in 1_u32.., jitter: u32) {
        prop_assert!(delay_ms(attempt, None, jitter) <= CAP_MS);
    }
}
