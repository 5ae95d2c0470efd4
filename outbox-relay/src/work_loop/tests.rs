use super::*;

#[test]
fn the_floor_stays_a_quarter_second_below_the_newest_claim() {
    let made_ms: u128 = 1_800_000_000_000;
    let newest = Uuid::from_u128((made_ms << 80) | 0x7abc_def0_1234_5678_9abc);
    assert_eq!(below(newest).as_u128() >> 80, made_ms - 250);
    assert!(below(newest) < newest);
    assert_eq!(below(Uuid::nil()), Uuid::nil());
}
