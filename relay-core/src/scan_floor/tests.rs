use super::*;

const FIRST: Uuid = Uuid::from_u128(7_000);

#[test]
fn a_short_way_to_the_first_message_is_always_gone_from_the_beginning() {
    let mut floor = ScanFloor::default();
    assert_eq!(
        (floor.floor(), floor.below_first(), floor.is_expensive()),
        (Uuid::nil(), Uuid::nil(), false)
    );
    floor.measured(Some(FIRST), Uuid::nil(), 1);
    assert_eq!((floor.floor(), floor.below_first()), (Uuid::nil(), Uuid::from_u128(6_999)));
}

#[test]
fn a_long_way_is_gone_once_and_then_scans_begin_just_below_the_first_message() {
    let mut floor = ScanFloor::default();
    floor.measured(Some(FIRST), Uuid::nil(), 50);
    assert_eq!((floor.floor(), floor.is_expensive()), (Uuid::from_u128(6_999), true));
    floor.measured(None, Uuid::from_u128(9_000), 50);
    assert_eq!(
        floor.floor(),
        Uuid::from_u128(9_000),
        "an empty list: only newer ones are expected"
    );
    floor.measured(Some(FIRST), Uuid::from_u128(9_000), 50);
    assert_eq!(floor.floor(), Uuid::from_u128(6_999), "an older one has come after all");
    floor.measured(None, Uuid::from_u128(9_000), 0);
    assert_eq!(floor.floor(), Uuid::nil());
}

#[test]
fn what_cannot_be_gone_to_the_end_leaves_the_floor_where_it_was() {
    let mut floor = ScanFloor::default();
    floor.measured(Some(FIRST), Uuid::nil(), 0);
    floor.measuring_failed();
    assert_eq!(floor.floor(), Uuid::from_u128(6_999));
}
