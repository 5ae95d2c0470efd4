use std::collections::BTreeSet;

use sqlx::types::Json;

use super::*;

/// What the database would give.
fn page(ids: &BTreeSet<u128>, (above, below, orders_max): Range) -> Vec<PlacedOrder> {
    let between = ids.iter().rev().map(|id| Uuid::from_u128(*id));
    let between = between.filter(|id| *id > above && *id < below).take(orders_max);
    let order = |order_id| PlacedOrder {
        order_id,
        reservation_id: order_id,
        state: "confirmed".to_owned(),
        version: 3,
        lines: Json(Vec::new()),
    };
    between.map(order).collect()
}

/// One round; the numbers it looked at.
fn round(walk: &mut Walk, ids: &BTreeSet<u128>, now: Instant) -> Vec<u128> {
    let mut seen = page(ids, walk.newest(4));
    walk.saw_newest(&seen);
    if let Some(range) = walk.past(3, now) {
        let past = page(ids, range);
        walk.saw_past(&past);
        seen.extend(past);
    }
    seen.iter().map(|order| order.order_id.as_u128()).collect()
}

#[test]
fn new_orders_come_first_and_the_history_is_walked_once_an_hour() {
    let (mut walk, mut ids, now) = (Walk::default(), BTreeSet::new(), Instant::now());
    assert_eq!(round(&mut walk, &ids, now), [0; 0]);
    ids.extend(1..=10);
    assert_eq!(round(&mut walk, &ids, now), [10, 9, 8, 7, 9, 8, 7]);
    ids.extend(11..=20);
    assert_eq!(round(&mut walk, &ids, now), [20, 19, 18, 17, 6, 5, 4], "some are left out");
    assert_eq!(round(&mut walk, &ids, now), [3, 2, 1]);
    assert!(walk.is_under_way());
    assert_eq!(round(&mut walk, &ids, now), [0; 0]);
    assert!(!walk.is_under_way());
    assert_eq!(round(&mut walk, &ids, now + PASS_EVERY / 2), [0; 0], "it rests");
    let later = now + PASS_EVERY;
    assert_eq!(round(&mut walk, &ids, later), [19, 18, 17]);
    assert_eq!(round(&mut walk, &ids, later), [16, 15, 14], "and now they are seen");
}
